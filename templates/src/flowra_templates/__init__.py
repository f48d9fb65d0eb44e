"""Project templates for Flowra node packs, as package data. This release holds none yet."""

__version__ = "0.1.0"
