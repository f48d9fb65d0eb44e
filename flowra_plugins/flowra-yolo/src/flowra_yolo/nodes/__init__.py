"""The nodes of this pack."""
