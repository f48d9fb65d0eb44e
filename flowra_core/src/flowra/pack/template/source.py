"""Where a template comes from: an installed pack, a folder, a git repository."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowra.exceptions import PluginError, UsageError
from flowra.plugin.manager import default_manager

__all__ = ["DESCRIPTION", "Template", "find_template", "installed_templates", "template_of_origin"]

#: The file that makes a folder a template.
DESCRIPTION = "cookiecutter.json"
_GIT_SECONDS = 120


@dataclass(frozen=True)
class Template:
    """A template that was found.

    Attributes:
        name: What people call it: its name, its folder, its address.
        folder: The folder with its `cookiecutter.json`.
        origin: What finds it again: `{"name": …, "version": …}`, `{"folder": …}` or `{"git": …, "commit": …}`.
        installed: Whether it came with a pack that is installed, whose code runs anyway.
    """

    name: str
    folder: Path
    origin: Mapping[str, str]
    installed: bool

    @property
    def version(self) -> str:
        """The version that it has, in words: `node-pack 0.1.0`."""
        return " ".join([self.name, *filter(None, [self.origin.get("version", self.origin.get("commit", "")[:12])])])

    def origin_for(self, root: Path) -> dict[str, str]:
        """Return the origin as a pack in a folder keeps it: a folder relative to its own, as both may be moved."""
        if "folder" not in self.origin:
            return dict(self.origin)
        return {"folder": Path(os.path.relpath(self.folder, root.resolve())).as_posix()}


def installed_templates() -> dict[str, str]:
    """Return the templates of the installed packs: name and summary."""
    return {entry.name: entry.summary for _, entry in default_manager().entries("templates")}


@contextmanager
def find_template(said: str, *, relative_to: Path | None = None) -> Iterator[Template]:
    """Find a template; a git repository is fetched into a folder that is removed in the end.

    Args:
        said: The name of an installed template, a folder, or the address of a git repository: one that ends in `.git`
            or begins with `git+`, with `@REF` after it for a branch, tag or commit.
        relative_to: What a relative folder is relative to; None for the current folder.

    Raises:
        UsageError: There is no such template.
    """
    if said.startswith(("git+", "git@")) or said.partition("@")[0].endswith(".git") or ".git@" in said:
        with tempfile.TemporaryDirectory(prefix="flowra-template-") as scratch:
            yield _cloned(said, Path(scratch) / "template")
        return
    folder = Path(relative_to or Path(), said).expanduser()
    if "/" in said or said.startswith(".") or (folder / DESCRIPTION).is_file():
        yield _in_folder(said, folder)
        return
    yield _installed(said)


def template_of_origin(origin: Mapping[str, str]) -> str:
    """Return what `find_template` takes to find the template of an origin as it is now."""
    return origin.get("name") or origin.get("folder") or origin.get("git", "")


def _in_folder(said: str, folder: Path) -> Template:
    if not (folder / DESCRIPTION).is_file():
        raise UsageError(
            f"there is no template in {said}",
            why=f"it has no {DESCRIPTION}" if folder.is_dir() else "there is no such folder",
            fix="name a template, a folder with one, or a git address",
        )
    return Template(said, folder.resolve(), {"folder": said}, installed=False)


def _installed(name: str) -> Template:
    manager = default_manager()
    for pack, entry in manager.entries("templates"):
        if entry.name == name:
            folder = _package_folder(entry.path_package, pack.id) / entry.path
            if not (folder / DESCRIPTION).is_file():
                raise PluginError(f"the template {name} is not in its pack", where=str(folder), why=str(pack))
            return Template(name, folder, {"name": name, "version": pack.version}, installed=True)
    known = ", ".join(installed_templates())
    raise UsageError(
        f"there is no template {name!r}",
        why=f"there are {known}" if known else "no installed pack has templates",
        fix="name one of them, a folder or a git address" if known else "pip install flowra-templates",
    )


def _package_folder(package: str, pack: str) -> Path:
    from importlib.util import find_spec

    try:
        spec = find_spec(package)
    except ImportError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(f"the package {package} of a template is not there", where=f"pack {pack}")
    return Path(next(iter(spec.submodule_search_locations)))


def _cloned(said: str, folder: Path) -> Template:
    address, _, ref = said.removeprefix("git+").rpartition("@")
    if not address or "/" in ref or ":" in ref:
        address, ref = said.removeprefix("git+"), ""
    # `--`: an address is never an option. A remote helper (ext::) would run a command of its own.
    _git("clone", "--quiet", "--", address, str(folder))
    if ref:
        if ref.startswith("-"):
            raise UsageError(f"{ref!r} is no branch, tag or commit", where=said)
        _git("-C", str(folder), "checkout", "--quiet", "--detach", ref)
    commit = _git("-C", str(folder), "rev-parse", "HEAD").strip()
    if not (folder / DESCRIPTION).is_file():
        raise UsageError(f"there is no template in {said}", why=f"it has no {DESCRIPTION}")
    return Template(said, folder, {"git": said, "commit": commit}, installed=False)


def _git(*arguments: str) -> str:
    settings = {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603  an address that the user gave, after `--`
            ["git", *arguments],  # noqa: S607  git is where the user has it
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            env={**os.environ, **settings},
            check=False,
        )
    except FileNotFoundError:
        raise UsageError("git is not there", fix="install git, or name a folder with the template") from None
    except subprocess.TimeoutExpired:
        raise UsageError("git takes too long", where=" ".join(arguments)) from None
    if done.returncode != 0:
        raise UsageError(
            "the template can't be fetched",
            where=arguments[-2] if arguments[0] == "clone" else arguments[-1],
            why=done.stderr.strip() or f"git ended with {done.returncode}",
            fix="check the address, the REF after @ and the network; the folder of a clone serves as well",
        )
    return done.stdout
