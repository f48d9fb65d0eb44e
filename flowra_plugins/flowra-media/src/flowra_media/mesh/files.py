"""Meshes and points from files and into them: GLB, OBJ, PLY, STL; XYZ for points. trimesh reads and writes them.

A file is read into memory first and given to trimesh without its name, so that none can name others to be opened.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowra_media.errors import MediaError, MediaLimitError
from flowra_media.files import read_bytes, write_bytes
from flowra_media.mesh.shapes import Points, TriangleMesh

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "MAX_MEGABYTES", "MESH_FORMATS", "POINT_FORMATS", "decode_mesh", "decode_points", "encode_mesh", "encode_points",
    "load_mesh", "load_points", "save_mesh", "save_points",
]  # fmt: skip

MESH_FORMATS = ("glb", "obj", "ply", "stl")
POINT_FORMATS = ("ply", "xyz", "glb")
MAX_MEGABYTES = 500.0
#: In a GLB: the same numbers may be used again and again, so that a small file says a huge scene.
_MOST_VERTICES = 50_000_000
_GLB = b"glTF"


def load_mesh(path: Path, *, max_megabytes: float = MAX_MEGABYTES) -> TriangleMesh:
    """Read a file: all its surfaces as one, each in its place of the scene.

    Raises:
        MediaError: It can't be read, or holds no triangle.
        MediaLimitError: It is larger than the limit, or says a scene that would be.
    """
    kind = _kind(path, MESH_FORMATS)
    return decode_mesh(read_bytes(path, max_megabytes), kind, str(path))


def load_points(path: Path, *, max_megabytes: float = MAX_MEGABYTES) -> Points:
    """Read the points of a file, with their colours; of surfaces, the corners. Raises like `load_mesh`."""
    kind = _kind(path, (*POINT_FORMATS, *MESH_FORMATS))
    return decode_points(read_bytes(path, max_megabytes), kind, str(path))


def decode_mesh(data: bytes, kind: str, name: str = "the mesh") -> TriangleMesh:
    """Read the bytes of a file of a format in `MESH_FORMATS`; raises like `load_mesh`."""
    vertices: list[NDArray[Any]] = []
    faces: list[NDArray[Any]] = []
    count = 0
    for part in _geometries(data, kind, name):
        if getattr(part, "faces", None) is None or not len(part.faces):
            continue
        vertices.append(np.asarray(part.vertices))
        faces.append(np.asarray(part.faces, np.int64) + count)
        count += len(part.vertices)
    if not faces:
        raise MediaError(f"{name} holds no triangle", fix="points alone are read by media/LoadPointCloud")
    try:
        return TriangleMesh(np.concatenate(vertices), np.concatenate(faces))
    except ValueError as error:
        raise _useless(name, error) from error


def decode_points(data: bytes, kind: str, name: str = "the points") -> Points:
    """Read the bytes of a file of a format in `POINT_FORMATS`; raises like `load_points`."""
    parts = [part for part in _geometries(data, kind, name) if len(getattr(part, "vertices", ()))]
    if not parts:
        raise MediaError(f"{name} holds no point")
    colors = [_colors_of(part) for part in parts]
    known = [each for each in colors if each is not None]
    places = np.concatenate([np.asarray(part.vertices) for part in parts])
    try:
        return Points(places, np.concatenate(known) if len(known) == len(parts) else None)
    except ValueError as error:
        raise _useless(name, error) from error


def save_mesh(mesh: TriangleMesh, path: Path, *, format: str = "auto", overwrite: bool = True) -> None:
    """Write a file, whole or not at all; raises `MediaError` if that can't be."""
    kind = _kind(path, MESH_FORMATS) if format == "auto" else format
    write_bytes(path, encode_mesh(mesh, kind), overwrite=overwrite)


def save_points(points: Points, path: Path, *, format: str = "auto", overwrite: bool = True) -> None:
    """Write a file, whole or not at all; raises `MediaError` if that can't be."""
    kind = _kind(path, POINT_FORMATS) if format == "auto" else format
    write_bytes(path, encode_points(points, kind), overwrite=overwrite)


def encode_mesh(mesh: TriangleMesh, kind: str) -> bytes:
    """Return the bytes of a file of a format in `MESH_FORMATS`; raises `MediaError` for a mesh of no triangles."""
    import trimesh

    if not len(mesh.faces):
        raise MediaError("a mesh of no triangles can't be written", fix="give one that has some")
    return _bytes(trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).export(file_type=kind))


def encode_points(points: Points, kind: str) -> bytes:
    """Return the bytes of a file of a format in `POINT_FORMATS`; raises `MediaError` for no points."""
    import trimesh

    if not len(points.places):
        raise MediaError("no points can't be written", fix="give a cloud that has some")
    if kind == "xyz":
        rows = points.places if points.colors is None else np.hstack([points.places, points.colors])
        stream = io.StringIO()
        np.savetxt(stream, rows, fmt=["%.9g"] * 3 + ["%d"] * (rows.shape[1] - 3))
        return stream.getvalue().encode()
    cloud: Any = trimesh.PointCloud(points.places, colors=points.colors)  # type: ignore[no-untyped-call]
    whole: Any = trimesh.Scene(cloud) if kind == "glb" else cloud
    return _bytes(whole.export(file_type=kind))


def _geometries(data: bytes, kind: str, name: str) -> list[Any]:
    """Return what trimesh finds, each part moved to its place in the scene."""
    import trimesh

    if not data:
        raise MediaError(f"{name} is empty (0 bytes)")
    if kind == "glb":
        _check_scene(data, name)
    try:
        # Vertices are kept as they are: only STL has none that triangles share, and there the equal ones are made one.
        scene = trimesh.load_scene(io.BytesIO(data), file_type=kind, process=False, merge_primitives=True)
        parts: list[Any] = list(scene.dump())
        if kind == "stl":
            for part in parts:
                part.merge_vertices(merge_tex=True, merge_norm=True, digits_vertex=12)
    except MemoryError:
        raise MediaLimitError(f"{name} says that it holds more than fits in memory") from None
    except RecursionError:
        raise MediaLimitError(f"{name} has a scene that is nested too deep") from None
    except Exception as error:
        raise MediaError(
            f"{name} is no {kind.upper()} file that can be read",
            why=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}",
            fix="open it in a viewer; copy or export it again",
        ) from error
    if sum(len(getattr(part, "vertices", ())) for part in parts) > _MOST_VERTICES:
        raise MediaLimitError(f"{name} holds more than {_MOST_VERTICES:,} vertices")
    return parts


def _check_scene(data: bytes, name: str) -> None:
    """Look at what a GLB says before it is built: nodes that are a tree, and no more vertices than are allowed."""
    length = int.from_bytes(data[12:16], "little")
    if data[:4] != _GLB or data[16:20] != b"JSON" or length > len(data):
        raise MediaError(f"{name} is no GLB file", why=f"its first bytes are {data[:8]!r}")
    try:
        tree = json.loads(data[20 : 20 + length])
        children = [child for node in tree.get("nodes", ()) for child in node.get("children", ())]
        meshes, accessors = tree.get("meshes", ()), tree.get("accessors", ())
        sizes = [
            sum(
                accessors[place]["count"]
                for part in mesh["primitives"]
                for place in (*part["attributes"].values(), part.get("indices", part["attributes"]["POSITION"]))
            )
            for mesh in meshes
        ]
        total = sum(sizes[node["mesh"]] for node in tree.get("nodes", ()) if "mesh" in node)
        loose = sum(each["count"] * 4 for each in accessors if "bufferView" not in each)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise MediaError(
            f"{name} has a description that can't be read", why=f"{type(error).__name__}: {error}"
        ) from error
    if len(children) != len(set(children)):
        raise MediaError(f"{name} has a scene that is no tree", why="a node is the child of two others")
    if total > 4 * _MOST_VERTICES or loose > len(data):
        raise MediaLimitError(f"{name} says a scene of more than {_MOST_VERTICES:,} vertices")


def _kind(path: Path, known: tuple[str, ...]) -> str:
    suffix = path.suffix.lower().lstrip(".")
    if suffix in known:
        return suffix
    endings = " ".join(f".{kind}" for kind in dict.fromkeys(known))
    raise MediaError(
        f"can't tell the format of {path}",
        why=f".{suffix} is none of {endings}" if suffix else "it has no ending",
        fix=f"end the name in one of {endings}" + ("; a .gltf is exported again as .glb" if suffix == "gltf" else ""),
    )


def _useless(name: str, error: ValueError) -> MediaError:
    return MediaError(f"{name} holds nothing that can be used", why=str(error))


def _colors_of(part: Any) -> NDArray[np.uint8] | None:
    colors = getattr(part, "colors", None)
    if colors is None or len(colors) != len(part.vertices):
        return None
    found: NDArray[np.uint8] = np.asarray(colors)[:, :3].astype(np.uint8)
    return found


def _bytes(written: Any) -> bytes:
    return written if isinstance(written, bytes) else str(written).encode()
