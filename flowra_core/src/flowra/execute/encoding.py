"""Values as bytes for the store, and back, as their value types say."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flowra.exceptions import RunError
from flowra.storage.codec import canonical, npy
from flowra.storage.codec.encoded import Buffer, Encoded, check_codec_name
from flowra.storage.codec.registry import CODECS
from flowra.type.annotations import value_type_of
from flowra.type.handler import handler_for
from flowra.type.named import builtin_value_types
from flowra.type.value.base import ValueType
from flowra.type.value.containers import OptionalOf, UnionOf
from flowra.type.value.media import MediaType
from flowra.type.value.python import PythonObject
from flowra.type.value.scalar import Anything, File, Folder, is_url

__all__ = ["NotStorableError", "ValueGoneError", "decode", "encode"]


#: What plain data is written with; read back without asking a handler, whatever the port takes besides.
_OWN_CODECS = (canonical.CODEC, "bytes")


class NotStorableError(RunError):
    """A value that no codec can write; it lives in memory only, and what depends on it is not cached."""


class ValueGoneError(RunError):
    """A value that a record names and that the store no longer has: its node has to run again."""


def encode(value: Any, value_type: ValueType) -> Encoded:
    """Return a value as bytes.

    Raises:
        NotStorableError: No codec can write it; the message says why, and what to do.
    """
    value_type = _concrete(value, value_type)
    try:
        if isinstance(value_type, MediaType) and value is not None:
            return _by_handler(value, value_type)
        if isinstance(value_type, PythonObject):
            return canonical.encoded(_dumped(value, value_type))
        if isinstance(value, Path):
            return canonical.encoded(str(value))
        if isinstance(value_type, Anything) and hasattr(value, "__array_interface__"):
            return npy.encode(value)
        if type(value) is bytes:
            return CODECS["bytes"].encode(value)
        return canonical.encoded(value)
    except (TypeError, ValueError) as error:
        raise NotStorableError(
            f"a value of type {value_type} can't be stored",
            why=str(error),
            fix="return plain data or a value type that a pack can store",
        ) from error


def decode(codec: str, data: memoryview, value_type: ValueType) -> Any:
    """Return the value that `encode` wrote; raises ValueError for bytes that are no such value."""
    if codec == "bytes":
        return bytes(data)
    if codec == canonical.CODEC:
        return _from_plain(canonical.decode(data), value_type)
    media = _media_type(codec, value_type)
    if media is not None:
        return handler_for(media.handled_as).decode(codec, data, media)
    if codec == npy.CODEC:
        return npy.decode(data)
    raise ValueError(f"there is no way to read the codec {codec} as {value_type}")


def _from_plain(value: Any, value_type: ValueType) -> Any:
    value_type = _concrete(value, value_type)
    if isinstance(value_type, PythonObject) and value_type.python is not None and value is not None:
        from pydantic import TypeAdapter

        return TypeAdapter(value_type.python).validate_python(value)
    if isinstance(value_type, (File, Folder)) and isinstance(value, str) and not is_url(value):
        return Path(value)
    return value


def _media_type(codec: str, value_type: ValueType) -> MediaType | None:
    """Return the type whose handler reads a codec: the declared one, or for a port that takes anything the codec's."""
    inner = value_type.item if isinstance(value_type, OptionalOf) else value_type
    candidates = inner.items if isinstance(inner, UnionOf) else (inner,)
    found = next((item for item in candidates if isinstance(item, MediaType)), None)
    if found is None:
        # A handler's own codec is named after the type it handles.
        kinds = (kind for name, kind in builtin_value_types().items() if name.lower() == codec)
        found = next((kind() for kind in kinds if issubclass(kind, MediaType)), None)
    return found


def _by_handler(value: Any, value_type: MediaType) -> Encoded:
    """Return what a pack's handler makes of a value; whatever the handler does wrong, the value just isn't stored."""
    handler = handler_for(value_type.handled_as)
    try:
        encoded = handler.encode(value)
        if encoded is not None:
            return _as_encoded(encoded)
    except MemoryError:
        raise
    except Exception as error:
        told = str(error) if isinstance(error, (TypeError, ValueError)) else f"{type(error).__name__}: {error}"
        raise NotStorableError(
            f"a value of type {value_type} can't be stored",
            why=f"{type(handler).__module__}.{type(handler).__qualname__}.encode: {told}",
            fix="mend it in that pack; flowra.testing.ValueTypeSuite checks it",
        ) from error
    raise NotStorableError(
        f"values of type {value_type} can't be stored yet",
        why="the pack that handles them gives no encoding",
        fix="implement ValueHandler.encode and decode for it",
    )


def _as_encoded(encoded: tuple[str, Iterable[Any]]) -> Encoded:
    """Check what a handler gives; raises TypeError or ValueError saying what is wrong with it."""
    codec, parts = encoded
    if codec in _OWN_CODECS:
        raise ValueError(f"its encoding is called {codec}, and Flowra's own is called so")
    parts = tuple(parts)
    if not all(isinstance(part, Buffer) for part in parts):
        raise TypeError(f"it gives {', '.join(type(part).__name__ for part in parts)} where bytes are to be")
    return Encoded(check_codec_name(codec), parts)


def _concrete(value: Any, value_type: ValueType) -> ValueType:
    """Return the type that a value of an optional or union type really has."""
    if isinstance(value_type, OptionalOf):
        return _concrete(value, value_type.item)
    if isinstance(value_type, UnionOf):
        try:
            own = value_type_of(type(value))
        except TypeError:
            own = None
        if own in value_type.items:
            assert own is not None
            return own
        media = [item for item in value_type.items if isinstance(item, MediaType)]
        if not media or isinstance(value, (bool, int, float, str, bytes, list, dict, Path, type(None))):
            return Anything()
        if len(media) > 1:
            # The bytes of a mask and of a picture don't say which of the two they are.
            raise NotStorableError(
                f"a value of type {value_type} can't be stored",
                why=f"the stored bytes would not say which of {', '.join(map(str, media))} it is",
                fix="declare the port with one of them",
            )
        return media[0]
    if isinstance(value_type, Anything):
        declared = getattr(type(value), "__flowra_value_type__", None)
        return declared if isinstance(declared, ValueType) else value_type
    return value_type


def _dumped(value: Any, value_type: PythonObject) -> Any:
    from pydantic import TypeAdapter

    python = value_type.python if value_type.python is not None else type(value)
    adapter = TypeAdapter(python)
    # The literals of a graph file stand as plain data where objects are meant.
    made = adapter.validate_python(value) if isinstance(value, (dict, list)) else value
    return adapter.dump_python(made, mode="json")
