"""Surfaces of triangles and clouds of points: the values, files, and what can be done to them."""
