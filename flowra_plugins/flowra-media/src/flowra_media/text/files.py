"""Text and JSON from files, and into them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from flowra_media.errors import MediaError, MediaLimitError
from flowra_media.files import read_bytes, write_bytes

__all__ = ["load_json", "load_text", "parse_json", "save_json", "save_text"]

#: Bytes at the beginning of a file that say its encoding, to the encoding and what is meant by it.
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def load_text(path: Path, *, encoding: str = "auto", max_megabytes: float = 100.0) -> str:
    """Read a text file; the line ends of any system become line feeds.

    Args:
        path: The file.
        encoding: Python's name of it; `auto` is what a mark at its beginning says, UTF-8 without one.
        max_megabytes: The most that is read.

    Raises:
        MediaError: It can't be read, or is not in that encoding.
        MediaLimitError: It is larger than the limit.
    """
    data = read_bytes(path, max_megabytes)
    if encoding == "auto":
        encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise MediaError(
            f"{path} is no text in {encoding}",
            why=f"byte {error.start:,} is {data[error.start]:#04x}, which does not belong there",
            fix="choose its encoding: latin-1, gb18030, utf-16 …",
        ) from error
    except LookupError:
        raise MediaError(f"there is no encoding {encoding!r}", fix="write utf-8, latin-1, gb18030 …") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def save_text(text: str, path: Path, *, overwrite: bool = True) -> None:
    """Write a text file in UTF-8, whole or not at all; raises `MediaError` if that can't be."""
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise MediaError("the text can't be written", why=f"character {error.start:,} is half of a pair") from error
    write_bytes(path, data, overwrite=overwrite)


def load_json(path: Path, *, max_megabytes: float = 100.0) -> Any:
    """Read a JSON file; raises like `load_text` and `parse_json`."""
    return parse_json(load_text(path, max_megabytes=max_megabytes), str(path))


def parse_json(text: str, name: str = "the text") -> Any:
    """Return the data of a JSON text.

    Raises:
        MediaError: It is none; says the line.
        MediaLimitError: It is nested deeper than is read.
    """

    def refuse(word: str) -> NoReturn:
        raise MediaError(f"{name} holds {word}, which JSON does not have", fix="write null, or a finite number")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise MediaError(f"{name} is no JSON", why=f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError:
        raise MediaLimitError(f"{name} is nested too deep") from None
    except MediaError:
        raise
    except ValueError as error:
        # Whole numbers of thousands of digits, whose reading takes the longer the more there are.
        raise MediaLimitError(f"{name} holds a number that is too long", why=str(error).partition(";")[0]) from error


def save_json(data: Any, path: Path, *, indent: int, overwrite: bool = True) -> None:
    """Write a JSON file in UTF-8, whole or not at all; raises `MediaError` if that can't be."""
    try:
        text = json.dumps(data, ensure_ascii=False, indent=indent or None, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise MediaError("the data can't be written as JSON", why=str(error)) from error
    save_text(text + "\n", path, overwrite=overwrite)
