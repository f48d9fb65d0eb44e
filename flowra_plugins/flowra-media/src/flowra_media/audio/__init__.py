"""Sound: the value, files, and what can be done to it."""
