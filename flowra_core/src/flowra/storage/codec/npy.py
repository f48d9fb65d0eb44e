"""numpy arrays as npy bytes, without pickle.

The header is written here and not by numpy, whose padding changed between versions: the same array must have the same
digest everywhere. Arrays are in C order; what has Python objects inside is refused.
"""

from __future__ import annotations

import ast
from math import prod
from typing import TYPE_CHECKING, Any

from flowra.storage.codec.encoded import Buffer, Encoded

if TYPE_CHECKING:
    import numpy as np

__all__ = ["CODEC", "decode", "encode"]

#: The codec's name.
CODEC = "npy"
_MAGIC = b"\x93NUMPY"
_ALIGNMENT = 64
#: numpy's own bound: a longer header is an attack on the parser.
_LONGEST_HEADER = 10_000


def encode(array: np.ndarray[Any, Any]) -> Encoded:
    """Return an array as npy bytes; a contiguous one is not copied.

    Raises:
        TypeError: It is no array, or holds Python objects.
    """
    import numpy as np

    if not isinstance(array, np.ndarray):
        raise TypeError(f"npy holds numpy arrays, not {type(array).__name__}")
    if array.dtype.hasobject:
        raise TypeError(f"an array of dtype {array.dtype} holds Python objects; only pickle could keep those")
    contiguous = np.ascontiguousarray(array)
    # As bytes: dtypes like datetime64 have no buffer of their own.
    data = contiguous.reshape(-1).view(np.uint8).data if contiguous.nbytes else b""
    return Encoded(CODEC, (_header(array), data))


def decode(buffer: Buffer) -> np.ndarray[Any, Any]:
    """Return the array, read-only, without copying its data.

    Raises:
        ValueError: The bytes are no npy file, or one with Python objects.
    """
    import numpy as np

    view = memoryview(buffer).toreadonly()
    descr, fortran_order, shape, start = _read_header(view)
    try:
        dtype = np.lib.format.descr_to_dtype(descr)
    except (TypeError, ValueError) as error:
        raise ValueError(f"npy header with dtype {descr!r}: {error}") from error
    if dtype.hasobject:
        raise ValueError(f"npy with Python objects (dtype {dtype}) is never read")
    count = prod(shape)
    if len(view) - start != count * dtype.itemsize:
        raise ValueError(f"npy of shape {shape} and dtype {dtype} with {len(view) - start} bytes")
    if not count * dtype.itemsize:
        flat = np.zeros(count, dtype)
        flat.flags.writeable = False
    else:
        flat = np.frombuffer(view, dtype, count, start)
    return flat.reshape(shape, order="F" if fortran_order else "C")


def _header(array: np.ndarray[Any, Any]) -> bytes:
    import numpy as np

    descr = np.lib.format.dtype_to_descr(array.dtype)
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {tuple(map(int, array.shape))!r}, }}"
    latin = text.isascii()
    content = text.encode("ascii" if latin else "utf-8")
    # Version 1 has a length of two bytes; version 3 one of four, and names of fields in UTF-8.
    short = latin and len(content) < 65_000
    prefix = len(_MAGIC) + (4 if short else 6)
    padded = content + b" " * (-(prefix + len(content) + 1) % _ALIGNMENT) + b"\n"
    if len(padded) > _LONGEST_HEADER:
        raise TypeError(f"the description of dtype {array.dtype} is too long for npy")
    return _MAGIC + (b"\1\0" if short else b"\3\0") + len(padded).to_bytes(2 if short else 4, "little") + padded


def _read_header(view: memoryview) -> tuple[Any, bool, tuple[int, ...], int]:
    if bytes(view[:6]) != _MAGIC or len(view) < 10 or view[6] not in (1, 2, 3):
        raise ValueError("these bytes are no npy")
    width = 2 if view[6] == 1 else 4
    length = int.from_bytes(view[8 : 8 + width], "little")
    start = 8 + width + length
    if length > _LONGEST_HEADER or start > len(view):
        raise ValueError("npy with a header that is too long or cut off")
    try:
        header = ast.literal_eval(bytes(view[8 + width : start]).decode("utf-8" if view[6] == 3 else "latin-1").strip())
        descr, fortran_order, shape = header["descr"], header["fortran_order"], header["shape"]
    except (SyntaxError, KeyError, TypeError, ValueError, MemoryError, RecursionError) as error:
        raise ValueError(f"npy header that can't be read: {type(error).__name__}") from error
    if not isinstance(shape, tuple) or not all(type(each) is int and each >= 0 for each in shape):
        raise ValueError(f"npy of shape {shape!r}")
    return descr, bool(fortran_order), shape, start
