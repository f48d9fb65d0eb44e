"""What can be said of a value: its shape, dtype, range, NaNs and digest, and a picture of it."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowra.execute.encoding import encode
from flowra.execute.values import ABSENT, Ended, Failed, Held, Many
from flowra.storage.refs import digest_of
from flowra.type.handler import handler_for, summarize
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf, OptionalOf
from flowra.type.value.media import MediaType

__all__ = ["ValueReport", "absent_report", "playable", "report_value"]

#: The longest side of a preview, in pixels.
PREVIEW = 360
#: The largest file in a page that plays a value, in bytes.
PLAYABLE = 1_500_000
_PLAYED = re.compile(r"(audio|video)/[a-z0-9.+-]+")
#: The most characters of plain data that are shown.
TEXT = 2000


@dataclass(frozen=True)
class ValueReport:
    """What is said of a value.

    Attributes:
        port: The port that it went through.
        type: The port's value type, in words.
        summary: One line.
        shape: The size of each axis, for arrays.
        dtype: The element type, for arrays.
        low: The least element that is finite, for arrays of numbers.
        high: The greatest one.
        nan: How many elements are NaN.
        infinite: How many are infinite.
        digest: The SHA-256 under which a store knows it, in hexadecimal; empty where it can't be stored.
        text: Plain data, as JSON, cut where it is long.
        png: A small picture of it.
        data: The value itself; not part of what is written down.
        played: The media type and the bytes of a file that browsers play; likewise.
    """

    port: str
    type: str
    summary: str
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    low: float | None = None
    high: float | None = None
    nan: int = 0
    infinite: int = 0
    digest: str = ""
    text: str = ""
    png: bytes | None = field(default=None, repr=False)
    data: Any = field(default=None, repr=False, compare=False)
    played: tuple[str, bytes] | None = field(default=None, repr=False, compare=False)

    def facts(self) -> list[str]:
        """Return shape, dtype, range and what is not finite, in words; nothing for what is no array."""
        if self.shape is None:
            return []
        found = [f"shape {'×'.join(map(str, self.shape)) or 'scalar'}", f"dtype {self.dtype}"]
        if self.low is not None and self.high is not None:
            found.append(f"range {self.low:.6g}..{self.high:.6g}")
        found += [f"{self.nan:,} NaN"] if self.nan else []
        return found + ([f"{self.infinite:,} infinite"] if self.infinite else [])

    def to_json(self) -> dict[str, Any]:
        """Return plain data; the picture as base64."""
        return {
            "port": self.port, "type": self.type, "summary": self.summary,
            "shape": list(self.shape) if self.shape is not None else None, "dtype": self.dtype or None,
            "low": self.low, "high": self.high, "nan": self.nan, "infinite": self.infinite,
            "digest": self.digest or None, "text": self.text or None,
            "png": base64.b64encode(self.png).decode() if self.png is not None else None,
        }  # fmt: skip


def absent_report(port: str, value_type: ValueType, reason: str) -> ValueReport:
    """Return the report of a value that is not there."""
    return ValueReport(port, str(value_type), reason)


def report_value(port: str, value_type: ValueType, data: Any, *, digest: bytes | None = None) -> ValueReport:
    """Describe a value; whatever the value, this does not raise.

    Args:
        port: The port's name.
        value_type: The port's type.
        data: The value.
        digest: Its digest, if that is known.
    """
    media = _media(value_type)
    if media is not None and isinstance(data, (str, Path)):
        try:
            data = media.coerce(data)  # a path in a graph stands for the picture that lies there
        except Exception as error:  # noqa: BLE001  what a handler can't read is described as what it is
            return absent_report(port, value_type, f"{data} ({error})")
    facts = _array_facts(_first(data) if isinstance(value_type, ListOf) else data)
    return ValueReport(
        port=port,
        type=str(value_type),
        summary=summarize(data, value_type),
        digest=(digest or _digest(data, value_type)).hex(),
        text=_text(data) if media is None and "shape" not in facts else "",
        png=_picture(media, _first(data)) if media is not None else None,
        data=data,
        **facts,
    )


def _media(value_type: ValueType) -> MediaType | None:
    while isinstance(value_type, (ListOf, OptionalOf)):
        value_type = value_type.item
    return value_type if isinstance(value_type, MediaType) else None


def _first(data: Any) -> Any:
    while isinstance(data, list) and data:
        data = data[0]
    return data


def _array_facts(data: Any) -> dict[str, Any]:
    if not (hasattr(data, "shape") and hasattr(data, "dtype") and hasattr(data, "__array__")):
        return {}
    import numpy as np

    array = np.asarray(data)
    facts: dict[str, Any] = {"shape": tuple(map(int, array.shape)), "dtype": array.dtype.name}
    if array.dtype.kind == "f":
        facts["nan"] = int(np.count_nonzero(np.isnan(array)))
        facts["infinite"] = int(np.count_nonzero(np.isinf(array)))
        array = array[np.isfinite(array)] if facts["nan"] or facts["infinite"] else array
    if array.size and array.dtype.kind in "iufb":
        facts["low"], facts["high"] = float(array.min()), float(array.max())
    return facts


def _digest(data: Any, value_type: ValueType) -> bytes:
    if isinstance(data, list):
        return b""
    try:
        stored = encode(data, value_type)
    except Exception:  # noqa: BLE001  what can't be stored has no digest, for whatever reason of its handler's
        return b""
    return digest_of(stored.codec, *stored.parts)


def _picture(media: MediaType, data: Any) -> bytes | None:
    if data is None:
        return None
    try:
        return handler_for(media.handled_as).thumbnail(data, PREVIEW)
    except Exception:  # noqa: BLE001  no preview is better than no report
        return None


def playable(value_type: ValueType, data: Any) -> tuple[str, bytes] | None:
    """Return the media type and the bytes of a file that browsers play; None where there is nothing to be played."""
    media, data = _media(value_type), _first(data)
    if media is None or data is None or isinstance(data, (list, str, Path)):
        return None
    try:
        found = handler_for(media.handled_as).playable(data, PLAYABLE)
        fits = found is not None and _PLAYED.fullmatch(found[0]) is not None and len(found[1]) <= PLAYABLE
    except Exception:  # noqa: BLE001  nothing to play is better than no report
        return None
    return found if fits else None


def _text(data: Any) -> str:
    try:
        text = json.dumps(data, ensure_ascii=False, indent=2, default=str)
    except (TypeError, ValueError, RecursionError):
        text = repr(data)
    return text if len(text) <= TEXT else f"{text[: TEXT - 1]}…"


def plain_data(value: Any, load: Any) -> Any:
    """Return a value of a run as data: lists without the items that ended; `load` reads what is not in memory.

    Raises:
        LookupError: There is no value; the message says why.
    """
    if isinstance(value, Held):
        return load(value) if value.data is ABSENT else value.data
    if isinstance(value, Many):
        return [plain_data(item, load) for item in value.items if not isinstance(item, Ended)]
    if isinstance(value, (Ended, Failed)):
        raise LookupError(value.reason)
    return value
