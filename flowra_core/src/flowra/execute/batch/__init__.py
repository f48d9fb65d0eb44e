"""A graph over many items: what they are, how they share a plan, and what comes of them."""
