"""Project templates for Flowra node packs, as package data."""

__version__ = "0.1.0"
