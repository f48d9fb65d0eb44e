"""A wheel of a pack as it is installed here: of what its RECORD lists, or of its source tree where it is editable."""

from __future__ import annotations

import base64
import hashlib
import io
import sys
from dataclasses import dataclass
from email.parser import HeaderParser
from importlib.metadata import Distribution
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from flowra.exceptions import PluginError
from flowra.pack.building.tree import refuse_forbidden
from flowra.plugin.names import canonical_name

__all__ = ["MOST_BYTES", "WheelFile", "wheel_of_installed", "wheel_of_tree"]

#: Bytes of a wheel that is sent, at most: code is small, and weights come from a model hub.
MOST_BYTES = 128 << 20
#: What installers write, and no wheel has.
_OF_THE_INSTALLATION = frozenset(
    {
        "RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "RECORD.jws", "RECORD.p7s",
        "uv_cache.json", "uv_build.json",
    }
)  # fmt: skip
_COMPILED = (".so", ".pyd", ".dylib")


@dataclass(frozen=True, slots=True)
class WheelFile:
    """A wheel in memory.

    Attributes:
        name: Its file name.
        data: Its bytes.
    """

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """The digest of its bytes, in hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()


def wheel_of_installed(found: Distribution) -> WheelFile:
    """Make the wheel again that a distribution was installed from.

    Raises:
        PluginError: Its RECORD is missing, or is not what lies there; or it has files that no wheel brings back.
    """
    name = f"{found.metadata['Name']} {found.version}"
    files: dict[str, bytes] = {}
    commands = {entry.name for entry in found.entry_points if entry.group in ("console_scripts", "gui_scripts")}
    for file in found.files or ():
        if "__pycache__" in file.parts or file.suffix == ".pyc":
            continue
        if ".." in file.parts or file.is_absolute():
            if file.name.removesuffix(".exe") in commands:
                continue  # made anew where it is installed
            raise _impossible(name, str(file), "it lies outside of the folder of packages")
        if file.parts[0].endswith(".dist-info") and file.name in _OF_THE_INSTALLATION:
            continue
        try:
            content = Path(str(file.locate())).read_bytes()
        except OSError as error:
            raise _impossible(name, str(file), error.strerror or str(error)) from error
        if file.hash is None or _digest(content, file.hash.mode) != file.hash.value:
            raise _impossible(name, str(file), "it was changed since it was installed")
        files[str(file)] = content
    info = {file.partition("/")[0] for file in files if file.partition("/")[0].endswith(".dist-info")}
    tags = _tags(found.read_text("WHEEL") or "")
    if len(info) != 1 or not tags:
        raise _impossible(name, str(getattr(found, "_path", "")), "it has no RECORD of what was installed")
    [folder] = info
    return _wheel(folder, tags, files)


def wheel_of_tree(found: Distribution, package: Path, module: str) -> WheelFile:
    """Make a wheel of a pack that is installed for development: the package as it stands in its source tree.

    That is what runs here. No build backend is asked, so that it takes no network, and no time.

    Args:
        found: The distribution.
        package: The folder of the import package.
        module: The entry-point module, which lies in it.

    Raises:
        PluginError: The tree holds what must not leave this machine.
    """
    root = _root_of(package, module)
    # In a folder of sources other packages of the distribution lie beside it.
    tops = [each for each in sorted(root.iterdir()) if _is_code(each)] if root.name == "src" else [package]
    paths = sorted(
        path
        for top in tops
        for path in ([top] if top.is_file() else top.rglob("*"))
        if "__pycache__" not in path.parts and (path.is_file() or path.is_symlink())
    )
    refuse_forbidden(root, [path.relative_to(root) for path in paths])
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    stem = f"{canonical_name(found.metadata['Name']).replace('-', '_')}-{found.version}"
    compiled = any(name.endswith(_COMPILED) for name in files)
    tags = _own_tags() if compiled else ["py3-none-any"]
    for name in ("METADATA", "entry_points.txt"):
        text = found.read_text(name)
        if text is not None:
            files[f"{stem}.dist-info/{name}"] = text.encode()
    lines = ["Wheel-Version: 1.0", "Generator: flowra", f"Root-Is-Purelib: {str(not compiled).lower()}"]
    lines += [f"Tag: {tag}" for tag in tags]
    files[f"{stem}.dist-info/WHEEL"] = ("\n".join(lines) + "\n").encode()
    return _wheel(f"{stem}.dist-info", tags, files)


def _root_of(package: Path, module: str) -> Path:
    """Return the folder that is on the import path; the package may lie in a namespace."""
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        if package.parts[-depth:] == tuple(parts[:depth]):
            return package.parents[depth - 1]
    return package.parent


def _is_code(path: Path) -> bool:
    if path.name.startswith((".", "_")) or path.name.endswith((".egg-info", ".dist-info")):
        return False
    return path.is_dir() or path.suffix in (".py", *_COMPILED)


def _wheel(info: str, tags: list[str], files: dict[str, bytes]) -> WheelFile:
    """Pack files into a wheel, the same bytes each time."""
    listed = "".join(f"{name},sha256={_digest(content, 'sha256')},{len(content)}\n" for name, content in files.items())
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED, compresslevel=6) as archive:
        for name, content in {**files, f"{info}/RECORD": f"{listed}{info}/RECORD,,\n".encode()}.items():
            entry = ZipInfo(name)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    stem = info.removesuffix(".dist-info")
    python, abi, platform = (
        ".".join(dict.fromkeys(parts)) for parts in zip(*(tag.split("-", 2) for tag in tags), strict=True)
    )
    wheel = WheelFile(f"{stem}-{python}-{abi}-{platform}.whl", buffer.getvalue())
    if len(wheel.data) > MOST_BYTES:
        raise PluginError(
            f"{stem} is too large to be sent to workers",
            why=f"its wheel has {len(wheel.data):,} bytes; {MOST_BYTES:,} are sent at most",
            fix="install it there by hand; weights belong into a model hub",
        )
    return wheel


def _tags(text: str) -> list[str]:
    return list(HeaderParser().parsestr(text).get_all("Tag") or ())


def _own_tags() -> list[str]:
    from packaging.tags import sys_tags

    return [str(next(iter(sys_tags())))]


def _digest(content: bytes, algorithm: str) -> str:
    return base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).decode().rstrip("=")


def _impossible(name: str, file: str, why: str) -> PluginError:
    return PluginError(
        f"no wheel can be made of {name} as it is installed here",
        where=file,
        why=why,
        fix=f"install it anew: {sys.executable} -m pip install --force-reinstall --no-deps {name.replace(' ', '==')}",
    )
