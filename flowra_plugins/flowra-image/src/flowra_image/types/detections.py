"""Detections: objects found in a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowra.storage.codec import canonical
from flowra.storage.codec.encoded import Buffer
from flowra.type.handler import ValueHandler
from flowra.type.value_type import Detections, ValueType
from flowra.type.whole_files import write_whole
from flowra_image.errors import ImageError
from flowra_image.types.arrays import ending

__all__ = ["DetectionsHandler"]

#: The name that detections are stored under: ports that take anything find their handler by it.
CODEC = "detections"
_SHOWN = 3


class DetectionsHandler(ValueHandler[Detections]):
    """Takes `Detections`, and objects as `Detections.to_json` gives them."""

    def coerce(self, value: Any, spec: ValueType) -> Detections:
        """Return detections; raises ValueError saying why it can't be."""
        if isinstance(value, Detections):
            return value
        if isinstance(value, dict):
            try:
                return Detections.from_json(value)
            except (TypeError, AttributeError, OverflowError) as error:
                raise ValueError(f"expected detections, got an object that holds none: {error}") from error
        raise ValueError(f"expected flowra.type.detections.Detections, got {type(value).__name__}")

    def to_json(self, value: Detections) -> Any:
        """Return the detections as plain data, without loss."""
        return value.to_json()

    def summarize(self, value: Detections) -> str:
        """Return `2 detections in 640×480: face 0.98, face 0.91`."""
        width, height = value.image_size
        plural = "detection" if len(value) == 1 else "detections"
        best = sorted(zip(value.scores.tolist(), value.names(), strict=True), key=lambda pair: -pair[0])
        said = ", ".join(f"{name} {score:.2f}" for score, name in best[:_SHOWN])
        more = ", …" if len(best) > _SHOWN else ""
        return f"{len(value)} {plural} in {width}×{height}" + (f": {said}{more}" if said else "")

    def encode(self, value: Detections) -> tuple[str, Sequence[Buffer]]:
        """Return the detections as canonical plain data, without loss."""
        return CODEC, (canonical.encode(value.to_json()),)

    def decode(self, codec: str, data: memoryview, spec: ValueType) -> Detections:
        """Return what `encode` wrote; raises ValueError for bytes that are no detections."""
        if codec != CODEC:
            raise ValueError(f"detections are stored as {CODEC}, not {codec}")
        return self.coerce(canonical.decode(data), spec)

    def export(self, value: Detections, stem: Path) -> Path:
        """Write a `.json` file."""
        path = ending(stem, ".json")
        write_whole(
            path, (json.dumps(value.to_json(), indent=2, ensure_ascii=False) + "\n").encode(), failed=ImageError
        )
        return path
