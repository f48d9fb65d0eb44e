"""Packs with environments of their own, as records of discovery: read from their manifests, never imported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flowra.exceptions import PluginError
from flowra.plugin.environments import ENVIRONMENT_FILE, environments_in, read_environment, remake_command
from flowra.plugin.packs import PackProblem
from flowra.plugin.record import PackRecord, stamp

__all__ = ["find_isolated_packs", "read_isolated"]


def find_isolated_packs(folder: Path) -> list[PackRecord]:
    """Return the pack of each environment below a folder; of two environments of one pack the newer counts."""
    records: dict[str, PackRecord] = {}
    for each in environments_in(folder):
        try:
            found = read_environment(each)
        except PluginError as error:
            problem = PackProblem(error.what, error.why or "", error.fix or "")
            records[each.name] = PackRecord(
                id=each.name, distribution=each.name, version="", module="", location=str(each), state="unreadable",
                problem=problem, metadata_stamps=(stamp(str(each / ENVIRONMENT_FILE)),),
            )  # fmt: skip
            continue
        record = PackRecord(
            id=found.pack,
            distribution=found.distribution,
            version=found.version,
            module=found.module,
            location=str(found.package),
            package=str(found.package),
            manifest=str(found.manifest),
            python=str(found.python),
            metadata_stamps=(stamp(str(each / ENVIRONMENT_FILE)),),
        )
        records.setdefault(found.pack, record)
    return list(records.values())


def read_isolated(record: PackRecord) -> PackRecord:
    """Return a record with the pack's nodes read from its manifest; what is wrong with it becomes its problem.

    What else a pack contributes would have to be imported into this process, and is left out.
    """
    from flowra.plugin.manifest import read_manifest

    stamps = (stamp(record.manifest), stamp(record.python))
    record = replace(record, state="found", problem=None, contributions={}, code_stamps=stamps)
    try:
        manifest = read_manifest(Path(record.manifest))
    except PluginError as error:
        return _broken(record, error.what, "; ".join(filter(None, [error.why, error.where])))
    if manifest.pack != record.id:
        return _broken(record, "its manifest is another pack's", f"{record.manifest} is that of {manifest.pack}")
    if not Path(record.python).exists():
        return _broken(record, "its environment has no Python", f"{record.python} leads nowhere: was Python updated?")
    nodes = [entry.to_json() for entry in manifest.contributions.get("nodes", ())]
    return replace(record, state="ok", contributions={"nodes": nodes} if nodes else {})


def _broken(record: PackRecord, what: str, why: str) -> PackRecord:
    mend = f"`{remake_command(record.distribution)}`"
    return replace(record, state="broken", problem=PackProblem(what, why, mend))
