"""Examines the pack in a fresh environment, as the process of that environment's Python which this module is.

It imports the pack's nodes, writes the manifest that describes them, and prints what there is to know as JSON.
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from flowra.dag.catalog import NodeCatalog
from flowra.exceptions import FlowraError, PluginError
from flowra.plugin.contributions import KINDS
from flowra.plugin.location import locate_package
from flowra.plugin.manager import PluginManager
from flowra.plugin.manifest import manifest_data, write_manifest
from flowra.plugin.mending import describe_error, error_place
from flowra.plugin.names import canonical_name
from flowra.plugin.packs import Pack
from flowra.version import VERSION

__all__: list[str] = []

_DIGITS = 12


def _main(distribution: str, manifest: Path) -> None:
    try:
        answer = _examined(distribution, manifest)
    except FlowraError as error:
        answer = {"error": {"what": error.what, "where": error.where, "why": error.why, "fix": error.fix}}
    print("\n" + json.dumps(answer))  # noqa: T201  the answer, after what packs may have printed


def _examined(distribution: str, manifest: Path) -> dict[str, Any]:
    manager = PluginManager.discover()
    pack = _the_pack(manager, distribution)
    if pack.problem is not None:
        raise PluginError(f"{pack} can't be used", why=f"{pack.problem.what}: {pack.problem.why}")
    others = [kind for kind in KINDS if kind != "nodes" and any(owner == pack for owner, _ in manager.entries(kind))]
    if others:
        raise PluginError(
            f"{pack} can't have an environment of its own",
            why=f"it contributes {', '.join(others)} too, which other processes would have to import",
            fix=f"install it beside Flowra: flowra pack install {pack.distribution}",
        )
    package = locate_package(pack.module)
    if package is None:
        raise PluginError(f"{pack} can't have an environment of its own", why="its code is no package with a folder")
    entries = [entry for owner, entry in manager.entries("nodes") if owner == pack]
    write_manifest(manifest, manifest_data(pack.id, package, entries, _described(manager, pack)))
    return {
        "pack": pack.id,
        "distribution": pack.distribution,
        "version": pack.version,
        "module": pack.module,
        "flowra": VERSION,
        "package": str(package),
        "digest": _digest(package.parent),
    }


def _the_pack(manager: PluginManager, distribution: str) -> Pack:
    """Return the pack of a distribution; of the one that came from no index, where its name isn't known."""
    if distribution:
        wanted = {canonical_name(distribution)}
    else:
        direct = (each for each in distributions() if each.read_text("direct_url.json") is not None)
        wanted = {canonical_name(each.metadata["Name"]) for each in direct} - {"flowra"}
    found = [pack for pack in manager.packs if canonical_name(pack.distribution) in wanted]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(pack.id for pack in found)
        raise PluginError("only one pack can have an environment", why=f"these came together: {ids}")
    raise PluginError(
        "this is no node pack", why=f"{', '.join(sorted(wanted))}: none has an entry point in the group flowra",
        fix="nothing was changed; `pip install` installs what is no pack",
    )  # fmt: skip


def _described(manager: PluginManager, pack: Pack) -> dict[str, dict[str, Any]]:
    catalog = NodeCatalog(manager)
    found, failed = {}, []
    for owner, entry in manager.entries("nodes"):
        if owner == pack:
            try:
                found[entry.name] = catalog.node_class(f"{pack.id}/{entry.name}").describe(entry.group).to_json()
            except (Exception, SystemExit) as error:  # noqa: BLE001  a pack's module may raise anything
                failed.append(f"{entry.name}: {describe_error(error)} {error_place(error)}".rstrip())
    if failed:
        raise PluginError(
            f"the nodes of {pack} can't be imported", why="\n".join(failed), fix="nothing was changed; tell its author"
        )
    return found


def _digest(site: Path) -> str:
    """Return a digest of all that is installed: names, versions and the files' own digests, wherever they came from."""
    digest = sha256()
    for each in sorted(distributions(path=[str(site)]), key=_name):
        digest.update(f"{_name(each)}=={each.version}\n".encode())
        # What records of installing differ in: scripts, which name their Python, and where a wheel came from.
        lines = (each.read_text("RECORD") or "").splitlines()
        digest.update("\n".join(sorted(line for line in lines if _is_code(line))).encode())
    return digest.hexdigest()[:_DIGITS]


def _is_code(line: str) -> bool:
    top = line.partition("/")[0]
    return top != ".." and not top.endswith(".dist-info") and "__pycache__" not in line


def _name(distribution: Distribution) -> str:
    return canonical_name(distribution.metadata["Name"])


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
