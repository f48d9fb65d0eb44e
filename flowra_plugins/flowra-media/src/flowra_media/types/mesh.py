"""Surfaces of triangles: `Mesh`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from flowra.type.handler import ValueHandler
from flowra.type.value_type import ValueType
from flowra_media.files import write_bytes
from flowra_media.mesh.files import encode_mesh, load_mesh
from flowra_media.mesh.rendering import View, render_mesh
from flowra_media.mesh.shapes import TriangleMesh
from flowra_media.packing import Buffer, pack_arrays, unpack_arrays
from flowra_media.pictures import png
from flowra_media.types.refusing import as_refusal, with_ending

__all__ = ["MeshHandler"]

_CODEC = "mesh"


class MeshHandler(ValueHandler[TriangleMesh]):
    """Takes meshes, pairs of vertices and faces, what has both (as trimesh's), and the paths of files."""

    def coerce(self, value: Any, spec: ValueType) -> TriangleMesh:
        """Return the mesh; raises ValueError saying why it can't be one."""
        if isinstance(value, TriangleMesh):
            return value
        if isinstance(value, (str, PurePath)):
            with as_refusal():
                return load_mesh(Path(value))
        if isinstance(value, (tuple, list)) and len(value) == 2:
            return TriangleMesh(value[0], value[1])
        vertices, faces = getattr(value, "vertices", None), getattr(value, "faces", None)
        if vertices is not None and faces is not None:
            return TriangleMesh(np.asarray(vertices), np.asarray(faces))
        raise ValueError(
            "expected a mesh (vertices and faces, or the path of a GLB, OBJ, PLY or STL file), "
            f"got {type(value).__name__}"
        )

    def to_json(self, value: TriangleMesh) -> Any:
        """Return the counts, and the SHA-256 of vertices and faces."""
        digest = hashlib.sha256()
        for array in (value.vertices.astype("<f4", copy=False), value.faces.astype("<i4", copy=False)):
            digest.update(array.reshape(-1).view(np.uint8).data)
        return {"vertices": len(value.vertices), "faces": len(value.faces), "sha256": digest.hexdigest()}

    def summarize(self, value: TriangleMesh) -> str:
        """Return `642 vertices, 1,280 triangles, 2 × 2 × 2 m`."""
        counts = f"{len(value.vertices):,} vertices, {len(value.faces):,} triangles"
        if not len(value.vertices):
            return counts
        size = value.vertices.max(axis=0).astype(float) - value.vertices.min(axis=0)
        return f"{counts}, {' × '.join(f'{side:.4g}' for side in size)} m"

    def export(self, value: TriangleMesh, stem: Path) -> Path:
        """Write a GLB file; a mesh of no triangles, which it can't hold, as an OBJ file of vertices."""
        if len(value.faces):
            path = with_ending(stem, ".glb")
            write_bytes(path, encode_mesh(value, "glb"))
            return path
        path = with_ending(stem, ".obj")
        rows = [f"v {x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in value.vertices]
        write_bytes(path, "".join(["# no triangles\n", *rows]).encode())
        return path

    def encode(self, value: TriangleMesh) -> tuple[str, Sequence[Buffer]]:
        """Return vertices and faces as npy, not copied."""
        return _CODEC, pack_arrays({}, [value.vertices, value.faces])

    def decode(self, codec: str, data: memoryview, spec: ValueType) -> TriangleMesh:
        """Return the mesh over the bytes that were read; raises ValueError for what is none."""
        if codec != _CODEC:
            raise ValueError(f"{spec} is stored as {_CODEC}, not as {codec}")
        _, arrays = unpack_arrays(data)
        if [array.dtype for array in arrays] != [np.dtype("<f4"), np.dtype("<i4")]:
            raise ValueError("a stored value that is no mesh")
        return TriangleMesh(arrays[0], arrays[1])

    def thumbnail(self, value: TriangleMesh, max_size: int) -> bytes | None:
        """Return the mesh seen from a little to the right and above."""
        return png(render_mesh(value, View(max_size, max_size)))
