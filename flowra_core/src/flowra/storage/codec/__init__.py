"""How values become bytes and come back; nothing that is read is ever executed."""
