"""Makes and removes the environments that packs have of their own, in which only their nodes run.

So packs whose dependencies conflict work in one graph. Each environment is made beside its place and put there whole;
whatever interrupts it leaves what was there.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from flowra.exceptions import PluginError, UsageError
from flowra.pack.building.own_wheel import write_own_wheel
from flowra.pack.install.source import Source
from flowra.pack.tools import clean_environment, run_tool
from flowra.pack.virtual_environment import VirtualEnvironment
from flowra.plugin.environments import ENVIRONMENT_FILE, PackEnvironment, environments_in, read_environment
from flowra.plugin.manager import default_manager
from flowra.version import VERSION

__all__ = ["create", "find", "remove"]

_MAKING, _REMOVING = ".making-", ".removing-"
_LONGEST_EXAMINATION_S = 600.0


def create(text: str, folder: Path, trusted: Collection[str] = ()) -> PackEnvironment:
    """Make an environment with a pack, all it depends on, and this Flowra; one that the pack had is replaced.

    Args:
        text: The pack, as `flowra pack install` takes it: a `.nodebin`, a wheel, a folder, a repository, a name.
        folder: The folder of environments, as `Settings.environments` has it.
        trusted: Public keys whose signatures of archives count.

    Raises:
        UsageError: It is nothing that can be installed, or the folder can't be written.
        PluginError: It can't be trusted, or installed, or have an environment of its own; what was there is unchanged.
    """
    with _locked(folder), tempfile.TemporaryDirectory(prefix="flowra-install-") as scratch_name:
        scratch = Path(scratch_name).resolve()
        source = Source.of(text, scratch, trusted)
        making = Path(tempfile.mkdtemp(prefix=_MAKING, dir=folder))
        try:
            made, digest = _made(source, making, scratch)
            _check_alone(made)
            return _published(made, folder / f"{made.pack}-{made.version}-{digest}", folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)


def find(folder: Path) -> list[PackEnvironment]:
    """Return the environments below a folder, the newest first; those that can't be read are left out."""
    found = []
    for each in environments_in(folder):
        try:
            found.append(read_environment(each))
        except PluginError:
            continue
    return found


def remove(pack: str, folder: Path) -> list[PackEnvironment]:
    """Remove the environments of a pack, and return what they were.

    Args:
        pack: The pack's id.
        folder: The folder of environments.
    """
    with _locked(folder):
        removed = [each for each in find(folder) if each.pack == pack]
        for each in removed:
            _remove(each.folder)
    return removed


def _made(source: Source, making: Path, scratch: Path) -> tuple[PackEnvironment, str]:
    """Make an environment in a folder, and return it with the digest of what is installed."""
    environment = VirtualEnvironment(making / ".venv")
    environment.make()
    own = scratch / "own"
    own.mkdir()
    write_own_wheel(own)
    environment.install(
        [source.requirement, f"flowra=={VERSION}"],
        [*source.find_links, own],
        offline=source.offline,
        where=source.requirement,
        fix="mend what is named above; nothing was changed",
    )
    manifest = making / "flowra-manifest.json"
    module = "flowra.pack.environment_process"
    done = run_tool(
        [environment.python, "-I", "-m", module, source.distribution, manifest],
        failing="the pack can't be used in a fresh environment",
        where=source.requirement,
        fix="nothing was changed; tell the pack's author",
        environment=clean_environment(),
        cwd=making,
        timeout=_LONGEST_EXAMINATION_S,
    )
    answer = json.loads(done.stdout.rstrip().rpartition("\n")[2])
    if "error" in answer:
        said = answer["error"]
        raise PluginError(said["what"], where=said["where"], why=said["why"], fix=said["fix"])
    digest = answer.pop("digest")
    package = making / Path(answer.pop("package")).relative_to(making.resolve())
    return PackEnvironment(making, **answer, python=environment.python, package=package, manifest=manifest), digest


def _check_alone(made: PackEnvironment) -> None:
    """Refuse a pack that is installed beside Flowra already: its nodes would be given twice."""
    other = next((pack for pack in default_manager().packs if pack.id == made.pack and not pack.python), None)
    if other is not None:
        raise PluginError(
            f"the pack {made.pack} is installed already",
            where=other.location,
            why=f"{other} is in this environment, and {made.distribution} {made.version} would have one of its own",
            fix=f"keep one; first: flowra pack uninstall {made.pack}",
        )


def _published(made: PackEnvironment, place: Path, folder: Path) -> PackEnvironment:
    """Put an environment in its place, and remove the others of its pack."""
    others = [each.folder for each in find(folder) if each.pack == made.pack]
    if place.exists():
        _remove(place)  # the same by its digest, and perhaps damaged since
    (made.folder / ENVIRONMENT_FILE).write_text(json.dumps(made.to_json(), indent=1) + "\n", encoding="utf-8")
    made.folder.chmod(0o755)  # a temporary folder is its owner's alone
    made.folder.rename(place)
    for each in others:
        if each != place:
            _remove(each)
    return made.moved(place)


def _remove(environment: Path) -> None:
    # In one step for those who look for environments, though it takes many.
    aside = Path(tempfile.mkdtemp(prefix=_REMOVING, dir=environment.parent))
    environment.rename(aside / "environment")
    shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time change what is in a folder; what an interrupted one left is removed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise UsageError(
            "packs' environments can't be kept here",
            where=str(folder),
            why=error.strerror or str(error),
            fix="name another folder in the setting data_dir",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for prefix in (_MAKING, _REMOVING):
            for left in folder.glob(f"{prefix}*"):
                shutil.rmtree(left, ignore_errors=True)
        yield
