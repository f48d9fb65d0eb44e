"""The node classes, by group."""
