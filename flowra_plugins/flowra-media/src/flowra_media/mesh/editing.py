"""What can be done to meshes: moved, simplified, joined, measured, sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowra_media.errors import MediaError
from flowra_media.mesh.shapes import Points, TriangleMesh

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Measures", "face_normals", "measure", "merge", "sample", "simplify", "transform", "vertex_normals"]


@dataclass(frozen=True)
class Measures:
    """What was measured of a mesh.

    Attributes:
        area: Of all triangles, in m².
        volume: Enclosed, in m³; None where the surface has holes.
        low: The least x, y and z, in metres.
        high: The greatest.
        watertight: Whether each edge belongs to two triangles that run along it in opposite directions.
        bodies: How many parts hang together by edges.
    """

    area: float
    volume: float | None
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    watertight: bool
    bodies: int


def transform(
    mesh: TriangleMesh,
    *,
    scale: Sequence[float],
    rotate: Sequence[float],
    translate: Sequence[float],
    center: bool,
) -> TriangleMesh:
    """Return the mesh scaled, then turned, then moved.

    Args:
        mesh: Any mesh.
        scale: Factors along x, y, z; negative ones mirror.
        rotate: Degrees around x, then y, then z, anticlockwise seen from the axis' end.
        translate: Metres along x, y, z.
        center: First move the middle of its bounds to the origin.

    Raises:
        MediaError: Three numbers are not three, or a factor is 0.
    """
    from scipy.spatial.transform import Rotation

    for name, given in (("scale", scale), ("rotate", rotate), ("translate", translate)):
        if len(given) != 3:
            raise MediaError(f"{name} takes three numbers, for x, y and z; got {len(given)}")
    if not all(scale):
        raise MediaError("a factor of 0 would make the mesh flat", fix="give factors other than 0")
    places = mesh.vertices.astype(np.float64)
    if center and len(places):
        places -= (places.min(axis=0) + places.max(axis=0)) / 2
    places = Rotation.from_euler("xyz", list(rotate), degrees=True).apply(places * np.asarray(scale, float))
    faces = mesh.faces[:, ::-1] if np.prod(np.sign(scale)) < 0 else mesh.faces
    try:
        return TriangleMesh(places + np.asarray(translate, float), faces)
    except ValueError as error:
        raise MediaError("the mesh can't be moved so", why=str(error)) from error


def simplify(mesh: TriangleMesh, faces: int) -> TriangleMesh:
    """Return the mesh with about so many triangles, keeping its form as well as that goes.

    Edges are collapsed in the order of their quadric error (Garland and Heckbert, *Surface Simplification Using
    Quadric Error Metrics*, 1997), by `fast_simplification`.

    Args:
        mesh: Any mesh.
        faces: How many triangles are wanted, at least 4.
    """
    if len(mesh.faces) <= faces:
        return mesh
    import fast_simplification

    # It takes no arrays that are read-only.
    vertices, found = fast_simplification.simplify(
        mesh.vertices.astype(np.float64), mesh.faces.copy(), target_count=faces
    )
    if not len(found):
        raise MediaError(f"nothing is left of the mesh with {faces} triangles", fix="ask for more")
    return TriangleMesh(vertices, found)


def merge(meshes: Sequence[TriangleMesh], weld: bool) -> TriangleMesh:
    """Return all meshes as one.

    Args:
        meshes: At least one.
        weld: Make one of vertices that lie at the very same place, and drop triangles that this makes flat.
    """
    if not meshes:
        raise MediaError("there is no mesh to be merged", fix="give at least one")
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    vertices = np.concatenate([mesh.vertices for mesh in meshes])
    faces = np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts[:-1], strict=True)])
    if weld and len(vertices):
        # -0.0 and 0.0 are one place.
        vertices, places = np.unique(vertices + 0.0, axis=0, return_inverse=True)
        faces = places.reshape(-1)[faces]
        corners = np.sort(faces, axis=1)
        faces = faces[(corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2])]
    return TriangleMesh(vertices, faces)


def face_normals(mesh: TriangleMesh) -> NDArray[np.float32]:
    """Return for each triangle the unit vector that points outwards, (M, 3); 0 for one without area."""
    return _unit(_crosses(mesh))


def vertex_normals(mesh: TriangleMesh) -> NDArray[np.float32]:
    """Return for each vertex the mean of its triangles' normals, weighted by their area, (N, 3); 0 for a loose one."""
    crosses = _crosses(mesh)
    sums = np.zeros((len(mesh.vertices), 3))
    for corner in range(3):
        for axis in range(3):
            sums[:, axis] += np.bincount(mesh.faces[:, corner], crosses[:, axis], len(mesh.vertices))
    return _unit(sums)


def measure(mesh: TriangleMesh) -> Measures:
    """Measure a mesh; raises `MediaError` for one of no triangles."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not len(mesh.faces):
        raise MediaError("a mesh of no triangles can't be measured")
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]).astype(np.int64)
    count = len(mesh.vertices)
    forward, backward = edges[:, 0] * count + edges[:, 1], edges[:, 1] * count + edges[:, 0]
    unique = np.unique(forward)
    watertight = len(unique) == len(forward) and np.array_equal(unique, np.unique(backward))
    # Each triangle and the origin make a tetrahedron, whose volume has a sign.
    middle = corners.reshape(-1, 3).mean(axis=0)
    moved = corners - middle
    volume = float(np.einsum("ij,ij->i", moved[:, 0], np.cross(moved[:, 1], moved[:, 2])).sum() / 6)
    used = np.unique(mesh.faces)
    places = mesh.vertices[used]
    joined = coo_matrix((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(count, count))
    _, labels = connected_components(joined, directed=False)
    low, high = places.min(axis=0), places.max(axis=0)
    return Measures(
        area=float(np.linalg.norm(_crosses(mesh), axis=1).sum() / 2),
        volume=volume if watertight else None,
        low=(float(low[0]), float(low[1]), float(low[2])),
        high=(float(high[0]), float(high[1]), float(high[2])),
        watertight=bool(watertight),
        bodies=len(np.unique(labels[used])),
    )


def sample(mesh: TriangleMesh, count: int, seed: int) -> Points:
    """Return points on the surface, evenly spread at random: each place is as likely as any other.

    A triangle is drawn by its area, and a place in it as in Osada and others, *Shape Distributions* (2002), section
    4.2. The same seed gives the same points.

    Raises:
        MediaError: The surface has no area.
    """
    areas = np.linalg.norm(_crosses(mesh), axis=1)
    if not areas.sum() > 0:
        raise MediaError("no point can be drawn from a surface without area")
    generator = np.random.default_rng(seed)
    ends = np.cumsum(areas)
    chosen = np.searchsorted(ends, generator.random(count) * ends[-1], side="right")
    corners = mesh.vertices[mesh.faces[np.minimum(chosen, len(areas) - 1)]].astype(np.float64)
    root, second = np.sqrt(generator.random((count, 1))), generator.random((count, 1))
    return Points(corners[:, 0] * (1 - root) + corners[:, 1] * (root * (1 - second)) + corners[:, 2] * (root * second))


def _crosses(mesh: TriangleMesh) -> NDArray[np.float64]:
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    found: NDArray[np.float64] = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return found


def _unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: NDArray[np.float32] = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0).astype(
        np.float32
    )
    return found
