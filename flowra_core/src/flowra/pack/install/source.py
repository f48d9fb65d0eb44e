"""What a person names to be installed: a `.nodebin`, a wheel, a folder, a repository, or a name."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flowra.exceptions import PluginError, UsageError
from flowra.pack.building.platforms import this_platform
from flowra.pack.nodebin.limits import DEFAULT_LIMITS, unreadable
from flowra.pack.nodebin.reader import Nodebin, read_nodebin
from flowra.pack.nodebin.signature import Verdict, check_signatures
from flowra.pack.nodebin.wheels import check_wheel
from flowra.pack.nodebin.zip_layout import STORED, Entry, MalformedZipError
from flowra.pack.project import PackProject

__all__ = ["Source", "verified"]

_ADDRESS = re.compile(r"(git\+|https?://|ssh://|git@)")


@dataclass(frozen=True, slots=True)
class Source:
    """Something to install, looked at.

    Attributes:
        kind: What it is.
        requirement: As uv and pip take it.
        distribution: The name of its distribution; empty for a repository, which tells it when it is fetched.
        find_links: Folders with wheels of its dependencies.
        offline: Whether everything it needs is in there.
        nodebin: The archive, if it is one.
        verdict: What its signatures come to, if it is an archive.
    """

    kind: Literal["nodebin", "wheel", "folder", "repository", "name"]
    requirement: str
    distribution: str = ""
    find_links: tuple[Path, ...] = ()
    offline: bool = False
    nodebin: Nodebin | None = None
    verdict: Verdict | None = None

    @classmethod
    def of(cls, text: str, scratch: Path, trusted: Collection[str]) -> Source:
        """Look at what a person named; an archive is checked whole, and its wheels are put into `scratch`.

        Raises:
            UsageError: It is nothing that can be installed.
            PluginError: It can't be trusted, or does not fit here.
        """
        path = Path(text).expanduser()
        if _ADDRESS.match(text):
            return cls("repository", _repository(text))
        if path.suffix == ".nodebin":
            return cls._of_nodebin(path, scratch, trusted)
        if path.suffix == ".whl":
            _check_wheel_file(path)
            return cls("wheel", str(path.resolve()), path.name.split("-")[0])
        if path.is_dir():
            project = PackProject.find(path)
            return cls("folder", str(project.root), project.distribution)
        return cls("name", *_named(text))

    @classmethod
    def _of_nodebin(cls, path: Path, scratch: Path, trusted: Collection[str]) -> Source:
        archive, verdict = verified(path, trusted)
        if verdict.status == "tampered":
            raise PluginError(
                "the archive was tampered with",
                where=str(path),
                why="its signature does not fit what is in it",
                fix="get the file anew from whoever made it; nothing of it was written or run",
            )
        _check_fits(archive)
        [wheel] = archive.extract([archive.manifest.wheel], scratch)
        folder = scratch / "deps"
        folder.mkdir()
        archive.extract(archive.dependencies, folder)
        here = (this_platform(), f"{sys.version_info[0]}.{sys.version_info[1]}")
        complete = here in {(each.platform, each.python) for each in archive.manifest.bundled}
        links = (folder,) if archive.dependencies else ()
        return cls("nodebin", str(wheel), archive.manifest.name, links, complete, archive, verdict)


def verified(path: Path, trusted: Collection[str]) -> tuple[Nodebin, Verdict]:
    """Read an archive and say what its signatures come to.

    Raises:
        PluginError: It is not what the format allows.
    """
    archive = read_nodebin(path)
    return archive, check_signatures(archive.record_bytes, archive.signatures, trusted)


def _check_fits(archive: Nodebin) -> None:
    """Refuse an archive that states other systems, Pythons or versions of Flowra than those at hand."""
    import platform

    from flowra.plugin.compatibility import fits
    from flowra.version import VERSION

    requires = archive.manifest.requires
    reasons = []
    if not fits(requires.flowra, VERSION):
        reasons.append(f"it needs Flowra {requires.flowra}, and this is {VERSION}")
    if not fits(requires.python, platform.python_version()):
        reasons.append(f"it needs Python {requires.python}, and this is {platform.python_version()}")
    if requires.platforms and this_platform() not in requires.platforms:
        reasons.append(f"it works on {', '.join(requires.platforms)}, and this is {this_platform()}")
    if reasons:
        raise PluginError(
            f"{archive.manifest.name} {archive.manifest.version} does not work here",
            where=str(archive.path),
            why="\n".join(reasons),
            fix="get an archive that was built for this, or ask its author",
        )


def _check_wheel_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            check_wheel(file, Entry(path.name, STORED, 0, size, size, 0), None, DEFAULT_LIMITS)
    except OSError as error:
        raise unreadable(path, error) from error
    except MalformedZipError as error:
        raise PluginError("this wheel can't be trusted", where=str(path), why=str(error), fix="get it anew") from error


def _repository(text: str) -> str:
    if text.startswith("git+"):
        return text
    if text.startswith("git@"):
        host, _, rest = text.partition(":")
        return f"git+ssh://{host}/{rest}"
    if re.search(r"\.(nodebin|whl|zip|tar\.gz)([?#]|$)", text):
        raise UsageError("a file is installed from this machine", where=text, fix="fetch it first, and name the file")
    return f"git+{text}"


def _named(text: str) -> tuple[str, str]:
    from packaging.requirements import InvalidRequirement, Requirement

    if "/" in text or "\\" in text:
        raise UsageError("there is no such file or folder", where=text, fix="name a .nodebin, a wheel, or a folder")
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(f"{text!r} is nothing that can be installed", why=str(error).partition("\n")[0]) from None
    return str(requirement), requirement.name
