"""Stores behind a network: an object store holds the bytes, and what a `Store` promises is built over it here."""
