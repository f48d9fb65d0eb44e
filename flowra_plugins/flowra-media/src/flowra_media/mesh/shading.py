"""Which way a surface faces at the corners of its triangles: smoothly across them, but not across sharp edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from flowra_media.mesh.editing import face_normals, vertex_normals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowra_media.mesh.shapes import TriangleMesh

__all__ = ["corner_normals"]

#: Triangles that differ by more are not shaded as one surface, in degrees.
_SHARP = 40.0
#: Triangles at a vertex of a sharp edge beyond which each is shaded by itself: they are compared with each other.
_MOST = 32


def corner_normals(mesh: TriangleMesh) -> NDArray[np.float64]:
    """Return the unit normal at each corner of each triangle, (M, 3, 3): the mean of those of the same surface."""
    own = face_normals(mesh).astype(np.float64)
    found = vertex_normals(mesh)[mesh.faces].astype(np.float64)
    limit = np.cos(np.radians(_SHARP))
    sharp = (found * own[:, None]).sum(axis=2) < limit
    # A vertex of a sharp edge: all corners there are worked out anew, from the triangles that differ little.
    creased = np.zeros(len(mesh.vertices), bool)
    creased[mesh.faces[sharp]] = True
    corners = np.flatnonzero(creased[mesh.faces.ravel()])
    if len(corners):
        found.reshape(-1, 3)[corners] = _of_alike(own, mesh.faces.ravel()[corners], corners // 3, limit)
    return found


def _of_alike(
    own: NDArray[np.float64], vertices: NDArray[Any], faces: NDArray[Any], limit: float
) -> NDArray[np.float64]:
    """Return for corners, each with its vertex and triangle, the mean normal of the triangles there that are alike."""
    order = np.argsort(vertices, kind="stable")
    _, starts, counts = np.unique(vertices[order], return_index=True, return_counts=True)
    found: NDArray[np.float64] = own[faces]
    for count in np.unique(counts[counts <= _MOST]):
        # (vertices with so many triangles, those triangles)
        at = order[starts[counts == count][:, None] + np.arange(count)]
        normals = own[faces[at]]
        alike = np.einsum("vix,vjx->vij", normals, normals) >= limit
        sums = np.einsum("vij,vjx->vix", alike.astype(np.float64), normals)
        lengths = np.linalg.norm(sums, axis=2, keepdims=True)
        found[at] = np.where(lengths > 0, sums / np.where(lengths > 0, lengths, 1), normals)
    return found
