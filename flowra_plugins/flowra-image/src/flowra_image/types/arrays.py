"""What the handlers of all array types share: identity, read-only views, files."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from flowra.storage.codec import npy
from flowra.storage.codec.encoded import Buffer
from flowra.type.handler import ValueHandler
from flowra.type.value_type import ValueType
from flowra.type.whole_files import write_whole
from flowra_image.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ArrayHandler", "as_array", "ending", "identity", "locked", "range_of", "shape_of", "write_npy"]

#: Of larger arrays a summary looks at about this many elements: it must cost nothing beside the work itself.
_SAMPLE = 1 << 15

T = TypeVar("T")


class ArrayHandler(ValueHandler[T]):
    """What the handlers of arrays share: values are stored as npy, from and into the array's own memory."""

    def encode(self, value: T) -> tuple[str, Sequence[Buffer]]:
        """Return the array's npy header and its bytes, little-endian, which are not copied where they lie in order."""
        encoded = npy.encode(_in_order(np.asarray(value), "<"))
        return encoded.codec, encoded.parts

    def decode(self, codec: str, data: memoryview, spec: ValueType) -> T:
        """Return the array, read-only, over the bytes that were read; raises ValueError for what is no such value."""
        if codec != npy.CODEC:
            raise ValueError(f"{spec} is stored as {npy.CODEC}, not as {codec}")
        array = npy.decode(data)
        if array.dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
            raise ValueError("bool in bytes that are neither 0 nor 1")
        value = self.coerce(_in_order(array, "="), spec)
        # What was stored was canonical: where anything had to be done to it, it is something else.
        taken = np.asarray(value)
        if taken.shape != array.shape or taken.dtype != array.dtype.newbyteorder("="):
            raise ValueError(f"expected {spec} as it is stored, got {shape_of(array)} {array.dtype}")
        return value


def _in_order(array: NDArray[Any], byte_order: Literal["<", "="]) -> NDArray[Any]:
    return array.astype(array.dtype.newbyteorder(byte_order), copy=False)


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
    """Return `3..251`, saying what is not finite; `≈ 3..251` where only a part of a large array was looked at."""
    if array.size == 0:
        return "empty"
    if array.dtype.kind == "c":
        return "complex"
    seen = _sample(array)
    about = "≈ " if seen.size < array.size else ""
    if seen.dtype.kind == "b":
        return f"{about}{np.count_nonzero(seen) / seen.size:.1%} True"
    if seen.dtype.kind != "f":
        return f"{about}{seen.min()}..{seen.max()}"
    finite = seen[np.isfinite(seen)]
    if finite.size == 0:
        return f"{about}nothing finite"
    missing = round((seen.size - finite.size) * array.size / seen.size)
    return f"{about}{finite.min():.4g}..{finite.max():.4g}" + (f", {missing} not finite" if missing else "")


def _sample(array: NDArray[Any]) -> NDArray[Any]:
    """Return elements from all over an array, all of them if it is small."""
    step = array.size // _SAMPLE + 1
    # A step that shares a factor with the size could stay in one channel, or in one column.
    while step > 1 and gcd(step, array.size) > 1:
        step += 1
    return array.reshape(-1)[::step]


def ending(stem: Path, suffix: str) -> Path:
    """Return the stem with an ending added; a dot in its name stays."""
    return stem.with_name(stem.name + suffix)


def write_npy(array: NDArray[Any], stem: Path) -> Path:
    """Write the array as `stem.npy`, whole or not at all."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    path = ending(stem, ".npy")
    write_whole(path, stream.getvalue(), failed=ImageError)
    return path
