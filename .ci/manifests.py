"""Write the manifest of each pack of the workspace: `manifests.py`, or `manifests.py --check` to write nothing.

A manifest describes the pack's nodes, so whoever writes it has to import the pack with all that it needs. A build in
isolation can't do that; so the manifests are committed, and this check fails where one no longer fits its pack.
"""

import argparse
import importlib
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path

from flowra.dag.catalog import NodeCatalog
from flowra.plugin.inspection import ask_hooks
from flowra.plugin.location import locate_package
from flowra.plugin.manager import PluginManager, use_manager
from flowra.plugin.manifest import MANIFEST_NAME, manifest_data, write_manifest

PLUGINS = Path(__file__).resolve().parent.parent / "flowra_plugins"


def write(pack_id: str, module: str, package: Path, path: Path) -> None:
    """Write the manifest of one pack to `path`."""
    plugin = importlib.import_module(module)
    manager = PluginManager()
    manager.register(plugin, pack_id)  # so that nothing is read from the manifest that is there
    with use_manager(manager):
        catalog = NodeCatalog(manager)
        nodes = {each.partition("/")[2]: catalog.describe(each).to_json() for each in manager.node_types()}
    contributions = [each for entries in ask_hooks(plugin, pack_id).values() for each in entries]
    write_manifest(path, manifest_data(pack_id, package, contributions, nodes))


def main(*, check: bool) -> int:
    """Write or check every manifest; return the exit code."""
    stale = []
    for entry_point in entry_points(group="flowra"):
        package = locate_package(entry_point.module)
        if package is None or PLUGINS not in package.parents:
            continue
        path = package / MANIFEST_NAME
        if not check:
            write(entry_point.name, entry_point.module, package, path)
            print("wrote", path.relative_to(PLUGINS))
            continue
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder) / MANIFEST_NAME
            write(entry_point.name, entry_point.module, package, fresh)
            if not path.exists() or path.read_bytes() != fresh.read_bytes():
                stale.append(path.relative_to(PLUGINS))
            else:
                print("fits its pack:", path.relative_to(PLUGINS))
    for path in stale:
        print(f"{path} doesn't fit its pack: run `python .ci/manifests.py` and commit what it writes", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where a manifest doesn't fit its pack"
    )
    sys.exit(main(check=parser.parse_args().check))
