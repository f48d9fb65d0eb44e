"""The code that a node depends on, found on disk without importing any of it."""
