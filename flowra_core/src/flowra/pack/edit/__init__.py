"""Edits of a pack's source tree: each is made whole or not at all, and leaves the author's formatting as it is."""
