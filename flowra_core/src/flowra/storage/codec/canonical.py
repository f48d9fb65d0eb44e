"""Canonical bytes of plain values: scalars, text, bytes, lists, tuples and dictionaries.

Two values have the same bytes exactly if they are the same value of the same type: `1`, `1.0`, `"1"`, `True`, `b"1"`,
`None`, `nan`, `0.0` and `-0.0` all differ, `[1]` and `(1,)` too; the order of a dictionary's keys makes no difference.
The bytes do not depend on the process, its hash seed, the platform or the Python version.

They are JSON in UTF-8, in which a float always has a `.`, an exponent or a name (`NaN`). What JSON can't tell apart is
written as an object with one `$` key: `{"$bytes": …}`, `{"$tuple": […]}`, `{"$dict": [[key, value], …]}` (keys that
are no text or begin with `$`), `{"$int": …}` (beyond 2000 bits, where Python bounds decimal digits) and `{"$text": …}`
(text with lone surrogates).
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from json.encoder import encode_basestring
from typing import Any

from flowra.storage.codec.encoded import Buffer, Encoded

__all__ = ["CODEC", "decode", "encode", "encoded"]

#: The codec's name.
CODEC = "json"
# Python bounds the decimal digits of an int, by a setting that is at least 640: 2000 bits are 603 digits.
_LARGEST_INT = 2**2000
_LOOSE_SCALARS = frozenset({type(None), bool, float, str})
_dumps = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def encode(value: Any) -> bytes:
    """Return the canonical bytes of a value.

    Raises:
        TypeError: It is, or holds, something else than the types above; subclasses (an `IntEnum`, a numpy scalar)
            count as something else, since they would not come back as what they were.
        ValueError: It is nested too deeply, or holds itself.
    """
    # Most values are scalars; they must not pay for the general way.
    kind = type(value)
    if kind is float:
        text = repr(value)
        return _NAMED_FLOATS.get(text) or text.encode()
    if kind is int and -_LARGEST_INT < value < _LARGEST_INT:
        return b"%d" % value
    try:
        try:
            return encode_basestring(value).encode() if kind is str else _dumps(_jsonable(value)).encode()
        except UnicodeEncodeError:
            return _dumps(_jsonable(value, surrogates=True)).encode()
    except RecursionError:
        raise ValueError("the value is nested too deeply, or holds itself") from None


def encoded(value: Any) -> Encoded:
    """Return a value under the codec `json`; raises as `encode` does."""
    return Encoded(CODEC, (encode(value),))


def decode(buffer: Buffer) -> Any:
    """Return the value that `encode` made these bytes of.

    Raises:
        ValueError: They are not such bytes.
    """
    try:
        text = bytes(buffer).decode()
        return json.loads(text, object_hook=_untagged) if '{"$' in text else json.loads(text)
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None


_NAMED_FLOATS = {"nan": b"NaN", "inf": b"Infinity", "-inf": b"-Infinity"}


def _jsonable(value: Any, *, surrogates: bool = False) -> Any:
    """Return what `json` writes unambiguously.

    Args:
        value: A plain value.
        surrogates: Look at each text for lone surrogates; two of them would be written as the character of the pair.
    """
    kind = type(value)
    if kind is list:
        return value if _is_loose(value, surrogates) else [_jsonable(each, surrogates=surrogates) for each in value]
    if kind is dict:
        return _jsonable_dict(value, surrogates)
    if kind is str:
        return _tagged_text(value) if surrogates else value
    if kind is int:
        return value if -_LARGEST_INT < value < _LARGEST_INT else {"$int": hex(value)}
    if kind in _LOOSE_SCALARS:
        return value
    if kind is tuple:
        return {"$tuple": _jsonable(list(value), surrogates=surrogates)}
    if kind is bytes:
        return {"$bytes": b64encode(value).decode()}
    raise TypeError(
        f"{kind.__module__}.{kind.__qualname__} has no canonical bytes: only None, bool, int, float, str, bytes, list, "
        "tuple and dict have"
    )


def _jsonable_dict(value: dict[Any, Any], surrogates: bool) -> Any:
    names_only = all(type(key) is str and key[:1] != "$" for key in value)
    if names_only and not (surrogates and any(_tagged_text(key) is not key for key in value)):
        if _is_loose(value.values(), surrogates):
            return value
        return {key: _jsonable(each, surrogates=surrogates) for key, each in value.items()}
    pairs = [
        [_jsonable(key, surrogates=surrogates), _jsonable(each, surrogates=surrogates)] for key, each in value.items()
    ]
    return {"$dict": sorted(pairs, key=lambda pair: _dumps(pair[0]))}


def _is_loose(values: Any, surrogates: bool) -> bool:
    """Return whether no value needs a look of its own: the check of a long list of numbers must not take a loop."""
    kinds = set(map(type, values))
    if kinds == {int}:
        return bool(min(values) > -_LARGEST_INT and max(values) < _LARGEST_INT)
    return kinds <= _LOOSE_SCALARS and not (surrogates and str in kinds)


def _tagged_text(text: str) -> Any:
    try:
        text.encode()
    except UnicodeEncodeError:
        return {"$text": b64encode(text.encode(errors="surrogatepass")).decode()}
    return text


def _untagged(read: dict[str, Any]) -> Any:
    if len(read) != 1:
        return read
    ((tag, content),) = read.items()
    if tag[:1] != "$":
        return read
    try:
        if tag == "$bytes":
            return b64decode(content, validate=True)
        if tag == "$tuple":
            return tuple(content)
        if tag == "$dict":
            return dict(content)
        if tag == "$int":
            return int(content, 16)
        if tag == "$text":
            return b64decode(content, validate=True).decode(errors="surrogatepass")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{tag} is not as encode writes it: {error}") from error
    raise ValueError(f"unknown tag {tag}")
