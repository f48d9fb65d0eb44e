"""Points in space: `PointCloud`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from flowra.type.handler import ValueHandler
from flowra.type.value_type import ValueType
from flowra_media.files import write_bytes
from flowra_media.mesh.files import encode_points, load_points
from flowra_media.mesh.rendering import View, render_points
from flowra_media.mesh.shapes import Points
from flowra_media.packing import Buffer, pack_arrays, unpack_arrays
from flowra_media.pictures import png
from flowra_media.types.refusing import as_refusal, with_ending

__all__ = ["PointCloudHandler"]

_CODEC = "pointcloud"


class PointCloudHandler(ValueHandler[Points]):
    """Takes points, arrays N×3, pairs of places and colours, and the paths of files."""

    def coerce(self, value: Any, spec: ValueType) -> Points:
        """Return the points; raises ValueError saying why there are none."""
        if isinstance(value, Points):
            return value
        if isinstance(value, (str, PurePath)):
            with as_refusal():
                return load_points(Path(value))
        if isinstance(value, np.ndarray):
            return Points(value)
        if isinstance(value, tuple) and len(value) == 2:
            return Points(value[0], value[1])
        places = getattr(value, "places", None)
        if places is not None:
            return Points(places, getattr(value, "colors", None))
        raise ValueError(
            f"expected points (array N×3, places and colours, or the path of a file), got {type(value).__name__}"
        )

    def to_json(self, value: Points) -> Any:
        """Return the count, and the SHA-256 of places and colours."""
        digest = hashlib.sha256(value.places.astype("<f4", copy=False).reshape(-1).view(np.uint8).data)
        if value.colors is not None:
            digest.update(b"colors")
            digest.update(value.colors.reshape(-1).data)
        return {"points": len(value.places), "colors": value.colors is not None, "sha256": digest.hexdigest()}

    def summarize(self, value: Points) -> str:
        """Return `1,000 points with colours, 2 × 2 × 2 m`."""
        counts = f"{len(value.places):,} points" + (" with colours" if value.colors is not None else "")
        if not len(value.places):
            return counts
        size = value.places.max(axis=0).astype(float) - value.places.min(axis=0)
        return f"{counts}, {' × '.join(f'{side:.4g}' for side in size)} m"

    def export(self, value: Points, stem: Path) -> Path:
        """Write a PLY file; no points, which it can't hold, as an empty list."""
        path = with_ending(stem, ".ply" if len(value.places) else ".xyz")
        write_bytes(path, encode_points(value, "ply") if len(value.places) else b"# no points\n")
        return path

    def encode(self, value: Points) -> tuple[str, Sequence[Buffer]]:
        """Return places and colours as npy, not copied."""
        return _CODEC, pack_arrays({}, [value.places, *([] if value.colors is None else [value.colors])])

    def decode(self, codec: str, data: memoryview, spec: ValueType) -> Points:
        """Return the points over the bytes that were read; raises ValueError for what is none."""
        if codec != _CODEC:
            raise ValueError(f"{spec} is stored as {_CODEC}, not as {codec}")
        _, arrays = unpack_arrays(data)
        if len(arrays) not in (1, 2) or arrays[0].dtype != np.dtype("<f4"):
            raise ValueError("a stored value that is no cloud of points")
        return Points(arrays[0], arrays[1] if len(arrays) == 2 else None)

    def thumbnail(self, value: Points, max_size: int) -> bytes | None:
        """Return the points seen from a little to the right and above."""
        return png(render_points(value, View(max_size, max_size)))
