"""Tensors: arrays of numbers of any shape."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from flowra.type.value_type import Tensor, ValueType
from flowra_image.types.arrays import ArrayHandler, as_array, identity, locked, range_of, shape_of, write_npy

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TensorHandler", "numbers"]

_NUMBERS = "biufc"


class TensorHandler(ArrayHandler["NDArray[Any]"]):
    """Takes arrays of numbers, lists of numbers, and the paths of `.npy` files."""

    def coerce(self, value: Any, spec: ValueType) -> NDArray[Any]:
        """Return an array of the shape and dtype that `spec` asks for; raises ValueError saying why it can't be."""
        array = numbers(value)
        if isinstance(spec, Tensor):
            _check_shape(array, spec.shape)
            array = _as_dtype(array, spec.dtype)
        return locked(array).reshape(array.shape)

    def to_json(self, value: NDArray[Any]) -> Any:
        """Return dtype, shape and the SHA-256 of the numbers."""
        return identity(value)

    def summarize(self, value: NDArray[Any]) -> str:
        """Return `3×640×480 float32, -1.5..2.25`."""
        return f"{shape_of(value)} {value.dtype}, {range_of(value)}"

    def export(self, value: NDArray[Any], stem: Path) -> Path:
        """Write a `.npy` file."""
        return write_npy(value, stem)


def numbers(value: Any) -> NDArray[Any]:
    """Return an array of numbers from whatever holds one; raises ValueError where nothing does."""
    array = as_array(value)
    if array is None and isinstance(value, (str, PurePath)):
        array = _load(Path(value))
    if array is None and isinstance(value, (list, tuple, bool, int, float, complex)):
        try:
            array = np.asarray(value)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"expected numbers in rows of one length, got a list that is not: {error}") from error
    if array is None:
        raise ValueError(
            f"expected a tensor (array, list of numbers or path of a .npy file), got {type(value).__name__}"
        )
    if array.dtype.kind not in _NUMBERS:
        raise ValueError(f"expected numbers, got an array of {array.dtype}: convert it, array.astype(np.float32)")
    return array


def _load(path: Path) -> NDArray[Any]:
    try:
        loaded = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise ValueError(f"no such file: {path}") from None
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} is no .npy file that can be read: {reason}") from error
    if not isinstance(loaded, np.ndarray):
        loaded.close()
        raise ValueError(f"{path} holds several arrays (.npz); save one of them with np.save")
    return loaded


def _check_shape(array: NDArray[Any], shape: tuple[int | None, ...] | None) -> None:
    if shape is None:
        return
    fits = len(shape) == array.ndim and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = "×".join("?" if side is None else str(side) for side in shape)
        raise ValueError(f"expected a tensor of shape {wanted}, got {shape_of(array)}")


def _as_dtype(array: NDArray[Any], dtype: str | None) -> NDArray[Any]:
    if dtype is None or array.dtype == dtype:
        return array
    # float64 to float32 loses digits and is what is meant; float to int would lose what is behind the point.
    if not np.can_cast(array.dtype, dtype, casting="same_kind"):
        raise ValueError(f"expected a tensor of {dtype}, got {array.dtype}: convert it, array.astype(np.{dtype})")
    converted = array.astype(dtype)
    if array.dtype.kind in "iu" and converted.dtype.kind in "iu" and (converted != array).any():
        raise ValueError(f"expected a tensor of {dtype}, got {array.dtype} {range_of(array)}, which does not fit")
    return converted
