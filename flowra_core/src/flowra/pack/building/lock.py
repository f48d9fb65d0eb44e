"""The lock of a pack: what its dependencies came to, with hashes, as PEP 751 writes it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from flowra.exceptions import PluginError
from flowra.pack.tools import clean_environment, find_links, require_uv, run_tool

__all__ = ["LockedFile", "LockedPackage", "lock_text", "resolve", "with_bundled"]


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One file of a locked package.

    Attributes:
        name: Its name.
        source: Where it is fetched from: an address, or a path on this machine.
        sha256: Its digest.
        size: Its bytes, where the index tells.
        bundled: Its path in the archive, if it is in there.
    """

    name: str
    source: str
    sha256: str
    size: int | None = None
    bundled: str = ""


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One package of a lock.

    Attributes:
        name: Its name.
        version: Its version.
        marker: On which systems it is needed; empty for all.
        wheels: Its wheels, for all systems.
        sdist: Its source distribution, if it has one.
    """

    name: str
    version: str
    marker: str
    wheels: tuple[LockedFile, ...]
    sdist: LockedFile | None


def resolve(wheel: Path, own_wheel: Path, scratch: Path) -> tuple[list[LockedPackage], str]:
    """Resolve what a pack needs besides Flowra itself, for every system at once.

    Args:
        wheel: The pack's wheel.
        own_wheel: A wheel of this Flowra, which no index need have.
        scratch: A folder for what passes through.

    Returns:
        The packages, and the Pythons that they were resolved for.

    Raises:
        PluginError: It can't be resolved; the message is the resolver's.
    """
    requirements = scratch / "pack.in"
    version = own_wheel.name.split("-")[1]
    requirements.write_text(f"{wheel.name.split('-')[0]} @ {wheel.as_uri()}\nflowra=={version}\n", encoding="utf-8")
    output = scratch / "pylock.resolved.toml"
    command: list[str | Path] = [
        require_uv(), "pip", "compile", requirements, "--universal", "--format", "pylock.toml", "--quiet",
        "--python", sys.executable, *find_links(own_wheel.parent), "--output-file", output,
    ]  # fmt: skip
    run_tool(
        command,
        failing="the pack's dependencies can't be resolved",
        where=wheel.name,
        fix="mend the ranges in [project] dependencies; without a network, set UV_FIND_LINKS to a folder of wheels",
        environment=clean_environment(),
        cwd=scratch,
    )
    own = {"flowra", _canonical(wheel.name.split("-")[0])}
    resolved = _read(output)
    packages = [each for each in resolved.get("packages", []) if _canonical(each["name"]) not in own]
    return [_package(each, scratch) for each in packages], str(resolved.get("requires-python", ""))


def lock_text(packages: list[LockedPackage], requires_python: str) -> str:
    """Return a lock as the text of a pylock.toml; of this machine it tells nothing."""
    lines = ['lock-version = "1.0"', 'created-by = "flowra"']
    if requires_python:
        lines.append(f"requires-python = {_text(requires_python)}")
    for package in sorted(packages, key=lambda each: (each.name, each.version, each.marker)):
        lines += ["", "[[packages]]", f"name = {_text(package.name)}", f"version = {_text(package.version)}"]
        if package.marker:
            lines.append(f"marker = {_text(package.marker)}")
        if package.sdist is not None:
            lines.append(f"sdist = {_file(package.sdist)}")
        if package.wheels:
            rows = "".join(f"  {_file(each)},\n" for each in sorted(package.wheels, key=lambda each: each.name))
            lines.append(f"wheels = [\n{rows}]")
    return "\n".join(lines) + "\n"


def _package(data: Mapping[str, Any], folder: Path) -> LockedPackage:
    if "version" not in data or not (data.get("wheels") or data.get("sdist")):
        raise PluginError(
            f"{data['name']} can't be locked",
            why="it comes from a repository or a folder, and has no fixed files with a version",
            fix="depend on a released version of it",
        )
    sdist = data.get("sdist")
    return LockedPackage(
        name=data["name"],
        version=data["version"],
        marker=data.get("marker", ""),
        wheels=tuple(_locked_file(each, folder) for each in data.get("wheels", ())),
        sdist=_locked_file(sdist, folder) if sdist else None,
    )


def _locked_file(data: Mapping[str, Any], folder: Path) -> LockedFile:
    source = data.get("url") or str(folder / data["path"])
    address = urlsplit(source)
    if address.scheme == "file":
        source = unquote(address.path)
    elif address.username or address.password:
        # The address stays of use to others; the password is the author's.
        source = urlunsplit(address._replace(netloc=address.netloc.rpartition("@")[2]))
    name = data.get("name") or unquote(source.rpartition("/")[2])
    return LockedFile(name, source, data["hashes"]["sha256"], data.get("size"))


def _file(file: LockedFile) -> str:
    fields = [f"name = {_text(file.name)}"]
    if file.bundled:
        fields.append(f"path = {_text(f'../{file.bundled}')}")
    elif urlsplit(file.source).scheme in ("http", "https"):
        fields.append(f"url = {_text(file.source)}")
    else:
        fields.append(f"path = {_text(file.name)}")
    if file.size is not None:
        fields.append(f"size = {file.size}")
    fields.append(f"hashes = {{ sha256 = {_text(file.sha256)} }}")
    return f"{{ {', '.join(fields)} }}"


def with_bundled(packages: list[LockedPackage], bundled: Mapping[str, str]) -> list[LockedPackage]:
    """Return packages whose files of these digests are found in the archive, under these names."""
    return [
        replace(
            package,
            wheels=tuple(replace(wheel, bundled=bundled.get(wheel.sha256, "")) for wheel in package.wheels),
        )
        for package in packages
    ]


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a basic string of TOML is written as JSON writes it


def _canonical(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def _read(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    return tomllib.loads(path.read_text(encoding="utf-8"))
