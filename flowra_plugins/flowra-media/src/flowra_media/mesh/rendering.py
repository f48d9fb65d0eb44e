"""Pictures of meshes and points, without a display and without OpenGL: a depth buffer in numpy.

Libraries that draw triangles want a window system, a driver or a compiler. What previews and reports need is small: one
light, one material, no textures. Triangles are drawn in groups that touch a few hundred thousand pixels together: what
is worked out for those stays in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowra_media.mesh.editing import face_normals
from flowra_media.mesh.shading import corner_normals
from flowra_media.mesh.shapes import Points, TriangleMesh

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["View", "render_mesh", "render_points"]

#: Pixels that the triangles of a group touch together, at most, unless one alone touches more.
_AT_ONCE = 200_000
#: From the eye over the left shoulder, and what a surface that no light falls on still shows.
_LIGHT = np.array([-0.35, 0.55, 0.76])
_AMBIENT = 0.25


@dataclass(frozen=True)
class View:
    """From where something is looked at, without perspective, and how large the picture is.

    Attributes:
        width: Of the picture, in pixels.
        height: Likewise.
        azimuth: Degrees around the y axis: 0 looks along -z, 90 from +x.
        elevation: Degrees above the horizon, -90..90.
        color: Of the surface, RGB 0..255.
        background: Likewise.
    """

    width: int
    height: int
    azimuth: float = 30.0
    elevation: float = 20.0
    color: tuple[int, int, int] = (150, 180, 215)
    background: tuple[int, int, int] = (255, 255, 255)


def render_mesh(mesh: TriangleMesh, view: View, *, smooth: bool = True) -> NDArray[np.uint8]:
    """Return a picture H×W×3, uint8; edges are smoothed by drawing four times as many pixels.

    Args:
        mesh: Any mesh; it is fitted into the picture.
        view: From where.
        smooth: Shade across triangles, but for sharp edges; else each triangle by its own normal.
    """
    double = 2 if view.width * view.height <= 4_000_000 else 1
    width, height = view.width * double, view.height * double
    turn = _turn(view)
    places = _fitted(mesh.vertices @ turn.T, width, height)
    normals = (corner_normals(mesh) if smooth else np.repeat(face_normals(mesh)[:, None], 3, axis=1)) @ turn.T
    shades = _AMBIENT + (1 - _AMBIENT) * np.abs(normals @ (_LIGHT / np.linalg.norm(_LIGHT)))
    depth = np.full(width * height, -np.inf, np.float32)
    brightness = np.zeros(width * height, np.float32)
    for faces in _groups(places, mesh.faces, width, height):
        _draw(places[mesh.faces[faces]], shades[faces], depth, brightness, width, height)
    return _picture(brightness, depth, view, (width, height), double)


def render_points(points: Points, view: View) -> NDArray[np.uint8]:
    """Return a picture H×W×3, uint8: each point a dot in its colour, or darker the farther away it is."""
    places = _fitted(points.places @ _turn(view).T, view.width, view.height)
    picture = np.full((view.height * view.width, 3), view.background, np.uint8)
    if not len(places):
        return picture.reshape(view.height, view.width, 3)
    far, near = places[:, 2].min(), places[:, 2].max()
    shade = 0.35 + 0.65 * (places[:, 2:] - far) / max(near - far, 1e-9)
    colors = points.colors if points.colors is not None else (np.asarray(view.color) * shade).astype(np.uint8)
    order = np.argsort(places[:, 2], kind="stable")
    dot = 2 if min(view.width, view.height) >= 100 else 1
    for down in range(dot):
        for right in range(dot):
            columns = np.clip(places[order, 0].astype(int) + right, 0, view.width - 1)
            rows = np.clip(places[order, 1].astype(int) + down, 0, view.height - 1)
            # Of several points at one place the last is the nearest.
            picture[rows * view.width + columns] = colors[order]
    return picture.reshape(view.height, view.width, 3)


def _turn(view: View) -> NDArray[np.float64]:
    """Return the matrix that takes x, y, z to right, up and towards the eye."""
    a, e = np.radians(view.azimuth), np.radians(view.elevation)
    around = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    over = np.array([[1, 0, 0], [0, np.cos(e), -np.sin(e)], [0, np.sin(e), np.cos(e)]])
    found: NDArray[np.float64] = over @ around
    return found


def _fitted(seen: NDArray[Any], width: int, height: int) -> NDArray[np.float64]:
    """Return places in pixels: right, down, and towards the eye."""
    if not len(seen):
        return np.zeros((0, 3))
    low, high = seen.min(axis=0).astype(float), seen.max(axis=0).astype(float)
    size = np.maximum(high - low, 1e-30)
    scale = 0.92 * min(width / size[0], height / size[1])
    if not np.isfinite(scale) or size[:2].max() <= 1e-30:
        scale = 1.0
    moved = (seen - (low + high) / 2) * scale
    return np.stack([width / 2 + moved[:, 0], height / 2 - moved[:, 1], moved[:, 2]], axis=1)


def _boxes(places: NDArray[Any], faces: NDArray[Any], width: int, height: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the first pixel that each triangle may touch, and how many in a row and a column: (M, 2) each."""
    corners = places[faces][..., :2]
    last = np.array([width - 1, height - 1])
    first = np.clip(np.floor(corners.min(axis=1)), 0, last).astype(np.int64)
    end = np.clip(np.floor(corners.max(axis=1)), 0, last).astype(np.int64)
    return first, end - first + 1


def _groups(places: NDArray[Any], faces: NDArray[Any], width: int, height: int) -> list[NDArray[np.int64]]:
    if not len(faces):
        return []
    _, sizes = _boxes(places, faces, width, height)
    ends = np.cumsum(sizes.prod(axis=1))
    groups = np.searchsorted(np.arange(0, ends[-1] + _AT_ONCE, _AT_ONCE), ends)
    return np.split(np.arange(len(faces)), np.flatnonzero(np.diff(groups)) + 1)


def _draw(
    corners: NDArray[Any], shades: NDArray[Any], depth: NDArray[Any], brightness: NDArray[Any], width: int, height: int
) -> None:
    """Draw triangles (K, 3, 3) with the brightness of their corners (K, 3) where they are nearer than what is there."""
    first, size = _boxes(corners.reshape(-1, 3), np.arange(len(corners) * 3).reshape(-1, 3), width, height)
    counts = size.prod(axis=1)
    owner = np.repeat(np.arange(len(corners)), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    column = first[owner, 0] + place % size[owner, 0]
    row = first[owner, 1] + place // size[owner, 0]
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    doubled = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    flat = np.abs(doubled) < 1e-12
    scale = 1 / np.where(flat, 1, doubled)[owner]
    x, y = column + 0.5 - a[owner, 0], row + 0.5 - a[owner, 1]
    ab, ac = (b - a)[owner], (c - a)[owner]
    second = (x * ac[:, 1] - y * ac[:, 0]) * scale
    third = (y * ab[:, 0] - x * ab[:, 1]) * scale
    inside = (second >= 0) & (third >= 0) & (second + third <= 1) & ~flat[owner]
    owner, second, third = owner[inside], second[inside], third[inside]
    pixel = row[inside] * width + column[inside]
    weights = np.stack([1 - second - third, second, third], axis=1)
    near = (weights * corners[owner, :, 2]).sum(axis=1).astype(np.float32)
    np.maximum.at(depth, pixel, near)
    seen = near == depth[pixel]
    brightness[pixel[seen]] = (weights * shades[owner]).sum(axis=1)[seen]


def _picture(
    brightness: NDArray[Any], depth: NDArray[Any], view: View, size: tuple[int, int], double: int
) -> NDArray[np.uint8]:
    lit = np.minimum(brightness, 1)[:, None] * np.asarray(view.color, np.float32)
    drawn = np.where((depth > -np.inf)[:, None], lit, np.asarray(view.background, np.float32))
    blocks = drawn.reshape(size[1] // double, double, size[0] // double, double, 3)
    found: NDArray[np.uint8] = blocks.mean(axis=(1, 3)).round().astype(np.uint8)
    return found
