"""Wheels inside an archive: what pip and uv would unpack, looked at before they do."""

from __future__ import annotations

import configparser
import stat
import zipfile
from email.parser import HeaderParser
from typing import IO, cast

from flowra.pack.nodebin.limits import Limits
from flowra.pack.nodebin.names import check_names
from flowra.pack.nodebin.zip_layout import STORED, Entry, MalformedZipError

__all__ = ["check_wheel"]

#: A wheel may hold tables of zeros; more than this is a bomb.
_MOST_RATIO = 1100


def check_wheel(file: IO[bytes], entry: Entry, own: tuple[str, str, str] | None, limits: Limits) -> None:
    """Refuse a wheel that would write outside of its folder, is a bomb, or is not the pack's that it stands for.

    Args:
        file: The archive.
        entry: The wheel in it; stored, so that it can be read where it lies.
        own: Name, version and pack id, if it is the pack's own wheel.
        limits: What an archive may hold.

    Raises:
        MalformedZipError: The wheel can't be trusted.
    """
    if entry.method != STORED:
        raise MalformedZipError(f"{entry.name!r} is packed twice")
    try:
        with zipfile.ZipFile(cast("IO[bytes]", _Window(file, entry.start, entry.size))) as wheel:
            _check_members(entry.name, wheel.infolist(), limits)
            _check_metadata(entry.name, wheel, own)
    except (
        zipfile.BadZipFile,
        ValueError,
        OSError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        configparser.Error,
    ) as error:
        if isinstance(error, MalformedZipError):
            raise
        raise MalformedZipError(f"{entry.name!r} is no wheel: {error}") from None


def _check_members(wheel: str, members: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(members) > limits.entries * 5:
        raise MalformedZipError(f"{wheel!r} has {len(members):,} entries")
    if sum(member.file_size for member in members) > limits.total:
        raise MalformedZipError(f"{wheel!r} is larger unpacked than the limit of {limits.total:,} bytes")
    problem = check_names(member.orig_filename.rstrip("/") for member in members if not member.is_dir())
    if problem is not None:
        raise MalformedZipError(f"{wheel!r}: {problem}")
    for member in members:
        mode = stat.S_IFMT(member.external_attr >> 16)
        if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise MalformedZipError(f"{wheel!r}: {member.filename!r} is a link or a device")
        if member.file_size > _MOST_RATIO * max(member.compress_size, 1):
            raise MalformedZipError(f"{wheel!r}: {member.filename!r} is a bomb")


def _check_metadata(name: str, wheel: zipfile.ZipFile, own: tuple[str, str, str] | None) -> None:
    from packaging.utils import canonicalize_name, parse_wheel_filename
    from packaging.version import Version

    distribution, version, _, _ = parse_wheel_filename(name.rpartition("/")[2])
    metadata = [each for each in wheel.namelist() if each.count("/") == 1 and each.endswith(".dist-info/METADATA")]
    if len(metadata) != 1:
        raise MalformedZipError(f"{name!r} has {len(metadata)} descriptions of itself")
    if wheel.getinfo(metadata[0]).file_size > 4 << 20:
        raise MalformedZipError(f"{name!r}: its description of itself is too large")
    headers = HeaderParser().parsestr(wheel.read(metadata[0]).decode("utf-8"))
    said = (canonicalize_name(headers["Name"] or ""), Version(headers["Version"] or "0"))
    if said != (distribution, version):
        raise MalformedZipError(f"{name!r} holds {said[0]} {said[1]}")
    if own is None:
        if distribution == "flowra":
            raise MalformedZipError("it brings a Flowra of its own")
        return
    if said != (canonicalize_name(own[0]), Version(own[1])):
        raise MalformedZipError(f"its manifest says {own[0]} {own[1]}, and its wheel is {said[0]} {said[1]}")
    points = metadata[0].replace("METADATA", "entry_points.txt")
    if points not in wheel.namelist() or own[2] not in _packs(wheel.read(points).decode("utf-8")):
        raise MalformedZipError(f"its wheel does not register the pack {own[2]!r}")


def _packs(entry_points: str) -> set[str]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read_string(entry_points)
    return set(parser["flowra"]) if parser.has_section("flowra") else set()


class _Window:
    """A part of a file, as a file of its own that can be read."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        base = {0: 0, 1: self._at, 2: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a place before the start")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, length: int | None = -1) -> bytes:
        left = max(0, self._size - self._at)
        length = left if length is None or length < 0 else min(length, left)
        self._file.seek(self._start + self._at)
        found = self._file.read(length)
        self._at += len(found)
        return found

    def close(self) -> None:
        """The file belongs to another."""
