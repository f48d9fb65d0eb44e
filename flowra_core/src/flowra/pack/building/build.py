"""The steps from a source tree to a proved archive, one after the other, and none of it kept where one fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowra.exceptions import PluginError, UsageError
from flowra.pack.building.bundle import fetch_wheels
from flowra.pack.building.description import PackTable, described, node_files, read_pack_table
from flowra.pack.building.lock import lock_text, resolve, with_bundled
from flowra.pack.building.own_wheel import write_own_wheel
from flowra.pack.building.platforms import Platform, chosen_platforms
from flowra.pack.building.proof import CleanRoom
from flowra.pack.building.tree import copy_tree, refuse_forbidden, tree_files
from flowra.pack.nodebin.json_bytes import json_bytes
from flowra.pack.nodebin.manifest import Bundle, NodeFile
from flowra.pack.nodebin.reader import Nodebin, read_nodebin
from flowra.pack.nodebin.signature import signer
from flowra.pack.nodebin.writer import FIXED_DATE, write_nodebin
from flowra.pack.project import PackProject
from flowra.pack.tools import clean_environment, disk_error, require_uv, run_tool, said_by
from flowra.plugin.manifest import MANIFEST_NAME, read_manifest

__all__ = ["STEPS", "Built", "build_pack"]

#: The steps, in order, with what each is about.
STEPS = {
    "validate": "the tree, its secrets, its manifest",
    "wheel": "what pip installs",
    "lock": "what the dependencies come to",
    "pack": "the archive",
    "unpack": "the archive, as a stranger reads it",
    "install": "into a fresh environment",
    "import": "every node",
    "examples": "every graph in examples/",
    "publish": "both files",
}

#: Folders of a tree that go into the archive as they are.
_FOLDERS = ("icons", "docs", "examples", "locales")
_LICENSES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING")

#: Is told of each step when it begins, and, with words for what it came to, when it has ended.
Report = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made.

    Attributes:
        nodebin: The archive.
        wheel: The wheel.
        archive: The archive, as it was read again.
        examples: The examples that ran.
    """

    nodebin: Path
    wheel: Path
    archive: Nodebin
    examples: tuple[str, ...]


def build_pack(
    path: Path,
    out: Path,
    report: Report,
    *,
    bundle_for: Sequence[str] | None = None,
    sign_with: Path | None = None,
    wheel_cache: Path,
) -> Built:
    """Build a pack into a `.nodebin` and a wheel; where a step fails, `out` stays as it was.

    Args:
        path: The pack's folder, or one inside of it.
        out: The folder that both files are written into.
        report: Is told of the steps.
        bundle_for: Systems whose dependencies go into the archive; empty for this one, None for none.
        sign_with: A private key.
        wheel_cache: A folder where fetched wheels are kept.

    Raises:
        PluginError: The pack is not fit to be built; the message says what to mend.
        UsageError: Something that is named is not there, or uv is missing.
    """
    require_uv()
    sign = signer(sign_with) if sign_with is not None else None
    platforms = chosen_platforms(bundle_for) if bundle_for is not None else []
    project = PackProject.find(path)
    with _scratch_folder() as scratch:
        report("validate", "")
        files = tree_files(project.root)
        refuse_forbidden(project.root, files)
        nodes = _nodes(project)
        table = read_pack_table(project.root)
        _check_unproved(table, files)
        report("validate", f"{len(files)} files, {len(nodes)} nodes")

        report("wheel", "")
        tree = scratch / "tree"
        copy_tree(project.root, files, tree)
        wheel = _wheel(tree, scratch / "wheel")
        report("wheel", wheel.name)

        report("lock", "")
        (scratch / "own").mkdir()
        own_wheel = write_own_wheel(scratch / "own")
        packages, pythons = resolve(wheel, own_wheel, scratch)
        wheels = fetch_wheels(packages, platforms, wheel_cache, lambda name: report("lock", f"\r{name}"))
        report("lock", f"{len(packages)} packages" + (f", {len(wheels)} wheels bundled" if platforms else ""))

        report("pack", "")
        manifest = described(wheel, project.pack, nodes, table, _bundles(platforms))
        bundled = {each.name: f"wheels/deps/{name}" for name, each in wheels.items()}
        contents: dict[str, bytes | Path] = {
            "manifest.json": json_bytes(manifest.model_dump(mode="json")),
            manifest.wheel: wheel,
            "lock/pylock.toml": lock_text(with_bundled(packages, bundled), pythons).encode(),
            **{f"nodes/{name}.json": json_bytes(node.model_dump(mode="json")) for name, node in nodes.items()},
            **{f"wheels/deps/{name}": file for name, file in wheels.items()},
            **_of_the_tree(tree, files, table),
        }
        packed = scratch / f"{manifest.name.replace('-', '_')}-{manifest.version}.nodebin"
        with packed.open("xb") as target:
            write_nodebin(target, contents, date=int(_date()), sign=sign)
        report("pack", packed.name)

        report("unpack", "")
        archive = read_nodebin(packed)
        report("unpack", f"{len(archive.entries)} files as recorded" + (", signed" if archive.signatures else ""))

        examples = _prove(archive, CleanRoom(scratch / "room"), own_wheel, table.unproved, report)

        report("publish", "")
        _publish([wheel, packed], out)
        report("publish", str(out))
        return Built(out / packed.name, out / wheel.name, archive, examples)


def _check_unproved(table: PackTable, files: list[Path]) -> None:
    examples = [file.as_posix() for file in files if file.parts[0] == "examples" and file.suffix == ".json"]
    for name in table.unproved:
        if name not in examples:
            raise PluginError(
                f"there is no example {name}",
                where="[tool.flowra-pack.unproved]",
                why=f"the examples are {', '.join(examples)}" if examples else "there are no examples",
                fix="name one of those, or leave the line out",
            )


def _prove(
    archive: Nodebin, room: CleanRoom, own_wheel: Path, unproved: Mapping[str, str], report: Report
) -> tuple[str, ...]:
    report("install", "")
    room.install(archive, own_wheel)
    report("install", f"{archive.manifest.name} {archive.manifest.version}")
    report("import", "")
    room.import_nodes(archive)
    report("import", f"{len(archive.nodes)} nodes")
    report("examples", "")
    ran = []
    for name in room.run_examples(archive, unproved):
        ran.append(name)
        report("examples", f"\r{name}")
    left_out = "".join(f"; not proved: {name} ({reason})" for name, reason in unproved.items())
    report("examples", (f"{len(ran)} ran" if ran else "none ran" if unproved else "there are none") + left_out)
    return tuple(ran)


def _nodes(project: PackProject) -> dict[str, NodeFile]:
    """Check the pack's manifest against its code, in a process that the pack may end and that leaves no byte code."""
    checking = [sys.executable, "-m", "flowra.cli.main", "project", "sync", "--check", str(project.root)]
    done = subprocess.run(  # noqa: S603  our own command
        checking,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "NO_COLOR": "1"},
        check=False,
    )
    path = project.package_dir / MANIFEST_NAME
    if done.returncode == 1:
        raise PluginError(
            "the pack's manifest is not what its code says",
            where=str(path),
            why="\n".join(line.strip() for line in done.stdout.splitlines()),
            fix=f"flowra project sync {project.root}",
        )
    if done.returncode:
        raise PluginError(
            "the pack can't be imported",
            where=str(project.root),
            why=said_by(done),
            fix="mend its source; `flowra project sync` says the same in full",
        )
    return node_files(dict(read_manifest(path).nodes))


def _wheel(tree: Path, folder: Path) -> Path:
    run_tool(
        [require_uv(), "build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", folder, tree],
        failing="the pack's wheel can't be built",
        where=str(tree / "pyproject.toml"),
        fix="what the build backend says above names the place; without a network, set UV_FIND_LINKS to a folder of"
        " wheels with the backend",
        environment=clean_environment({"SOURCE_DATE_EPOCH": _date(), "UV_NO_PROGRESS": "1"}),
        cwd=tree,
    )
    found = sorted(folder.glob("*.whl"))
    if len(found) != 1:
        raise PluginError("the pack's wheel can't be built", why=f"its backend made {len(found)} wheels, not one")
    return found[0]


def _of_the_tree(tree: Path, files: list[Path], table: PackTable) -> dict[str, bytes | Path]:
    found: dict[str, bytes | Path] = {
        file.as_posix(): tree / file for file in files if len(file.parts) > 1 and file.parts[0] in _FOLDERS
    }
    license_file = next((tree / name for name in _LICENSES if Path(name) in files), None)
    if license_file is not None:
        found["LICENSE"] = license_file
    if Path("README.md") in files:
        found["README.md"] = tree / "README.md"
    if table.icon and table.icon not in found:
        raise PluginError(
            f"the pack's icon is not there: {table.icon}",
            where="[tool.flowra-pack] icon",
            fix="put it into the folder icons/, and name it from the pack's folder: icons/pack.svg",
        )
    return found


def _bundles(platforms: list[Platform]) -> list[Bundle]:
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return [Bundle(platform=each.name, python=python) for each in platforms]


def _date() -> str:
    stated = os.environ.get("SOURCE_DATE_EPOCH", "")
    if stated and not stated.isdecimal():
        raise UsageError("SOURCE_DATE_EPOCH is no number of seconds", why=f"it is {stated!r}", fix="unset it")
    return stated or str(FIXED_DATE)


def _publish(files: list[Path], out: Path) -> None:
    """Put files into a folder, all of them or none."""
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    temporary = [out / f".{file.name}.{os.getpid()}" for file in files]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file, beside in zip(files, temporary, strict=True):
            shutil.copyfile(file, beside)
        for file, beside in zip(files, temporary, strict=True):
            beside.replace(out / file.name)
    except OSError as error:
        for beside in temporary:
            beside.unlink(missing_ok=True)
        for folder in made:
            if folder.is_dir():
                folder.rmdir()
        raise disk_error(error, out) from error


@contextmanager
def _scratch_folder() -> Iterator[Path]:
    """Make a folder for what passes through; whatever of the system goes wrong in it is said in words."""
    try:
        with tempfile.TemporaryDirectory(prefix="flowra-build-") as folder:
            yield Path(folder).resolve()
    except OSError as error:
        raise disk_error(error, Path(tempfile.gettempdir())) from error
