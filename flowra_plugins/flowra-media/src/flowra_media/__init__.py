"""Audio, video, meshes, point clouds, text."""
