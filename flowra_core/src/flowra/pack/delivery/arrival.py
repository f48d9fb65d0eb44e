"""Packs that come from the driver, on a worker: checked, unpacked into a folder of the worker's own, and put first.

Nothing is written into the environment of the worker. The folder lies in dask's own for the worker, and goes with it.
"""

from __future__ import annotations

import asyncio
import compileall
import hashlib
import importlib
import io
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from flowra.exceptions import FlowraError, PluginError
from flowra.execute.cluster.packs import forget_loaded
from flowra.execute.cluster.worker import replace_pack
from flowra.pack.delivery.needs import unmet
from flowra.pack.delivery.repack import MOST_BYTES
from flowra.pack.nodebin.limits import DEFAULT_LIMITS
from flowra.pack.nodebin.wheels import check_wheel
from flowra.pack.nodebin.zip_layout import STORED, Entry, MalformedZipError
from flowra.pack.tools import clean_environment, find_uv, run_tool
from flowra.plugin.manager import default_manager, forget_default_manager
from flowra.plugin.packs import Pack

__all__ = ["receive"]

#: Seconds that what runs on a worker has to come to its end in, before a pack is replaced.
_PATIENCE = 5.0
#: What uv or pip may take to fetch something that is missing.
_LONGEST_FETCH_S = 300.0
_COMPILED = (".so", ".pyd")
_receiving = threading.Lock()


async def receive(parcel: dict[str, Any], dask_worker: Any = None) -> str:
    """Take in a pack: run on a worker. Returns why that can't be; empty where the pack can be used now.

    Args:
        parcel: `pack` its id, `distribution`, `version`; `wheels`, lists of name, digest and bytes, its own first;
            `fetch`, what is to be fetched besides, as `name==version`; `isolated`, whether it gets an environment of
            its own.
        dask_worker: The worker, which dask fills in.
    """
    # Not on the loop of the worker, which has to answer its scheduler.
    return await asyncio.to_thread(_received, parcel, Path(dask_worker.local_directory))


def _received(parcel: dict[str, Any], scratch: Path) -> str:
    try:
        with _receiving:
            _check(parcel)
            if parcel["isolated"]:
                _make_environment(parcel["wheels"][0])
            else:
                _put_first(parcel, _unpacked(parcel, scratch))
    except FlowraError as error:
        return error.what + (f": {error.why}" if error.why else "")
    except OSError as error:
        return f"it can't be written there: {error.strerror or error}"
    return ""


def _check(parcel: dict[str, Any]) -> None:
    """Refuse bytes that are not what was sent, or that no sound wheel has; nothing of them was written by then."""
    from packaging.tags import sys_tags
    from packaging.utils import parse_wheel_filename

    wheels: Sequence[tuple[str, str, bytes]] = parcel["wheels"]
    if sum(len(data) for _, _, data in wheels) > MOST_BYTES:
        raise PluginError(f"it has more than {MOST_BYTES:,} bytes")
    supported = set(sys_tags())
    for number, (name, digest, data) in enumerate(wheels):
        if hashlib.sha256(data).hexdigest() != digest:
            raise PluginError(f"{name} came damaged")
        own = None if number else (parcel["distribution"], parcel["version"], parcel["pack"])
        try:
            check_wheel(io.BytesIO(data), Entry(name, STORED, 0, len(data), len(data), 0), own, DEFAULT_LIMITS)
        except MalformedZipError as error:
            raise PluginError("it is no wheel that can be trusted", why=str(error)) from error
        tags = parse_wheel_filename(name)[3]
        if supported.isdisjoint(tags):
            made_for = ", ".join(sorted(map(str, tags)))
            raise PluginError("it is compiled for another system", why=f"{name} is made for {made_for}")


def _unpacked(parcel: dict[str, Any], scratch: Path) -> Path:
    """Put what came, and what has to be fetched, into a folder; return it."""
    whole: str = hashlib.sha256("\n".join(digest for _, digest, _ in parcel["wheels"]).encode()).hexdigest()[:16]
    # Named so that what lies in it counts as installed.
    place = scratch / "flowra-packs" / str(parcel["pack"]) / whole / "site-packages"
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=place.parent))
    try:
        for name, _, data in parcel["wheels"]:
            _unpack(name, data, making)
        if parcel["fetch"]:
            _fetch(parcel["fetch"], making)
        if missing := unmet(making):
            raise PluginError("something that it depends on is not there", why="; ".join(missing))
        # The byte code tells that what was loaded is what lies there, on which keys of results depend.
        compileall.compile_dir(making, ddir=str(place), quiet=2)
        making.rename(place)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return place


def _unpack(name: str, data: bytes, folder: Path) -> None:
    with ZipFile(io.BytesIO(data)) as wheel:
        for member in wheel.infolist():
            top, _, rest = member.filename.partition("/")
            if top.endswith(".data"):
                # Only modules are of use here; a program or a data file of a library would be looked for elsewhere.
                kind, _, inside = rest.partition("/")
                if kind not in ("purelib", "platlib"):
                    raise PluginError(f"{name} brings {kind} files, which have no place in a folder of modules")
                member.filename = inside
            wheel.extract(member, folder)


def _fetch(requirements: list[str], folder: Path) -> None:
    """Fetch what the driver could not send: only that, since the rest is there."""
    uv = find_uv()
    command: list[str | Path] = (
        [uv, "pip", "install", "--quiet", "--python", sys.executable]
        if uv is not None
        else [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    )
    run_tool(
        [*command, "--no-deps", "--target", folder, *requirements],
        failing=f"{', '.join(requirements)} is missing there, and can't be fetched",
        fix="install it on the worker",
        environment=clean_environment(),
        timeout=_LONGEST_FETCH_S,
    )


def _make_environment(wheel: tuple[str, str, bytes]) -> None:
    """Make the pack an environment of its own, with all it depends on, where this worker's user has those."""
    from flowra.config.settings import load_settings
    from flowra.pack.environments import create

    with tempfile.TemporaryDirectory(prefix="flowra-delivery-") as folder:
        path = Path(folder) / wheel[0]
        path.write_bytes(wheel[2])
        create(str(path), load_settings().environments)
    _replace(f"{wheel[0]} got an environment", lambda: None)


def _put_first(parcel: dict[str, Any], place: Path) -> None:
    """Have imports find the pack there from now on, and forget what was imported of it."""
    before = [pack for pack in default_manager().packs if pack.id == parcel["pack"] and not pack.python]
    modules = {name for pack in before for name in _loaded_of(pack)}
    compiled = [name for name in modules if str(getattr(sys.modules[name], "__file__", "")).endswith(_COMPILED)]
    if compiled:
        raise PluginError(
            "it has loaded compiled modules of what is to be replaced",
            why=f"{', '.join(sorted(compiled)[:3])}: Python loads such a module once; start the worker again",
        )
    others = f"{place.parent.parent}/"

    def replace() -> None:
        sys.path[:] = [str(place), *(each for each in sys.path if not str(each).startswith(others))]
        for name in modules:
            sys.modules.pop(name, None)

    _replace(f"{parcel['distribution']} {parcel['version']} was put in the place of what was there", replace)
    forget_loaded(parcel["pack"])


def _replace(what: str, replace: Any) -> None:
    def all_of_it() -> None:
        replace()
        importlib.invalidate_caches()
        forget_default_manager()

    deadline = time.monotonic() + _PATIENCE
    while not replace_pack(what, all_of_it):
        if time.monotonic() > deadline:
            raise PluginError("it is running nodes of another run; try again when that is through")
        time.sleep(0.05)


def _loaded_of(pack: Pack) -> list[str]:
    """Return the modules of a pack's package that are loaded."""
    folder = Path(pack.location).resolve()
    top = pack.module.partition(".")[0]
    return [
        name
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == top or _lies_in(getattr(module, "__file__", None), folder)
    ]


def _lies_in(file: str | None, folder: Path) -> bool:
    return bool(file) and folder.is_dir() and folder in Path(str(file)).parents and folder.suffix != ".dist-info"
