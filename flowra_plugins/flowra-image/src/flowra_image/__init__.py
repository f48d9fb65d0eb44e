"""Image nodes for Flowra: load, resize, filter, detect faces, draw, save."""

__version__ = "0.1.0"
