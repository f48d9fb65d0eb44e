"""Opens an archive and proves that it is whole and harmless to unpack, before anything of it is written."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from pydantic import BaseModel, ValidationError

from flowra.pack.nodebin.json_bytes import parse_json
from flowra.pack.nodebin.limits import DEFAULT_LIMITS, Limits, refused, unreadable
from flowra.pack.nodebin.manifest import NodebinManifest, NodeFile
from flowra.pack.nodebin.names import check_layout, check_names
from flowra.pack.nodebin.record import MANIFEST, RECORD, SIGNATURES, FileRecord, Record
from flowra.pack.nodebin.wheels import check_wheel
from flowra.pack.nodebin.zip_layout import STORED, Entry, MalformedZipError, read_table

__all__ = ["Nodebin", "read_nodebin"]

_CHUNK = 1 << 18
_Document = TypeVar("_Document", bound=BaseModel)


@dataclass(frozen=True)
class Nodebin:
    """An archive that was read and checked.

    Attributes:
        path: The file.
        manifest: What the pack is.
        nodes: Its nodes, by name.
        record: The record's files: digest and size by name.
        record_bytes: The record as it stands in the archive: what signatures cover.
        signatures: The signature documents, by the id of the key.
        entries: Every entry, by name.
    """

    path: Path
    manifest: NodebinManifest
    nodes: Mapping[str, NodeFile]
    record: Mapping[str, FileRecord]
    record_bytes: bytes
    signatures: Mapping[str, bytes]
    entries: Mapping[str, Entry]

    @property
    def dependencies(self) -> list[str]:
        """The names of the wheels of dependencies."""
        return [name for name in self.entries if name.startswith("wheels/deps/")]

    def extract(self, names: list[str], folder: Path) -> list[Path]:
        """Write files into a folder, under the last part of their names, and return their paths.

        Raises:
            PluginError: The archive is no longer what was read.
        """
        written = []
        with self.path.open("rb") as file:
            for name in names:
                path = folder / name.rpartition("/")[2]
                digest = hashlib.sha256()
                with path.open("xb") as target:
                    for chunk in _unpacked(file, self.entries[name]):
                        digest.update(chunk)
                        target.write(chunk)
                if digest.hexdigest() != self.record[name].sha256:
                    raise refused(str(self.path), f"{name!r} changed while it was read")
                written.append(path)
        return written


def read_nodebin(path: Path, limits: Limits = DEFAULT_LIMITS) -> Nodebin:
    """Open an archive and check all of it; nothing is written, and nothing in it is run.

    Raises:
        UsageError: There is no such file, or it can't be read.
        PluginError: It is not what the format allows, or not what its own record says.
    """
    try:
        with path.open("rb") as file:
            return _read(path, file, limits)
    except OSError as error:
        raise unreadable(path, error) from error
    except (MalformedZipError, zlib.error) as error:
        raise refused(str(path), str(error)) from error


def _read(path: Path, file: IO[bytes], limits: Limits) -> Nodebin:
    found = read_table(file, limits)
    problem = check_names(entry.name for entry in found)
    problem = problem or next(filter(None, (check_layout(entry.name) for entry in found)), None)
    if problem is not None:
        raise MalformedZipError(problem)
    entries = {entry.name: entry for entry in found}
    if not found or found[0].name != MANIFEST or RECORD not in entries:
        raise MalformedZipError(f"{MANIFEST} has to be its first entry, and {RECORD} be there")
    rest = [entry.name for entry in found[1:]]
    if rest != sorted(rest):
        raise MalformedZipError("its entries are not sorted")

    record_bytes = _content(file, entries[RECORD], limits)
    record = _document(Record, RECORD, record_bytes)
    signed = {name for name in entries if name.startswith(SIGNATURES)}
    covered = entries.keys() - signed - {RECORD}
    if covered != record.files.keys():
        odd = sorted(covered ^ record.files.keys())
        raise MalformedZipError(f"{RECORD} and the files differ in {', '.join(odd[:5])}")
    for name in sorted(covered):
        _check_file(file, entries[name], record.files[name])

    manifest = _document(NodebinManifest, MANIFEST, _content(file, entries[MANIFEST], limits))
    nodes = {
        entry.name.removeprefix("nodes/").removesuffix(".json"): _document(
            NodeFile, entry.name, _content(file, entry, limits)
        )
        for entry in found
        if entry.name.startswith("nodes/")
    }
    _check_manifest(manifest, nodes, entries)
    for name, entry in entries.items():
        if name.startswith("wheels/"):
            own = (manifest.name, manifest.version, manifest.id) if name == manifest.wheel else None
            check_wheel(file, entry, own, limits)
    signatures = {
        name.removeprefix(SIGNATURES).removesuffix(".sig"): _content(file, entries[name], limits) for name in signed
    }
    return Nodebin(path, manifest, nodes, record.files, record_bytes, signatures, entries)


def _check_manifest(manifest: NodebinManifest, nodes: Mapping[str, NodeFile], entries: Mapping[str, Entry]) -> None:
    wheels = [name for name in entries if name.startswith("wheels/") and not name.startswith("wheels/deps/")]
    if wheels != [manifest.wheel]:
        raise MalformedZipError(f"its manifest names the wheel {manifest.wheel!r}, and it has {', '.join(wheels)}")
    if manifest.icon and (manifest.icon not in entries or not manifest.icon.startswith("icons/")):
        raise MalformedZipError(f"its manifest names the icon {manifest.icon!r}, which is not there")
    if sorted(manifest.nodes) != sorted(nodes):
        odd = sorted(set(manifest.nodes) ^ nodes.keys())
        raise MalformedZipError(
            f"nodes listed and nodes described differ: {', '.join(odd[:5]) or 'one is there twice'}"
        )
    for name, node in nodes.items():
        if node.type != f"{manifest.id}/{name}":
            raise MalformedZipError(f"nodes/{name}.json describes {node.type!r}")


def _document(model: type[_Document], name: str, content: bytes) -> _Document:
    try:
        # Python's own values, so that strict fields take what JSON has, and the parser is the one that refuses.
        return model.model_validate(parse_json(content))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise MalformedZipError(f"{name}: {place}: {first['msg']}") from None
    except ValueError as error:
        raise MalformedZipError(f"{name} is no JSON document: {error}") from None


def _check_file(file: IO[bytes], entry: Entry, record: FileRecord) -> None:
    digest = hashlib.sha256()
    for chunk in _unpacked(file, entry):
        digest.update(chunk)
    if entry.size != record.size or digest.hexdigest() != record.sha256:
        raise MalformedZipError(f"{entry.name!r} is not the file that {RECORD} names")


def _content(file: IO[bytes], entry: Entry, limits: Limits) -> bytes:
    if entry.size > limits.document:
        raise MalformedZipError(f"{entry.name!r} has {entry.size:,} bytes; the limit is {limits.document:,}")
    return b"".join(_unpacked(file, entry))


def _unpacked(file: IO[bytes], entry: Entry) -> Iterator[bytes]:
    """Yield the bytes of an entry, at most the size that it states; its CRC is checked at the end."""
    file.seek(entry.start)
    inflater = None if entry.method == STORED else zlib.decompressobj(-zlib.MAX_WBITS)
    crc = size = 0
    left = entry.packed
    waiting = b""
    while True:
        if not waiting and left:
            waiting = file.read(min(_CHUNK, left))
            left -= len(waiting)
            if not waiting:
                raise MalformedZipError("it is cut short")
        if inflater is None:
            chunk, waiting = waiting, b""
        else:
            chunk = inflater.decompress(waiting, _CHUNK)
            waiting = inflater.unconsumed_tail
            if inflater.unused_data:
                raise MalformedZipError(f"{entry.name!r}: something follows its packed bytes")
        size += len(chunk)
        if size > entry.size:
            raise MalformedZipError(f"{entry.name!r} is larger than it says")
        crc = zlib.crc32(chunk, crc)
        if chunk:
            yield chunk
        elif not waiting and not left:
            break
    if size != entry.size or crc != entry.crc or (inflater is not None and not inflater.eof):
        raise MalformedZipError(f"{entry.name!r} is damaged")
