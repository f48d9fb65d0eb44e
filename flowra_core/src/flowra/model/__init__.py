"""Models: from a hub to a path on this machine, pinned, verified, and there the next time without a network."""
