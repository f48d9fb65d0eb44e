"""How sound, videos, meshes and point clouds are checked, described, stored and written for people."""
