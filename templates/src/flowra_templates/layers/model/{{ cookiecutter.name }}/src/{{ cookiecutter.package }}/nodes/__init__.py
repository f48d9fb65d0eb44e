"""The node classes, one module a group."""
