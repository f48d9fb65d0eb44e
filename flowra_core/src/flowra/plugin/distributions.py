"""Find the packs among the installed distributions, by their metadata alone."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flowra.plugin.compatibility import required_range
from flowra.plugin.mending import describe_error, install_command
from flowra.plugin.names import canonical_name
from flowra.plugin.packs import PackProblem
from flowra.plugin.record import FileStamp, PackRecord, stamp
from flowra.plugin.search_path import search_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["GROUP", "find_packs"]

#: The entry-point group that packs register in.
GROUP = "flowra"

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class _EntryPoint(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def group(self) -> str: ...


class _Distribution(Protocol):
    """What is read of a distribution; importlib-metadata's own class for it differs among its versions."""

    @property
    def version(self) -> str: ...
    @property
    def metadata(self) -> Any: ...
    @property
    def requires(self) -> Iterable[str] | None: ...
    @property
    def entry_points(self) -> Iterable[_EntryPoint]: ...
    def read_text(self, filename: str, /) -> str | None: ...


def find_packs() -> list[PackRecord]:
    """Return every installed pack as its metadata describes it, the readable and the unreadable ones.

    Of a distribution that the search path holds twice, the first counts, as it does for imports.
    """
    importlib.invalidate_caches()  # distributions may have come since Python last looked
    records: list[PackRecord] = []
    seen: set[str] = set()
    for distribution in _distributions():
        name = _name(distribution)
        if canonical_name(name) in seen:
            continue
        seen.add(canonical_name(name))
        records.extend(_packs_of(distribution, name))
    return records


def _distributions() -> Iterator[_Distribution]:
    import importlib_metadata

    try:
        yield from importlib_metadata.distributions()
    except Exception:  # noqa: BLE001 - a finder of another tool may fail, or trip over an odd entry of sys.path
        # Which finder it was can't be told, and those after it went unasked. What lies on the search path is found all
        # the same; what the first ones told already comes twice, which the caller expects.
        context: Any = importlib_metadata.DistributionFinder.Context  # typed in some of its versions only
        yield from importlib_metadata.MetadataPathFinder.find_distributions(context(path=search_path()))


def _packs_of(distribution: _Distribution, name: str) -> Iterator[PackRecord]:
    folder = _metadata_folder(distribution)
    try:
        entry_points = [each for each in distribution.entry_points if each.group == GROUP]
    except Exception as error:  # noqa: BLE001 - metadata that can't be read must not stop the other packs
        if _may_be_pack(error, folder):
            yield _unreadable(distribution, name, name, "its entry points can't be read", describe_error(error))
        return
    for entry_point in entry_points:
        yield _pack(distribution, name, entry_point)


def _pack(distribution: _Distribution, name: str, entry_point: _EntryPoint) -> PackRecord:
    try:
        version = distribution.version
        if not version or distribution.metadata["Name"] is None:
            raise ValueError("METADATA is missing, or lacks Name or Version")  # noqa: TRY301
    except Exception as error:  # noqa: BLE001 - as above
        return _unreadable(distribution, name, entry_point.name, "its metadata can't be read", describe_error(error))
    try:
        stated = required_range(distribution.requires or ())
    except Exception as error:  # noqa: BLE001 - as above
        reason = describe_error(error)
        return _unreadable(distribution, name, entry_point.name, "its range of Flowra can't be read", reason)
    if not _MODULE.fullmatch(entry_point.value):
        reason = f"the entry point's value is {entry_point.value!r}; it has to be a module, as in 'my_pack.plugin'"
        return _unreadable(distribution, name, entry_point.name, "its entry point names no module", reason)
    folder = _metadata_folder(distribution)
    return PackRecord(
        id=entry_point.name,
        distribution=name,
        version=version,
        module=entry_point.value,
        location=str(folder or ""),
        editable=_is_editable(distribution, folder),
        requires_flowra=stated,
        metadata_stamps=_stamps(folder),
    )


def _unreadable(distribution: _Distribution, name: str, pack_id: str, what: str, why: str) -> PackRecord:
    folder = _metadata_folder(distribution)
    try:
        version = distribution.version or ""
    except Exception:  # noqa: BLE001 - as above
        version = ""
    mend = f"`{install_command(name, '--force-reinstall')}`" + (f", after removing {folder}" if folder else "")
    return PackRecord(
        id=pack_id,
        distribution=name,
        version=version,
        module="",
        location=str(folder or ""),
        state="unreadable",
        problem=PackProblem(what, why, mend),
        metadata_stamps=_stamps(folder),
    )


def _name(distribution: _Distribution) -> str:
    """Return the distribution's name, from its folder's name where the metadata lacks it."""
    try:
        name = distribution.metadata["Name"]
    except Exception:  # noqa: BLE001 - as above
        name = None
    if name:
        return str(name)
    folder = _metadata_folder(distribution)
    return folder.name.partition("-")[0] if folder else "(a distribution without a name)"


def _metadata_folder(distribution: _Distribution) -> Path | None:
    # importlib-metadata keeps the folder to itself, yet it is what a person has to be pointed to.
    path = getattr(distribution, "_path", None)
    return path if isinstance(path, Path) else None


def _stamps(folder: Path | None) -> tuple[FileStamp, ...]:
    if folder is None:
        return ()
    names = ("entry_points.txt", "PKG-INFO" if folder.name.endswith(".egg-info") else "METADATA")
    return tuple(stamp(str(folder / name)) for name in names)


def _is_editable(distribution: _Distribution, folder: Path | None) -> bool:
    if folder is not None and folder.name.endswith(".egg-info"):
        return True
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        return bool(origin.get("dir_info", {}).get("editable"))
    except Exception:  # noqa: BLE001 - as above; without a readable origin it is an ordinary install
        return False


def _may_be_pack(error: Exception, folder: Path | None) -> bool:
    """Return whether entry points that can't be parsed mention Flowra's group."""
    content = error.object if isinstance(error, UnicodeDecodeError) else b""
    if not content and folder is not None:
        try:
            content = (folder / "entry_points.txt").read_bytes()
        except OSError:
            return False
    return f"[{GROUP}]".encode() in content
