"""The version of Flowra, where modules can have it without importing the package's names."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
