"""Flowra: a graph execution engine for multimodal AI workflows, and the toolchain to write node packs for it."""

__version__ = "0.1.0"
