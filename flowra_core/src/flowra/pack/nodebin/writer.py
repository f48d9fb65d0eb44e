"""Writes archives: the same bytes for the same content."""

from __future__ import annotations

import hashlib
import shutil
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
_CHUNK = 1 << 20


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
    record = Record(files={name: _recorded(files[name]) for name in sorted(files)})
    contents = {**files, RECORD: record.to_bytes()}
    if sign is not None:
        name, signature = sign(record.to_bytes())
        contents[name] = signature
    with zipfile.ZipFile(target, "w") as archive:
        for name in [MANIFEST, *sorted(contents.keys() - {MANIFEST})]:
            _add(archive, name, contents[name], date)
    return record


def _recorded(content: bytes | Path) -> FileRecord:
    if isinstance(content, bytes):
        return FileRecord(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    digest = hashlib.sha256()
    with content.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return FileRecord(sha256=digest.hexdigest(), size=content.stat().st_size)


def _add(archive: zipfile.ZipFile, name: str, content: bytes | Path, date: int) -> None:
    # The oldest date that a zip file can tell is 1980.
    entry = zipfile.ZipInfo(name, time.gmtime(max(date, 315532800))[:6])
    entry.create_system = 3
    entry.external_attr = 0o100644 << 16
    if isinstance(content, Path) and name.endswith(".whl"):  # these can be large
        entry.file_size = content.stat().st_size
        with content.open("rb") as source, archive.open(entry, "w") as target:
            shutil.copyfileobj(source, target, _CHUNK)
        return
    whole = content if isinstance(content, bytes) else content.read_bytes()
    entry.compress_type = zipfile.ZIP_DEFLATED if _is_worth_packing(name, whole) else zipfile.ZIP_STORED
    archive.writestr(entry, whole, compresslevel=_LEVEL)


def _is_worth_packing(name: str, content: bytes) -> bool:
    """Wheels are packed already, and are read where they lie; what shrinks too well would look like a bomb."""
    if name.endswith(".whl"):
        return False
    packed = len(zlib.compress(content, _LEVEL))
    return packed < len(content) and len(content) <= packed * DEFAULT_LIMITS.ratio // 2
