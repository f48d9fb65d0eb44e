"""What a literal counts as in a key: plain values by value, files and folders by name and contents, media by bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from weakref import ref

from flowra.dag.key.parts import InputDigest, Unkeyable
from flowra.dag.key.structure import structured
from flowra.dag.port import Port
from flowra.exceptions import FlowraError, ModelError, PluginError, StoreError
from flowra.storage.codec import canonical, npy
from flowra.storage.refs import digest_of
from flowra.type.handler import handler_for
from flowra.type.model_reference import is_model_reference
from flowra.type.value.base import ValueType, complaints, short
from flowra.type.value.containers import ListOf, OptionalOf, UnionOf
from flowra.type.value.media import MediaType
from flowra.type.value.model import Model
from flowra.type.value.scalar import Anything, File, Folder, is_url

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

    from flowra.model import ModelIdentity

__all__ = ["LiteralDigests", "holds_paths", "is_plain"]

#: Plain values up to so many bytes are shown as they are; lists of up to so many items item by item.
_SHOWN_BYTES = 200
_SHOWN_ITEMS = 20
#: How many digests are remembered, and of how many ports, and the longest text among the values.
_REMEMBERED = 10_000
_REMEMBERED_PORTS = 1_000
_REMEMBERED_TEXT = 200


class _NoDigestError(ValueError):
    """A literal has no digest, for the reason that is the message."""


class LiteralDigests:
    """Gives the digests of literals.

    Values in memory are taken as they are when they are first seen, so an instance is for one run.

    Args:
        file_digest: Gives the digest of a file's contents.
        model_identity: Says what a reference to a model means now.
    """

    def __init__(self, file_digest: Callable[[Path], bytes], model_identity: Callable[[str], ModelIdentity]) -> None:
        self._file_digest = file_digest
        self._model_identity = model_identity
        self._validators: dict[int, tuple[Port, SchemaValidator]] = {}
        self._scalars: dict[tuple[int, type, Any], tuple[Port, InputDigest]] = {}
        self._large: dict[tuple[int, int], tuple[Port, ref[Any], InputDigest]] = {}

    def of(self, port: Port, value: Any) -> InputDigest | Unkeyable:
        """Return the digest of a literal that is given to a port."""
        kind = type(value)
        if kind in _SCALARS:
            # Equal values of one type are one value, but for zero, which has two signs.
            if (not value and kind is float) or (kind is str and len(value) > _REMEMBERED_TEXT):
                return self._of(port, value)
            scalar = self._scalars.get((id(port), kind, value))
            if scalar is not None:
                return scalar[1]
            found = self._of(port, value)
            if isinstance(found, InputDigest) and not port.value_type.reads_files:
                if len(self._scalars) >= _REMEMBERED:
                    self._scalars.clear()
                self._scalars[id(port), kind, value] = (port, found)
            return found
        if value is None or isinstance(value, _CONTAINERS):
            return self._of(port, value)
        large = self._large.get((id(port), id(value)))
        # Another value may have got its place in memory. The value itself is not kept: each item of a batch may bring
        # one.
        if large is not None and large[1]() is value:
            return large[2]
        found = self._of(port, value)
        if isinstance(found, InputDigest):
            if len(self._large) >= _REMEMBERED:
                self._large.clear()
            with suppress(TypeError):  # a value of a class that knows no weak references is digested each time
                self._large[id(port), id(value)] = (port, ref(value), found)
        return found

    def _of(self, port: Port, value: Any) -> InputDigest | Unkeyable:
        try:
            if value is None:
                return self._plain(None)
            if is_plain(port.value_type):
                return self._plain(self.validated(port, value))
            return self._typed(port.value_type, value)
        except (_NoDigestError, OSError) as error:
            return Unkeyable(str(error), missing=isinstance(error, FileNotFoundError))
        except (StoreError, ModelError) as error:
            return Unkeyable(f"{error.what}{f': {error.why}' if error.why else ''}")
        except (TypeError, ValueError, RecursionError) as error:
            return Unkeyable(f"{short(value)}: {error}")

    def validated(self, port: Port, value: Any) -> Any:
        """Return a literal as the node gets it; raises ValueError with the reason where the port refuses it."""
        from pydantic_core import SchemaValidator, ValidationError

        known = self._validators.get(id(port))
        if known is None:
            if len(self._validators) >= _REMEMBERED_PORTS:
                self._validators.clear()
            validator = SchemaValidator(port.component.core_schema(port.value_type))
            known = self._validators[id(port)] = (port, validator)
        try:
            return known[1].validate_python(value)
        except ValidationError as error:
            raise _NoDigestError("; ".join(complaints(error))) from None

    def _typed(self, value_type: ValueType, value: Any) -> InputDigest:
        if value is None:
            return self._plain(None)
        if isinstance(value_type, OptionalOf):
            return self._typed(value_type.item, value)
        if isinstance(value_type, ListOf) and isinstance(value, (list, tuple)):
            return _listed([self._typed(value_type.item, item) for item in value])
        if isinstance(value_type, UnionOf):
            return self._typed(_member(value_type, value), value)
        if isinstance(value_type, MediaType):
            return self._media(value_type, value)
        if isinstance(value_type, Model) and is_model_reference(value):
            identity = self._model_identity(value)
            return InputDigest(_tagged(b"$model", identity.digest), {"model": identity.pinned})
        if isinstance(value_type, (File, Folder)) or isinstance(value, PurePath):
            return self._path(value_type, value)
        if value_type.reads_files and isinstance(value, str):
            return self._path(value_type, value)
        if isinstance(value_type, ListOf):
            raise _NoDigestError(f"expected {value_type}, got {short(value)}")
        return self._plain(value)

    def _plain(self, value: Any) -> InputDigest:
        content = canonical.encode(value if type(value) in _SCALARS else structured(value, self._path_contents))
        # As the store names it, so that a literal and the same value from a node are the same to a key.
        digest = digest_of(canonical.CODEC, content)
        if len(content) <= _SHOWN_BYTES and b'{"$' not in content and _is_json(content):
            return InputDigest(digest, content)
        return InputDigest(digest, {"about": short(value)})

    def _path_contents(self, path: PurePath) -> Any:
        """Return what a path inside another value counts as: what lies there, or its text where nothing does."""
        return self._path(_ANY, path).digest if Path(path).exists() else str(path)

    def _path(self, value_type: ValueType, value: Any) -> InputDigest:
        if not isinstance(value, (str, PurePath)) or value == "":
            raise _NoDigestError(f"expected a path, got {short(value)}")
        if isinstance(value, str) and is_url(value):
            raise _elsewhere(value)
        if isinstance(value_type, (File, Folder)) and not value_type.exists:
            # It will be written: what lies there now means nothing.
            return InputDigest(_tagged(b"$path", os.fsencode(value)), {"path": str(value)})
        path = Path(value).expanduser().absolute()
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return self._folder(path)
        if not stat.S_ISREG(mode):
            raise _NoDigestError(f"{path} is neither a file nor a folder")
        name = os.fsencode(path.name)
        return InputDigest(_tagged(b"$file", self._file_digest(path), name), {"file": path.name})

    def _folder(self, folder: Path) -> InputDigest:
        parts = []
        for name, path in _walk(folder, folder, ()):
            parts.append(os.fsencode(name).replace(os.fsencode(os.sep), b"/"))
            # A folder is listed too, since an empty one may mean something.
            parts.append(b"" if path.is_dir() else self._file_digest(path))
        digest = _tagged(b"$folder", os.fsencode(folder.name), *parts)
        return InputDigest(digest, {"folder": folder.name, "entries": len(parts) // 2})

    def _media(self, value_type: MediaType, value: Any) -> InputDigest:
        if isinstance(value, (str, PurePath)):
            if isinstance(value, str) and is_url(value):
                raise _elsewhere(value)
            path = Path(value).expanduser().absolute()
            if path.is_dir():
                return self._folder(path)
            # The name is not seen by the node, but its ending may say how it is read.
            digest = _tagged(b"$media", self._file_digest(path), os.fsencode(path.suffix.lower()))
            return InputDigest(digest, {"file": path.name})
        if isinstance(value, (bool, int, float, bytes, list, tuple, dict)):
            return self._plain(value)
        if _is_array(value):
            encoded = npy.encode(value)
            return InputDigest(digest_of(encoded.codec, *encoded.parts), {"about": short(value)})
        try:
            handler = handler_for(value_type.handled_as)
            made = handler.encode(handler.coerce(value, value_type))
        except (PluginError, ValueError) as error:
            raise _NoDigestError(error.what if isinstance(error, FlowraError) else str(error)) from None
        if made is None:
            raise _NoDigestError(f"the pack that handles {value_type} gives no bytes for {short(value)}")
        codec, buffers = made
        return InputDigest(digest_of(codec, *buffers), {"about": short(value)})


_SCALARS = frozenset({bool, int, float, str})
_ANY = Anything()
_CONTAINERS = (list, tuple, dict, str, bytes, PurePath)


def _is_json(content: bytes) -> bool:
    return b"NaN" not in content and b"Infinity" not in content


def _listed(items: list[InputDigest]) -> InputDigest:
    digest = _tagged(b"$list", *(item.digest for item in items))
    if len(items) <= _SHOWN_ITEMS:
        return InputDigest(digest, {"items": [item.to_json() for item in items]})
    return InputDigest(digest, {"about": f"{len(items):,} items"})


def _tagged(tag: bytes, *parts: bytes) -> bytes:
    """Return a digest over parts of any length; no codec's name begins as the tags do."""
    hashing = sha256(tag + b"\0")
    for part in parts:
        hashing.update(len(part).to_bytes(8, "big") + part)
    return hashing.digest()


def is_plain(value_type: ValueType) -> bool:
    """Tell whether no value of a type is, or names, something outside."""
    if isinstance(value_type, (OptionalOf, ListOf)):
        return is_plain(value_type.item)
    if isinstance(value_type, UnionOf):
        return all(map(is_plain, value_type.items))
    return not isinstance(value_type, (MediaType, File, Folder, Anything)) and not value_type.reads_files


def holds_paths(value_type: ValueType) -> bool:
    """Tell whether values of a type are paths, or lists of them: then a linked value counts by what lies there too."""
    if isinstance(value_type, (OptionalOf, ListOf)):
        return holds_paths(value_type.item)
    if isinstance(value_type, UnionOf):
        return any(map(holds_paths, value_type.items))
    return isinstance(value_type, (File, Folder))


def _member(union: UnionOf, value: Any) -> ValueType:
    """Return the member of a union that a value is taken as; Anything for a plain value."""
    if isinstance(value, (str, PurePath)) and (union.reads_files or isinstance(value, PurePath)):
        return next((item for item in union.items if item.reads_files), Anything())
    if isinstance(value, (list, tuple)):
        return next((item for item in union.items if isinstance(item, ListOf)), Anything())
    if value is None or isinstance(value, (bool, int, float, str, bytes, dict)):
        return Anything()
    return next((item for item in union.items if isinstance(item, MediaType)), Anything())


def _is_array(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "__array_interface__")


def _elsewhere(address: str) -> _NoDigestError:
    return _NoDigestError(f"what lies at {address} may change; download it, and give the file")


def _walk(root: Path, folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, Path]]:
    """Yield everything below a folder in the order of its names; links are followed, as whoever reads them does."""
    at = folder.stat()
    if (at.st_dev, at.st_ino) in above:
        raise _NoDigestError(f"{folder} is a link to a folder that it lies in")
    for path in sorted(folder.iterdir()):
        mode = path.stat().st_mode
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise _NoDigestError(f"{path} is neither a file nor a folder")
        yield str(path.relative_to(root)), path
        if stat.S_ISDIR(mode):
            yield from _walk(root, path, (*above, (at.st_dev, at.st_ino)))
