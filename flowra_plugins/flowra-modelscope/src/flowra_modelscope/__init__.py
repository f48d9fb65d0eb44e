"""Models from ModelScope."""
