"""Embeddings: feature vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from flowra.type.value_type import Embedding, ValueType
from flowra_image.pixels import FloatPixels
from flowra_image.types.arrays import ArrayHandler, identity, locked, shape_of, write_npy
from flowra_image.types.tensors import numbers

__all__ = ["EmbeddingHandler"]


class EmbeddingHandler(ArrayHandler[FloatPixels]):
    """Takes arrays and lists of one axis; gives float32."""

    def coerce(self, value: Any, spec: ValueType) -> FloatPixels:
        """Return a float32 array of one axis; raises ValueError saying why it can't be."""
        array = numbers(value)
        if array.dtype.kind not in "iuf":
            raise ValueError(f"expected real numbers, got {array.dtype}")
        if array.ndim != 1 or array.size == 0:
            mend = ": flatten it, array.ravel()" if array.ndim > 1 and array.size == max(array.shape) else ""
            raise ValueError(f"expected a vector of one axis, got shape {shape_of(array)}{mend}")
        if isinstance(spec, Embedding) and spec.dim is not None and array.size != spec.dim:
            raise ValueError(f"expected {spec.dim} numbers, got {array.size}: it comes from another model")
        with np.errstate(over="ignore"):
            vector = array.astype(np.float32, copy=False)
        if not np.isfinite(vector).all():
            count = int(np.count_nonzero(~np.isfinite(vector)))
            raise ValueError(
                f"expected finite float32 numbers, got {count} NaN, infinite or too large of {vector.size}"
            )
        return locked(vector)

    def to_json(self, value: FloatPixels) -> Any:
        """Return dtype, shape and the SHA-256 of the numbers."""
        return identity(value)

    def summarize(self, value: FloatPixels) -> str:
        """Return `512 numbers, length 1.000`."""
        return f"{value.size} numbers, length {float(np.linalg.norm(value)):.4g}"

    def export(self, value: FloatPixels, stem: Path) -> Path:
        """Write a `.npy` file."""
        return write_npy(value, stem)
