"""Find the installed packs and read what they contribute, from the index where it holds. Never raises."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowra.exceptions import PluginError
from flowra.plugin.index import Index, index_path, load_index, save_index
from flowra.plugin.packs import PackProblem
from flowra.plugin.record import MANIFEST_NAME, PackRecord, State, stamp, stamp_sources
from flowra.plugin.search_path import folder_state
from flowra.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowra.plugin.contribution_base import Contribution
    from flowra.plugin.manifest import Manifest

__all__ = ["RESERVED_PACK_IDS", "Discovery"]

#: Ids that no pack may have: `graph/NAME` is a subgraph.
RESERVED_PACK_IDS = frozenset({"graph"})


class Discovery:
    """The installed packs, with settings and other packs left aside.

    Args:
        is_disabled: Says of a record whether it is disabled; disabled packs are not read further than their metadata.
        cache_dir: The folder that keeps the index; None for no index.
        refresh: Look at every pack again, whatever the index says.
        environments: The folder of packs' own environments; None to look for none.

    Attributes:
        records: Every pack found, the unusable ones too.
    """

    def __init__(
        self,
        is_disabled: Callable[[PackRecord], bool],
        *,
        cache_dir: Path | None = None,
        refresh: bool = False,
        environments: Path | None = None,
    ) -> None:
        self._is_disabled = is_disabled
        self._began_ns = time.time_ns()
        self._path = index_path(cache_dir) if cache_dir is not None else None
        state = folder_state(str(environments)) if environments is not None else None
        loaded = load_index(self._path, state) if self._path is not None and not refresh else None
        if loaded is None:
            # The state is taken first: what changes while the packs are read makes the index stale, not wrong.
            from flowra.plugin.distributions import find_packs
            from flowra.plugin.search_path import take_state

            self._index = Index(take_state(), [], state)
            self._index.records.extend(map(self._read, find_packs()))
            if environments is not None and state is not None and state[1] != -1:
                from flowra.plugin.isolated import find_isolated_packs

                self._index.records.extend(map(self._read, find_isolated_packs(environments)))
            self._save()
        else:
            self._index = loaded
            self._read_again(
                lambda record: record.state == "found" or (record.state == "ok" and not record.code_is_as_stamped())
            )
        #: Broken packs that this process has not looked at itself.
        self._unverified = loaded is not None

    @property
    def records(self) -> list[PackRecord]:
        """Every pack found."""
        return self._index.records

    def recheck_broken(self) -> bool:
        """Look again at packs that an earlier process found broken: what they lacked may be there by now.

        Returns:
            Whether anything changed.
        """
        if not self._unverified:
            return False
        self._unverified = False
        return self._read_again(lambda record: record.state == "broken")

    def _read_again(self, wanted: Callable[[PackRecord], bool]) -> bool:
        records = self._index.records
        before = list(records)
        records[:] = [
            self._read(record) if wanted(record) and not self._is_disabled(record) else record for record in records
        ]
        if records == before:
            return False
        self._save()
        return True

    def _save(self) -> None:
        if self._path is not None:
            save_index(self._path, self._index, self._began_ns)

    def _read(self, record: PackRecord) -> PackRecord:
        if record.state == "unreadable" or self._is_disabled(record):
            return record
        return read_pack(record)


def read_pack(record: PackRecord) -> PackRecord:
    """Return a record with the pack's contributions read, from its manifest if that counts, else from its hooks.

    Whatever the pack does, it becomes the record's state and problem.
    """
    from flowra.plugin.compatibility import fits
    from flowra.plugin.contribution_base import NAME_PATTERN

    if record.python:
        from flowra.plugin.isolated import read_isolated

        return read_isolated(record)
    record = replace(record, state="found", package="", problem=None, contributions={}, manifest="", code_stamps=())
    if not NAME_PATTERN.fullmatch(record.id) or record.id in RESERVED_PACK_IDS:
        why = "it is reserved" if record.id in RESERVED_PACK_IDS else "ids are letters, digits, '_' and '-'"
        return _unusable(record, "broken", f"{record.id!r} can't be a pack's id", why, "rename the entry point")
    if not fits(record.requires_flowra, VERSION):
        from flowra.plugin.mending import install_command

        return _unusable(
            record,
            "incompatible",
            f"it does not work with Flowra {VERSION}",
            f"{record.distribution} {record.version} requires flowra{record.requires_flowra}",
            f"`{install_command(record.distribution, '--upgrade')}`",
        )
    try:
        record = _located(record)
        return _read_code(record)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a pack may even call sys.exit; that is its problem, and no one else's
        return _broken(record, error)


def _located(record: PackRecord) -> PackRecord:
    from flowra.plugin.location import locate_package

    package = locate_package(record.module)
    return record if package is None else replace(record, location=str(package), package=str(package))


def _read_code(record: PackRecord) -> PackRecord:
    path = Path(record.package, MANIFEST_NAME)
    manifest = _manifest_that_counts(record, path) if record.package and path.is_file() else None
    if manifest is None:
        return _read_hooks(record)
    stamps = stamp_sources(path.parent) if record.editable else (stamp(str(path)),)
    contributions = _plain(manifest.contributions)
    return replace(record, state="ok", contributions=contributions, manifest=str(path), code_stamps=stamps)


def _manifest_that_counts(record: PackRecord, path: Path) -> Manifest | None:
    from flowra.plugin.manifest import read_manifest, source_digest

    if record.editable:
        # Made from sources that people edit: where it can't be read or has fallen behind, the sources are asked.
        try:
            manifest = read_manifest(path)
        except PluginError:
            return None
        return manifest if manifest.pack == record.id and manifest.sources == source_digest(path.parent) else None
    manifest = read_manifest(path)
    if manifest.pack != record.id:
        raise PluginError(
            "the pack's manifest can't be used",
            where=str(path),
            why=f"it belongs to the pack {manifest.pack}, and the entry point names the pack {record.id}",
            fix="build the pack again, or reinstall it",
        )
    return manifest


def _read_hooks(record: PackRecord) -> PackRecord:
    from flowra.plugin.inspection import ask_hooks, import_quietly

    # The stamps are taken first: what changes while the hooks run makes them stale, not wrong.
    stamps = stamp_sources(Path(record.package)) if record.editable and record.package else ()
    module = import_quietly(record.module)
    contributions = _plain(ask_hooks(module, record.id))
    file = getattr(module, "__file__", None)
    if not stamps and isinstance(file, str):
        stamps = (stamp(file),)
    return replace(record, state="ok", contributions=contributions, code_stamps=stamps)


def _plain(contributions: Mapping[str, tuple[Contribution, ...]]) -> dict[str, list[dict[str, Any]]]:
    return {kind: [entry.to_json() for entry in entries] for kind, entries in contributions.items()}


def _broken(record: PackRecord, error: BaseException) -> PackRecord:
    from flowra.plugin.mending import describe_error, error_place, mend_for_error

    mend = mend_for_error(
        error,
        pack_id=record.id,
        module=record.module,
        distribution=record.distribution,
        editable=record.editable,
    )
    if isinstance(error, PluginError):
        what, why = error.what, "; ".join(filter(None, [error.why, error.where]))
        mend = "; ".join(filter(None, [error.fix, mend]))
    else:
        place = error_place(error)
        what = f"importing {record.module} failed"
        why = describe_error(error) + (f" at {place}" if place else "")
    return _unusable(record, "broken", what, why, mend)


def _unusable(record: PackRecord, state: State, what: str, why: str, mend: str) -> PackRecord:
    return replace(record, state=state, problem=PackProblem(what, why, mend))
