"""Python objects as plain data that has canonical bytes: everything keeps its type, nothing unknown is let through."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import re
import uuid
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from flowra.storage.codec import canonical, npy
from flowra.storage.refs import digest_of

__all__ = ["structured"]

_SCALARS = frozenset({type(None), bool, int, float, str, bytes})


def structured(value: Any, path: Callable[[PurePath], Any] = str) -> Any:
    """Return plain data that is equal for equal objects of the same type, and for no others.

    Args:
        value: The object.
        path: What a path counts as: its text, or what lies there.

    Raises:
        TypeError: It is, or holds, an object whose contents are not known.
        RecursionError: It holds itself, or is nested too deeply.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is list:
        return [structured(item, path) for item in value]
    if kind is dict:
        return {structured(key, path): structured(item, path) for key, item in value.items()}
    # A tuple with the type's name in front is all that stands for anything else, a tuple too.
    return (f"{kind.__module__}.{kind.__qualname__}", *_contents(value, path))


def _contents(value: Any, path: Callable[[PurePath], Any]) -> list[Any]:
    if isinstance(value, enum.Enum):
        return [value.name, structured(value.value, path)]
    if isinstance(value, PurePath):
        return [path(value)]
    if isinstance(value, tuple):
        return [structured(item, path) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((structured(item, path) for item in value), key=canonical.encode)
    for kinds, contents in _BY_KIND:
        if isinstance(value, kinds):
            return [contents(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [{field.name: structured(getattr(value, field.name), path) for field in dataclasses.fields(value)}]
    if hasattr(type(value), "model_fields"):  # a pydantic model, told without importing pydantic
        fields = {name: structured(getattr(value, name), path) for name in type(value).model_fields}
        return [fields, structured(value.model_extra, path)]
    if type(value).__module__.partition(".")[0] == "numpy":
        return [_array_digest(value)]
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} has contents that are not known")


#: Which objects have which plain contents.
_BY_KIND: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (uuid.UUID, lambda value: value.hex),
    (bytearray, bytes),
    (re.Pattern, lambda value: [value.pattern, value.flags]),
    (complex, lambda value: [value.real, value.imag]),
    ((range, slice), lambda value: [structured(part) for part in (value.start, value.stop, value.step)]),
    ((dt.date, dt.time, dt.timedelta, dt.tzinfo, decimal.Decimal, fractions.Fraction), repr),
)


def _array_digest(value: Any) -> bytes:
    import numpy as np

    encoded = npy.encode(np.asarray(value))
    return digest_of(encoded.codec, *encoded.parts)
