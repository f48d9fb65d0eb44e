"""The manifest: what a pack contributes, its nodes described, readable without importing the pack.

It is generated when a pack is built, and lies in the pack's top-level import package as `flowra-manifest.json`:

```json
{
  "format": "flowra-manifest/1",
  "pack": "image",
  "sources": "<source_digest of the package>",
  "contributions": {"nodes": [{"target": "flowra_image.filters:Blur", "name": "Blur"}]},
  "nodes": {"Blur": {"…": "the node's description"}}
}
```

In a wheel the manifest always counts. In an editable install the code may have moved on, so that it counts only while
`sources` is the digest of the files as they are.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowra.exceptions import PluginError
from flowra.plugin.contribution_base import NAME_PATTERN, Contribution
from flowra.plugin.contributions import KINDS, NodeEntry, check_unique
from flowra.plugin.location import locate_package
from flowra.plugin.record import MANIFEST_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "MANIFEST_FORMAT",
    "MANIFEST_NAME",
    "Manifest",
    "find_manifest",
    "manifest_data",
    "parse_manifest",
    "read_manifest",
    "source_digest",
    "write_manifest",
]

MANIFEST_FORMAT = "flowra-manifest/1"

_FIELDS = frozenset({"format", "pack", "sources", "contributions", "nodes"})
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read and checked.

    Attributes:
        pack: The id of the pack that it describes.
        sources: The digest of the package's sources that it was made from.
        contributions: All contributions, by kind; kinds without any are absent.
        nodes: The description of each node, by the node's name; made and read by `flowra.dag`.
    """

    pack: str
    sources: str
    contributions: Mapping[str, tuple[Contribution, ...]]
    nodes: Mapping[str, Mapping[str, Any]]


def find_manifest(module: str) -> Path | None:
    """Return the manifest of the pack whose entry-point module is `module`, or None; nothing is imported."""
    package = locate_package(module)
    if package is None:
        return None
    path = package / MANIFEST_NAME
    return path if path.is_file() else None


def source_digest(package_dir: Path) -> str:
    """Return the SHA-256 hex digest over the names and contents of all `*.py` files below `package_dir`."""
    import hashlib

    digest = hashlib.sha256()
    # By name as written with "/", so that the digest is the same on every system; each part with its length before
    # it, so that no content can pass for a boundary.
    for name, path in sorted((path.relative_to(package_dir).as_posix(), path) for path in package_dir.rglob("*.py")):
        if path.is_file():
            for part in (os.fsencode(name), path.read_bytes()):
                digest.update(len(part).to_bytes(8, "big"))
                digest.update(part)
    return digest.hexdigest()


def manifest_data(
    pack: str,
    package_dir: Path,
    contributions: Iterable[Contribution],
    nodes: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return a manifest's content, ready for `write_manifest`.

    Args:
        pack: The pack's id.
        package_dir: The folder of its top-level import package.
        contributions: Everything its hooks return, as `flowra.plugin.inspection.ask_hooks` collects it.
        nodes: The description of each node, by the node's name, as plain data.
    """
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for contribution in contributions:
        by_kind.setdefault(contribution.kind, []).append(contribution.to_json())
    return {
        "format": MANIFEST_FORMAT,
        "pack": pack,
        "sources": source_digest(package_dir),
        "contributions": by_kind,
        "nodes": {name: dict(description) for name, description in nodes.items()},
    }


def write_manifest(path: Path, data: Mapping[str, Any]) -> None:
    """Write a manifest, all of it or nothing; equal data makes equal bytes.

    Raises:
        PluginError: If `data` is no manifest.
    """
    parse_manifest(data, where=str(path))
    try:
        text = json.dumps(data, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise _unusable(str(path), f"a node's description is not plain JSON: {error}") from error
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(text.encode())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest.

    Raises:
        PluginError: If it can't be read, or is no manifest of this format.
    """
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(str(path), f"{type(error).__name__}: {error}") from error
    return parse_manifest(data, where=str(path))


def parse_manifest(data: object, *, where: str) -> Manifest:
    """Check a manifest's content.

    Args:
        data: The content, as JSON gives it.
        where: The file, for errors.

    Raises:
        PluginError: If it is no manifest of this format.
    """
    if not isinstance(data, Mapping):
        raise _unusable(where, f"it holds a JSON {type(data).__name__}, not an object")
    if data.get("format") != MANIFEST_FORMAT:
        raise _unusable(where, f"its format is {data.get('format')!r}; this Flowra reads {MANIFEST_FORMAT!r}")
    if data.keys() != _FIELDS:
        odd = sorted(str(name) for name in data.keys() ^ _FIELDS)
        raise _unusable(where, f"fields missing or unknown: {', '.join(odd)}")
    pack, sources, nodes = data["pack"], data["sources"], data["nodes"]
    if not isinstance(pack, str) or not NAME_PATTERN.fullmatch(pack):
        raise _unusable(where, f"pack is {pack!r}, which is no pack id")
    if not isinstance(sources, str) or not _DIGEST.fullmatch(sources):
        raise _unusable(where, "sources is not a SHA-256 digest")
    contributions = _parse_contributions(data["contributions"], where)
    if not isinstance(nodes, dict) or not all(isinstance(each, dict) for each in nodes.values()):
        raise _unusable(where, "nodes does not map names to descriptions")
    contributed = {entry.name for entry in contributions.get("nodes", ()) if isinstance(entry, NodeEntry)}
    if contributed != nodes.keys():
        odd = sorted(contributed ^ nodes.keys())
        raise _unusable(where, f"nodes contributed and nodes described differ in {', '.join(odd)}")
    return Manifest(pack, sources, contributions, nodes)


def _parse_contributions(data: object, where: str) -> dict[str, tuple[Contribution, ...]]:
    if not isinstance(data, dict):
        raise _unusable(where, "contributions is not an object")
    parsed: dict[str, tuple[Contribution, ...]] = {}
    for kind, entries in data.items():
        if kind not in KINDS:
            raise _unusable(where, f"contributions of unknown kind {kind!r}")
        if not isinstance(entries, list):
            raise _unusable(where, f"contributions.{kind} is not a list")
        try:
            parsed[kind] = tuple(KINDS[kind].from_json(entry) for entry in entries)
            check_unique(parsed[kind])
        except PluginError as error:
            raise _unusable(where, f"contributions.{kind}: {error.what}") from error
    return parsed


def _unusable(where: str, why: str) -> PluginError:
    return PluginError(
        "the pack's manifest can't be used",
        where=where,
        why=why,
        fix="build the pack again, or reinstall it",
    )
