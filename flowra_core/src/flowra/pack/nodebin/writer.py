"""Writes archives: the same bytes for the same content."""

from __future__ import annotations

import hashlib
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from flowra.exceptions import PluginError
from flowra.pack.nodebin.limits import DEFAULT_LIMITS
from flowra.pack.nodebin.names import check_layout, check_names
from flowra.pack.nodebin.record import MANIFEST, RECORD, FileRecord, Record

__all__ = ["FIXED_DATE", "write_nodebin"]

#: Seconds since 1970 that entries are dated with where SOURCE_DATE_EPOCH does not say otherwise: 2020-02-02.
FIXED_DATE = 1580601600
_LEVEL = 9


def write_nodebin(
    target: IO[bytes],
    files: Mapping[str, bytes | Path],
    *,
    date: int = FIXED_DATE,
    sign: Callable[[bytes], tuple[str, bytes]] | None = None,
) -> Record:
    """Write an archive.

    Args:
        target: An empty file, open for writing; it must be seekable.
        files: What is in it, by name, `manifest.json` among it; the record is added.
        date: Seconds since 1970 that entries are dated with.
        sign: Takes the record's bytes; returns the name and the bytes of the signature's file.

    Returns:
        The record.

    Raises:
        PluginError: A name that the format does not allow.
    """
    problem = check_names(files) or next(filter(None, map(check_layout, files)), None)
    if problem is not None:
        raise PluginError("this can't be packed", why=problem, fix="rename the file")
    contents = {
        name: content if isinstance(content, bytes) else content.read_bytes() for name, content in files.items()
    }
    record = Record(
        files={
            name: FileRecord(sha256=hashlib.sha256(contents[name]).hexdigest(), size=len(contents[name]))
            for name in sorted(contents)
        }
    )
    contents[RECORD] = record.to_bytes()
    if sign is not None:
        name, signature = sign(contents[RECORD])
        contents[name] = signature
    with zipfile.ZipFile(target, "w") as archive:
        for name in [MANIFEST, *sorted(contents.keys() - {MANIFEST})]:
            archive.writestr(*_entry(name, contents[name], date), compresslevel=_LEVEL)
    return record


def _entry(name: str, content: bytes, date: int) -> tuple[zipfile.ZipInfo, bytes]:
    # The oldest date that a zip file can tell is 1980.
    entry = zipfile.ZipInfo(name, time.gmtime(max(date, 315532800))[:6])
    entry.create_system = 3
    entry.external_attr = 0o100644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED if _is_worth_packing(name, content) else zipfile.ZIP_STORED
    return entry, content


def _is_worth_packing(name: str, content: bytes) -> bool:
    """Wheels are packed already, and are read where they lie; what shrinks too well would look like a bomb."""
    if name.endswith(".whl"):
        return False
    packed = len(zlib.compress(content, _LEVEL))
    return packed < len(content) and len(content) <= packed * DEFAULT_LIMITS.ratio // 2
