"""Numbers, text, choices, JSON, bytes and files."""

from __future__ import annotations

import enum
import math
import os
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from flowra.type.value.base import ValueType, short

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

__all__ = ["JSON", "Anything", "Boolean", "Bytes", "Choice", "File", "Float", "Folder", "Integer", "String"]

_PLAIN = (int, float, str, bool)


def _plain(value: Any) -> Any:
    """Turn a numpy scalar into the Python number it stands for; leave everything else alone."""
    if type(value) in _PLAIN or not hasattr(value, "dtype") or getattr(value, "shape", None) != ():
        return value
    plain = value.item()
    if type(plain) in _PLAIN:
        return plain
    # numpy's long doubles stay what they are, lest they lose digits.
    return float(plain) if getattr(getattr(value, "dtype", None), "kind", "") == "f" else value


@dataclass(frozen=True)
class Anything(ValueType):
    """Any value at all; nothing is checked."""

    kind: ClassVar[str] = "Any"
    words: ClassVar[str] = "any value, unchecked"

    def core_schema(self) -> CoreSchema:
        """Return a schema that takes everything."""
        from pydantic_core import core_schema

        return core_schema.any_schema()

    def json_schema(self) -> dict[str, Any]:
        """Return the empty schema."""
        return {}


@dataclass(frozen=True)
class Boolean(ValueType):
    """True or false. Numbers and text are refused: `0` and `"false"` mean different things to different people."""

    kind: ClassVar[str] = "Boolean"
    words: ClassVar[str] = "true or false"

    def core_schema(self) -> CoreSchema:
        """Return a strict boolean schema that also takes numpy's booleans."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(_plain, core_schema.bool_schema(strict=True))

    def json_schema(self) -> dict[str, Any]:
        """Return `{"type": "boolean"}`."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Integer(ValueType):
    """A whole number of any size. A float counts when it is whole; text and booleans don't."""

    kind: ClassVar[str] = "Integer"
    words: ClassVar[str] = "whole number of any size"

    def core_schema(self) -> CoreSchema:
        """Return an integer schema that also takes numpy's integers and whole floats."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(_whole, core_schema.int_schema(strict=True))

    def json_schema(self) -> dict[str, Any]:
        """Return `{"type": "integer"}`."""
        return {"type": "integer"}


def _whole(value: Any) -> Any:
    if type(value) is int:  # by far the most usual, and this is called for each port of each call
        return value
    value = _plain(value)
    return int(value) if type(value) is float and value.is_integer() else value


@dataclass(frozen=True)
class Float(ValueType):
    """A finite number, 64-bit floating point. Text, booleans, NaN and infinities are refused."""

    kind: ClassVar[str] = "Float"
    words: ClassVar[str] = "finite number, 64-bit floating point"

    def core_schema(self) -> CoreSchema:
        """Return a float schema that also takes integers and numpy's numbers."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(
            _real, core_schema.float_schema(strict=True, allow_inf_nan=False)
        )

    def json_schema(self) -> dict[str, Any]:
        """Return `{"type": "number"}`."""
        return {"type": "number"}


def _real(value: Any) -> Any:
    if type(value) is float:
        return value
    value = _plain(value)
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise ValueError("is too large for a 64-bit floating-point number") from None
    if type(value) is bool:
        raise ValueError(f"expected a number, got {short(value)}")
    return value


@dataclass(frozen=True)
class String(ValueType):
    """Unicode text. A path becomes its text."""

    kind: ClassVar[str] = "String"
    words: ClassVar[str] = "Unicode text"

    def core_schema(self) -> CoreSchema:
        """Return a strict text schema."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(_words, core_schema.str_schema(strict=True))

    def json_schema(self) -> dict[str, Any]:
        """Return `{"type": "string"}`."""
        return {"type": "string"}


def _words(value: Any) -> Any:
    return str(value) if isinstance(value, PurePath) else value


@dataclass(frozen=True)
class Choice(ValueType):
    """One of a fixed list of texts or numbers, as `typing.Literal` and enumerations give them.

    `1` and `1.0` are the same choice, as they are in JSON; `1` and `True` are not.

    Args:
        values: What there is to choose from.
    """

    kind: ClassVar[str] = "Choice"
    words: ClassVar[str] = "one of a fixed list of texts or numbers"

    values: tuple[str | int | float | bool, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.values, tuple) or any(type(value) not in _PLAIN for value in self.values):
            raise ValueError(f"choices are a list of texts, numbers and booleans, got {short(self.values)}")
        if not self.values:
            raise ValueError("there is nothing to choose from")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Choice) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        # True == 1 in Python, but a choice of one is no choice of the other.
        return tuple((type(value) is bool, value) for value in self.values)

    def core_schema(self) -> CoreSchema:
        """Return a schema that takes just the listed values (an enumeration member counts as its value)."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self._pick)

    def _pick(self, value: Any) -> Any:
        plain = value.value if isinstance(value, enum.Enum) else _plain(value)
        if isinstance(plain, (str, int, float)):
            for candidate in self.values:
                if (type(candidate) is bool) == (type(plain) is bool) and candidate == plain:
                    return candidate
        raise ValueError(f"is none of {', '.join(map(repr, self.values))}: got {short(value)}")

    def json_schema(self) -> dict[str, Any]:
        """Return `{"enum": [...]}`."""
        return {"enum": list(self.values)}


@dataclass(frozen=True)
class JSON(ValueType):
    """What JSON can say: null, booleans, finite numbers, text, lists, objects with text keys."""

    kind: ClassVar[str] = "JSON"
    words: ClassVar[str] = "null, boolean, finite number, text, list, or object with text keys"

    def core_schema(self) -> CoreSchema:
        """Return a schema that takes JSON values, and objects that have a `to_json` method."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(_as_json)

    def json_schema(self) -> dict[str, Any]:
        """Return the empty schema: every JSON value is one."""
        return {}


#: Deeper values break the parsers of other programs, and recursion here.
JSON_DEPTH = 64


def _as_json(value: Any, depth: int = 0) -> Any:
    if depth > JSON_DEPTH:
        raise ValueError(f"is nested deeper than {JSON_DEPTH} levels")
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        if not math.isfinite(value):
            raise ValueError(f"{value!r} has no place in JSON")
        return value
    if isinstance(value, enum.Enum):
        return _as_json(value.value, depth + 1)
    if isinstance(value, (list, tuple)):
        return [_as_json(item, depth + 1) for item in value]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"a key of a JSON object is text, got {short(key)}")
        return {key: _as_json(item, depth + 1) for key, item in value.items()}
    if (plain := _plain(value)) is not value:
        return _as_json(plain, depth + 1)
    if callable(getattr(value, "to_json", None)) and not isinstance(value, type):
        return _as_json(value.to_json(), depth + 1)
    raise ValueError(f"expected a JSON value, got {short(value)}")


@dataclass(frozen=True)
class Bytes(ValueType):
    """Raw bytes. In a graph file, text in base64."""

    kind: ClassVar[str] = "Bytes"
    words: ClassVar[str] = "raw bytes (base64 text in a graph file)"

    def core_schema(self) -> CoreSchema:
        """Return a schema that takes bytes, byte arrays and base64 text."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            _as_bytes,
            serialization=core_schema.plain_serializer_function_ser_schema(base64_text, when_used="json"),
        )

    def json_schema(self) -> dict[str, Any]:
        """Return a base64 text schema."""
        return {"type": "string", "contentEncoding": "base64"}


def base64_text(value: bytes) -> str:
    """Return bytes as a graph file holds them."""
    import base64

    return base64.b64encode(value).decode("ascii")


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        import base64
        import binascii

        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("expected bytes, got text that is not base64") from None
    raise ValueError(f"expected bytes, got {short(value)}")


@dataclass(frozen=True)
class File(ValueType):
    """The path of a file, as an absolute `pathlib.Path`.

    Args:
        extensions: Which endings are fine, with the dot; empty for any. Case makes no difference.
        exists: Whether the file must be there. False for a path that will be written: then a relative path
            stays relative, and the node decides what it is relative to.
        url: Whether an `http://` or `https://` address does as well; it arrives as text.
    """

    kind: ClassVar[str] = "File"
    words: ClassVar[str] = "path of a file"
    reads_files: ClassVar[bool] = True

    extensions: tuple[str, ...] = ()
    exists: bool = True
    url: bool = False

    def __post_init__(self) -> None:
        endings = self.extensions
        if not isinstance(endings, tuple) or not all(isinstance(each, str) and each[:1] == "." for each in endings):
            raise ValueError(f'extensions are a list like [".png", ".jpg"], got {short(endings)}')
        object.__setattr__(self, "extensions", tuple(each.lower() for each in endings))
        check_flags(exists=self.exists, url=self.url)

    def core_schema(self) -> CoreSchema:
        """Return a schema that takes text and paths."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, value: Any) -> Path | str:
        path = self._path(value)
        if isinstance(path, str) or not self.exists:
            return path
        if not _is_there(path):
            raise ValueError(f"no such file: {path}")
        if path.is_dir():
            raise ValueError(f"is a folder, not a file: {path}")
        return path

    def _path(self, value: Any) -> Path | str:
        if isinstance(value, str) and is_url(value):
            if self.url:
                return value
            raise ValueError("takes a path, not an address on the network")
        path = _as_path(value, absolute=self.exists)
        if self.extensions and path.suffix.lower() not in self.extensions:
            raise ValueError(f"takes {', '.join(self.extensions)}, got {path.suffix or 'no ending'} ({path.name})")
        return path

    def accepts_literal(self, value: Any) -> str | None:
        """Say why a literal can't be such a path; whether the file exists is only known when the node runs."""
        try:
            self._path(value)
        except ValueError as error:
            return str(error)
        return None

    def json_schema(self) -> dict[str, Any]:
        """Return a text schema with the format `path`."""
        return {"type": "string", "format": "path", "minLength": 1}


@dataclass(frozen=True)
class Folder(ValueType):
    """The path of a folder, as an absolute `pathlib.Path`.

    Args:
        exists: Whether the folder must be there. False for one that will be made.
    """

    kind: ClassVar[str] = "Folder"
    words: ClassVar[str] = "path of a folder"
    reads_files: ClassVar[bool] = True

    exists: bool = True

    def __post_init__(self) -> None:
        check_flags(exists=self.exists)

    def core_schema(self) -> CoreSchema:
        """Return a schema that takes text and paths."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, value: Any) -> Path:
        path = _as_path(value, absolute=self.exists)
        if self.exists and not (_is_there(path) and path.is_dir()):
            raise ValueError(f"is a file, not a folder: {path}" if _is_there(path) else f"no such folder: {path}")
        return path

    def accepts_literal(self, value: Any) -> str | None:
        """Say why a literal can't be such a path; whether the folder exists is only known when the node runs."""
        try:
            _as_path(value, absolute=False)
        except ValueError as error:
            return str(error)
        return None

    def json_schema(self) -> dict[str, Any]:
        """Return a text schema with the format `path`."""
        return {"type": "string", "format": "path", "minLength": 1}


def is_url(text: str) -> bool:
    """Tell whether a text is an `http` or `https` address."""
    return text[:8].lower().startswith(("http://", "https://"))


def _as_path(value: Any, *, absolute: bool) -> Path:
    if not isinstance(value, (str, PurePath)):
        raise ValueError(f"expected a path, got {short(value)}")
    if value == "":
        raise ValueError("expected a path, got empty text")
    if "\0" in str(value):
        raise ValueError("a path can't hold a NUL character")
    try:
        os.fsencode(value)
        path = Path(value).expanduser()
    except UnicodeEncodeError:
        raise ValueError(f"no file can have such a name: {short(str(value))}") from None
    except RuntimeError:  # ~name of a user who isn't there
        raise ValueError(f"there is no home folder {Path(value).parts[0]}") from None
    return path.absolute() if absolute else path


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise ValueError(f"can't look for {short(str(path))}: {error.strerror}") from None


def check_flags(**flags: Any) -> None:
    """Raise ValueError for a setting that is neither True nor False."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise ValueError(f"{name} is true or false, got {short(flag)}")
