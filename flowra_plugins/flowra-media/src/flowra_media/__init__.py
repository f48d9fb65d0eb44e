"""Audio, video, meshes, point clouds, text."""

__version__ = "0.1.0"
