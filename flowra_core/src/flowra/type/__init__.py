"""What flows over edges (value types), how ports are presented (component types), and how the two are checked."""
