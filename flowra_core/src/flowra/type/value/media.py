"""Images, masks, tensors, detections, audio, video and 3D.

The core says what these values are; a pack says how they are checked, stored and shown (`ValueHandler`).
Nothing here imports numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from flowra.type.value.base import ValueType, check_sizes, short

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

__all__ = [
    "AnyImage",
    "AnyImageType",
    "Audio",
    "DetectionsType",
    "Embedding",
    "Image",
    "Mask",
    "MaskType",
    "MediaType",
    "Mesh",
    "PointCloud",
    "Tensor",
    "Video",
]


@dataclass(frozen=True)
class MediaType(ValueType):
    """A value type whose values a pack's `ValueHandler` checks, coerces and shows."""

    #: The name under which packs register the handler.
    handled_as: ClassVar[str] = ""
    #: Which JSON values may stand for a value in a graph file: text is the path of a file to read.
    literals: ClassVar[tuple[type, ...]] = (str,)

    def core_schema(self) -> CoreSchema:
        """Return a schema that asks the handler; it is looked up when the first value arrives."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            self.coerce,
            serialization=core_schema.plain_serializer_function_ser_schema(self._dump, when_used="json"),
        )

    def coerce(self, value: Any) -> Any:
        """Return the value in its canonical form; raises ValueError with the reason if it has none."""
        from flowra.type.handler import handler_for

        return handler_for(self.handled_as).coerce(value, self)

    def _dump(self, value: Any) -> Any:
        from flowra.type.handler import handler_for

        return handler_for(self.handled_as).to_json(value)

    def accepts_literal(self, value: Any) -> str | None:
        """Say why a JSON literal can't stand for such a value; values that live in memory are checked when it runs."""
        if isinstance(value, (*self.literals, PurePath)):
            return "expected a path, got empty text" if value == "" else None
        if value is None or isinstance(value, (bool, int, float, str, list, dict)):
            return f"expected {self.kind} ({self.words}), got {short(value)}"
        return None

    def json_schema(self) -> dict[str, Any]:
        """Return the schema of the literals that may stand for a value."""
        names: dict[type, str] = {str: "string", list: "array", dict: "object"}
        kinds = [names[literal] for literal in self.literals]
        schema: dict[str, Any] = {
            "type": kinds[0] if len(kinds) == 1 else kinds,
            "x-flowra-type": self.to_json(),
        }
        if str in self.literals:
            schema["minLength"] = 1
        if self.literals == (str,):
            schema["format"] = "path"
        return schema


@dataclass(frozen=True)
class AnyImageType(MediaType):
    """A picture of any mode and size.

    As a value: a numpy array, H×W (grey), H×W×3 (RGB) or H×W×4 (RGB and straight alpha); `uint8` 0..255, `uint16`
    0..65535 or `float32` 0..1; rows run down, the origin is the top-left corner. Nodes get it read-only.
    A port takes arrays, PIL images and the paths of picture files.
    """

    kind: ClassVar[str] = "AnyImage"
    handled_as: ClassVar[str] = "AnyImage"
    words: ClassVar[str] = (
        "picture: array H×W (grey), H×W×3 (RGB) or H×W×4 (RGBA, straight alpha); "
        "uint8 0..255, uint16 0..65535 or float32 0..1"
    )
    reads_files: ClassVar[bool] = True


@dataclass(frozen=True)
class Image(AnyImageType):
    """A picture with constraints; what doesn't meet `mode` and `dtype` is converted, the size must fit.

    Args:
        mode: `L` (grey, H×W), `RGB` or `RGBA`.
        dtype: `uint8`, `uint16` or `float32`.
        min_width: The least width in pixels; likewise `max_width`, `min_height`, `max_height`.
    """

    kind: ClassVar[str] = "Image"
    words: ClassVar[str] = "picture of a given mode, size or dtype: see AnyImage"

    mode: Literal["L", "RGB", "RGBA"] | None = None
    dtype: Literal["uint8", "uint16", "float32"] | None = None
    min_width: int | None = None
    max_width: int | None = None
    min_height: int | None = None
    max_height: int | None = None

    def __post_init__(self) -> None:
        if self.mode not in (None, "L", "RGB", "RGBA"):
            raise ValueError(f"mode is L, RGB or RGBA, not {self.mode!r}")
        if self.dtype not in (None, "uint8", "uint16", "float32"):
            raise ValueError(f"dtype is uint8, uint16 or float32, not {self.dtype!r}")
        sizes = {name: getattr(self, name) for name in ("min_width", "max_width", "min_height", "max_height")}
        check_sizes(1, **sizes)
        for low, high in ((self.min_width, self.max_width), (self.min_height, self.max_height)):
            if low is not None and high is not None and low > high:
                raise ValueError(f"no size lies between {low} and {high}")


@dataclass(frozen=True)
class MaskType(MediaType):
    """Which pixels belong to something: an H×W array of booleans.

    A port also takes grey pictures that hold nothing but 0 and their largest value.
    """

    kind: ClassVar[str] = "Mask"
    handled_as: ClassVar[str] = "Mask"
    words: ClassVar[str] = "mask: bool array H×W, True where a pixel belongs"
    reads_files: ClassVar[bool] = True


@dataclass(frozen=True)
class Tensor(MediaType):
    """A numpy array of numbers.

    Args:
        shape: The size of each axis, `None` where any will do; `None` alone for any shape.
        dtype: numpy's name of the element type, or None for any.
    """

    kind: ClassVar[str] = "Tensor"
    handled_as: ClassVar[str] = "Tensor"
    words: ClassVar[str] = "numpy array of numbers"
    reads_files: ClassVar[bool] = True
    literals: ClassVar[tuple[type, ...]] = (str, list)

    shape: tuple[int | None, ...] | None = None
    dtype: str | None = None

    def __post_init__(self) -> None:
        if self.shape is not None:
            if not isinstance(self.shape, tuple):
                raise ValueError(f"shape is a list of sizes, None where any will do, got {short(self.shape)}")
            check_sizes(0, **{f"shape[{axis}]": size for axis, size in enumerate(self.shape)})
        if self.dtype is not None and not isinstance(self.dtype, str):
            raise ValueError(f"dtype is numpy's name of a type, got {short(self.dtype)}")


@dataclass(frozen=True)
class Embedding(MediaType):
    """A feature vector: a one-dimensional `float32` array.

    Args:
        dim: How many numbers it has, or None for any.
    """

    kind: ClassVar[str] = "Embedding"
    handled_as: ClassVar[str] = "Embedding"
    words: ClassVar[str] = "feature vector: float32 array of one axis"
    literals: ClassVar[tuple[type, ...]] = (list,)

    dim: int | None = None

    def __post_init__(self) -> None:
        check_sizes(1, dim=self.dim)


@dataclass(frozen=True)
class DetectionsType(MediaType):
    """Objects found in a picture: a `flowra.type.detections.Detections`."""

    kind: ClassVar[str] = "Detections"
    handled_as: ClassVar[str] = "Detections"
    words: ClassVar[str] = (
        "objects found in a picture: boxes (N×4, x1 y1 x2 y2 in pixels), scores 0..1, class ids and names"
    )
    literals: ClassVar[tuple[type, ...]] = (dict,)


@dataclass(frozen=True)
class Audio(MediaType):
    """Sound: a waveform with its rate.

    Args:
        rate: Samples a second (Hz), or None for any.
        channels: How many channels, or None for any.
    """

    kind: ClassVar[str] = "Audio"
    handled_as: ClassVar[str] = "Audio"
    words: ClassVar[str] = "sound: float32 waveform (channels × samples) in -1..1, and its rate in Hz"
    reads_files: ClassVar[bool] = True

    rate: int | None = None
    channels: int | None = None

    def __post_init__(self) -> None:
        check_sizes(1, rate=self.rate, channels=self.channels)


@dataclass(frozen=True)
class Video(MediaType):
    """Moving pictures with exact timestamps, and sound where there is some."""

    kind: ClassVar[str] = "Video"
    handled_as: ClassVar[str] = "Video"
    words: ClassVar[str] = "video: frames (RGB uint8) with timestamps in seconds, an optional audio track"
    reads_files: ClassVar[bool] = True


@dataclass(frozen=True)
class Mesh(MediaType):
    """A surface of triangles."""

    kind: ClassVar[str] = "Mesh"
    handled_as: ClassVar[str] = "Mesh"
    words: ClassVar[str] = "triangle mesh: vertices (N×3 float32, metres, y up, right-handed), faces (M×3 int)"
    reads_files: ClassVar[bool] = True


@dataclass(frozen=True)
class PointCloud(MediaType):
    """Points in space, with colours where there are some."""

    kind: ClassVar[str] = "PointCloud"
    handled_as: ClassVar[str] = "PointCloud"
    words: ClassVar[str] = "points (N×3 float32, metres, y up, right-handed), optional colours (N×3 uint8 RGB)"
    reads_files: ClassVar[bool] = True


if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy as np
    from numpy.typing import NDArray

    # What a node author's type checker is to see where the value is used: the array itself.
    AnyImage: TypeAlias = NDArray[Any]
    Mask: TypeAlias = NDArray[np.bool_]
else:
    AnyImage = AnyImageType
    Mask = MaskType
    AnyImage.__name__ = AnyImage.__qualname__ = "AnyImage"
    Mask.__name__ = Mask.__qualname__ = "Mask"
