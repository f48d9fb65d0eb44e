"""What the handlers of all array types share: identity, read-only views, files."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from flowra.storage.codec import npy
from flowra.storage.codec.encoded import Buffer
from flowra.type.handler import ValueHandler
from flowra.type.value_type import ValueType

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ArrayHandler", "as_array", "ending", "identity", "locked", "range_of", "shape_of", "write_npy"]


#: Beyond this many elements only a sample is looked at for a summary: it must cost nothing beside the work itself.
_SAMPLE = 100_000

T = TypeVar("T")


class ArrayHandler(ValueHandler[T]):
    """What the handlers of arrays share: values are stored as npy, from and into the array's own memory."""

    def encode(self, value: T) -> tuple[str, Sequence[Buffer]]:
        """Return the array's npy header and its bytes, which are not copied."""
        encoded = npy.encode(value)  # type: ignore[arg-type]  # T is an array in every subclass
        return encoded.codec, encoded.parts

    def decode(self, codec: str, data: memoryview, spec: ValueType) -> T:
        """Return the array, read-only, over the bytes that were read; raises ValueError for what is no such value."""
        if codec != npy.CODEC:
            raise ValueError(f"arrays are stored as {npy.CODEC}, not {codec}")
        return self.coerce(npy.decode(data), spec)


def locked(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view, contiguous in memory and in the machine's byte order; a copy only where it must be."""
    native: NDArray[Any] = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    view: NDArray[Any] = np.ascontiguousarray(native).view()
    view.flags.writeable = False
    return view


def as_array(value: Any) -> NDArray[Any] | None:
    """Return what speaks numpy's array protocol as an array without copying, None for anything else."""
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError("got a masked array, whose hidden values would show: fill them first, array.filled(0)")
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    if hasattr(value, "__array__") and not isinstance(value, type):
        try:
            return np.asarray(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"got {type(value).__name__}, which numpy can't take: {error}") from error
    return None


def identity(array: NDArray[Any]) -> dict[str, Any]:
    """Return dtype, shape and the SHA-256 of the bytes (little-endian, row by row)."""
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "sha256": hashlib.sha256(little.reshape(-1).view(np.uint8).data).hexdigest(),
    }


def shape_of(array: NDArray[Any]) -> str:
    """Return `3×640×480`, or `scalar`."""
    return "×".join(map(str, array.shape)) or "scalar"


def range_of(array: NDArray[Any]) -> str:
    """Return `3..251`, saying what is not finite; `≈` where only a sample of a large array was looked at."""
    if array.size == 0:
        return "empty"
    if array.size > _SAMPLE:
        return f"≈ {range_of(array.reshape(-1)[:: array.size // _SAMPLE + 1])}"
    if array.dtype.kind == "b":
        return f"{np.count_nonzero(array) / array.size:.1%} True"
    if array.dtype.kind == "c":
        return "complex"
    if array.dtype.kind != "f":
        return f"{array.min()}..{array.max()}"
    finite = array[np.isfinite(array)]
    if finite.size == 0:
        return "nothing finite"
    missing = array.size - finite.size
    return f"{finite.min():.4g}..{finite.max():.4g}" + (f", {missing} not finite" if missing else "")


def ending(stem: Path, suffix: str) -> Path:
    """Return the stem with an ending added; a dot in its name stays."""
    return stem.with_name(stem.name + suffix)


def write_npy(array: NDArray[Any], stem: Path) -> Path:
    """Write the array as `stem.npy`, whole or not at all."""
    from flowra_image.writing import write_atomically

    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    path = ending(stem, ".npy")
    write_atomically(path, stream.getvalue())
    return path
