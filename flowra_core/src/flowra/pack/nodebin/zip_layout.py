"""Reads the table of a zip file byte by byte, and refuses whatever two readers could understand differently.

`zipfile` is made to read what many programs write; an archive that is to be trusted has one form only:

- the file begins with the first entry and ends with the end record: nothing before, between and after;
- the entries follow one another without gap or overlap, in the order of the table;
- each entry's own header says what the table says; no extra fields, comments, data descriptors, encryption, zip64;
- entries are plain files, stored or deflated.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from flowra.pack.nodebin.limits import Limits

__all__ = ["DEFLATED", "STORED", "Entry", "MalformedZipError", "read_table"]

STORED, DEFLATED = 0, 8

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s2B4HL2L2H")
_UTF8 = 0x800
_ENCRYPTED = 0x2041  # encrypted, strongly encrypted, with a masked header
_DESCRIPTOR = 0x8
_ZIP64 = 0xFFFFFFFF
_UNIX = 3


class MalformedZipError(ValueError):
    """A zip file that is not of the one form that is read; the message says how."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the archive.

    Attributes:
        name: Its name.
        method: `STORED` or `DEFLATED`.
        crc: The CRC-32 of its bytes.
        packed: How many bytes it takes in the archive.
        size: How many bytes it has.
        start: Where its bytes begin in the archive.
    """

    name: str
    method: int
    crc: int
    packed: int
    size: int
    start: int


def read_table(file: IO[bytes], limits: Limits) -> list[Entry]:
    """Return the entries of an archive, in its order.

    Raises:
        MalformedZipError: It is no zip file of the form above, or larger than the limits.
    """
    length = file.seek(0, 2)
    if length > limits.file:
        raise MalformedZipError(f"it has {length:,} bytes; the limit is {limits.file:,}")
    if length < _END.size:
        raise MalformedZipError("it is too short for a zip file")
    end_at = length - _END.size
    magic, disk, disk_of_table, here, count, table_size, table_at, comment = _END.unpack(_read(file, end_at, _END.size))
    if magic != b"PK\x05\x06" or comment:
        raise MalformedZipError("it is no zip file, or something follows its end")
    if disk or disk_of_table or here != count:
        raise MalformedZipError("it is one part of several")
    if count == 0xFFFF or _ZIP64 in (table_size, table_at):
        raise MalformedZipError("it uses zip64")
    if count > limits.entries:
        raise MalformedZipError(f"it has {count:,} entries; the limit is {limits.entries:,}")
    if table_at + table_size != end_at:
        raise MalformedZipError("something stands between its table and its end")
    entries = list(_entries(file, _read(file, table_at, table_size), count, table_at))
    total = sum(entry.size for entry in entries)
    if total > limits.total:
        raise MalformedZipError(f"unpacked it has {total:,} bytes; the limit is {limits.total:,}")
    for entry in entries:
        if entry.size > limits.ratio * entry.packed and entry.size:
            raise MalformedZipError(f"{entry.name!r} is more than {limits.ratio} times larger than packed")
    return entries


def _entries(file: IO[bytes], table: bytes, count: int, table_at: int) -> Iterator[Entry]:
    at = expected = 0
    for _ in range(count):
        if at + _CENTRAL.size > len(table):
            raise MalformedZipError("its table is cut short")
        (
            magic, _, system, _, _, flags, method, _, _, crc, packed, size, name_length, extra, comment, disk, _,
            attributes, offset,
        ) = _CENTRAL.unpack_from(table, at)  # fmt: skip
        raw = table[at + _CENTRAL.size : at + _CENTRAL.size + name_length]
        at += _CENTRAL.size + name_length
        if magic != b"PK\x01\x02" or len(raw) != name_length:
            raise MalformedZipError("its table is damaged")
        name = _name(raw, flags)
        if flags & _ENCRYPTED:
            raise MalformedZipError(f"{name!r} is encrypted")
        if flags & ~_UTF8:
            told = "its size is told after its bytes" if flags & _DESCRIPTOR else f"its flags are {flags:#x}"
            raise MalformedZipError(f"{name!r}: {told}")
        if _ZIP64 in (packed, size, offset):
            raise MalformedZipError(f"{name!r} uses zip64")
        if extra or comment or disk:
            raise MalformedZipError(f"{name!r} has extra fields or a comment")
        if method not in (STORED, DEFLATED):
            raise MalformedZipError(f"{name!r} is packed with method {method}; stored and deflated are read")
        if method == STORED and packed != size:
            raise MalformedZipError(f"{name!r} is stored, and has two sizes")
        _check_kind(name, system, attributes)
        if offset != expected:
            raise MalformedZipError(f"{name!r} overlaps another entry, or something stands before it")
        start = offset + _LOCAL.size + name_length
        expected = start + packed
        if expected > table_at:
            raise MalformedZipError(f"{name!r} overlaps the table")
        local = _LOCAL.unpack(_read(file, offset, _LOCAL.size))
        own = (local[0], local[3], local[4], *local[7:])
        if own != (b"PK\x03\x04", flags, method, crc, packed, size, name_length, 0):
            raise MalformedZipError(f"{name!r}: its own header says something else than the table")
        if _read(file, offset + _LOCAL.size, name_length) != raw:
            raise MalformedZipError(f"{name!r} has another name in its own header")
        yield Entry(name, method, crc, packed, size, start)
    if at != len(table):
        raise MalformedZipError("its table has more entries than it counts")
    if expected != table_at:
        raise MalformedZipError("something stands between its last entry and its table")


def _name(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        raise MalformedZipError(f"the name {raw!r} is no text in the encoding it states") from None


def _check_kind(name: str, system: int, attributes: int) -> None:
    if system != _UNIX:
        raise MalformedZipError(f"{name!r} has attributes of a system that is not read")
    mode = attributes >> 16
    if not stat.S_ISREG(mode) or attributes & 0xFFFF:
        raise MalformedZipError(f"{name!r} is {_KINDS.get(stat.S_IFMT(mode), 'no plain file')}")
    if stat.S_IMODE(mode) != 0o644:
        raise MalformedZipError(f"{name!r} has the mode {stat.S_IMODE(mode):o}, not 644")


_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def _read(file: IO[bytes], at: int, length: int) -> bytes:
    file.seek(at)
    found = file.read(length)
    if len(found) != length:
        raise MalformedZipError("it is cut short")
    return found
