"""The checks behind `flowra doctor`: each looks at one thing that runs need, and says how to mend it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from flowra.exceptions import FlowraError, ModelUnavailableError
from flowra.storage.reports import size_in_words

__all__ = ["CHECKS", "Check", "check_all", "to_json"]

#: Free space below which results soon can't be kept, in bytes.
LITTLE_SPACE = 1 << 30
#: Bytes of values that are read to see whether a store is sound; a larger one is left to `flowra cache verify`.
READ_AT_MOST = 1 << 30
#: The versions of Python that Flowra is tested with.
_OLDEST, _NEWEST = (3, 10), (3, 13)
_PROBE = b"flowra doctor" * 1000
_SETTING_OF = {"cache": "cache_dir", "results": "output_dir", "store": "store"}
_ANOTHER_STORE = "choose another folder: flowra config set store FOLDER"


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one check.

    Attributes:
        name: What was looked at.
        status: `ok`; `note`, where something is missing that not everybody needs; `problem`.
        said: What was found.
        mend: What to do about it; empty where nothing is to be done.
    """

    name: str
    status: Literal["ok", "note", "problem"]
    said: str
    mend: str = ""

    def to_json(self) -> dict[str, str]:
        """Return plain data."""
        return asdict(self)


def check_all() -> Iterator[Check]:
    """Make every check. One that fails to be made is a problem itself, and the others are made all the same."""
    for name, check in CHECKS.items():
        try:
            yield from check()
        except FlowraError as error:
            said = "; ".join(filter(None, [error.what, error.where, error.why]))
            yield Check(name, "problem", said, error.fix or "flowra -v doctor shows more")
        except Exception as error:  # noqa: BLE001  a machine that is off may make any check fail in any way
            yield Check(name, "problem", f"can't be checked: {type(error).__name__}: {error}", "report this to Flowra")


def _python() -> Iterator[Check]:
    version = sys.version_info[:2]
    said = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    if version < _OLDEST:
        yield Check("python", "problem", said, f"use Python {_words(_OLDEST)} to {_words(_NEWEST)}")
    elif version > _NEWEST:
        yield Check("python", "note", f"{said}; newer than what Flowra is tested with ({_words(_NEWEST)})")
    else:
        yield Check("python", "ok", said)


def _words(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _uv() -> Iterator[Check]:
    # One that came with pip lies beside the interpreter, whether that folder is on the path or not.
    found = shutil.which("uv", path=os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)]))
    if found is None:
        yield Check("uv", "note", "not there; packs are locked, and environments made, with it", "pip install uv")
        return
    yield Check("uv", "ok", f"{_output(found, '--version') or 'there, and does not say its version'}, {found}")


def _settings() -> Iterator[Check]:
    from flowra.config.secrets import secret_names
    from flowra.config.settings import load_layers

    files = [str(layer.path) for layer in load_layers() if layer.path is not None]
    secrets = secret_names()
    kept = f", {len(secrets)} secrets" if secrets else ""
    yield Check("settings", "ok", (", ".join(files) or "no file, defaults and environment") + kept)


def _packs() -> Iterator[Check]:
    from flowra.cli.pack_doctor import examine
    from flowra.plugin.manager import default_manager

    manager = default_manager()
    manager.refresh()
    findings = examine(manager, manager.packs)
    ailing = [(finding.pack, problem) for finding in findings for problem in finding.problems]
    for pack, problem in ailing:
        yield Check("packs", "problem", f"{pack}: {problem.what}: {problem.why}", problem.mend)
    for name in manager.unknown_disabled:
        mend = "flowra config list --show-origin says where it is disabled"
        yield Check("packs", "problem", f"{name} is to be disabled, and there is no such pack", mend)
    if not findings:
        yield Check("packs", "note", "none is installed", "pip install flowra-image")
    elif not ailing:
        yield Check("packs", "ok", ", ".join(str(finding.pack) for finding in findings))


def _store() -> Iterator[Check]:
    from flowra.execute.session import Session
    from flowra.storage.codec.encoded import Encoded

    with Session() as session:
        try:
            store = session.store
        except FlowraError as error:
            error.fix = error.fix or _ANOTHER_STORE
            raise
        assert store is not None, "a session has one unless it is told to go without"
        ref = store.put(Encoded("bytes", (_PROBE,)))
        if store.get(ref) is None:
            yield Check("store", "problem", f"{store.location} does not give back what was put", _ANOTHER_STORE)
            return
        stats = store.stats()
        said = f"{store.location}: writable, {stats.records:,} results, {size_in_words(stats.blob_bytes)}"
        if stats.blob_bytes > READ_AT_MOST:
            yield Check("store", "ok", f"{said}; not read through, that is  flowra cache verify")
            return
        verified = store.verify()
        if verified.sound:
            yield Check("store", "ok", f"{said}, sound")
        else:
            put_aside = len(verified.quarantined)
            said += f"; {put_aside} damaged values were put aside, and are computed again when they are asked for"
            yield Check("store", "problem", said, "if it comes again, the disk is failing: move the store")


def _disk() -> Iterator[Check]:
    from flowra.config.settings import load_settings

    settings = load_settings()
    folders = {"results": settings.output_dir, "cache": settings.cache_dir, "temporary": Path(tempfile.gettempdir())}
    if settings.store and "://" not in settings.store:
        folders["store"] = Path(settings.store)
    by_disk: dict[int, tuple[list[str], Path]] = {}
    for name, folder in folders.items():
        nearest = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
        by_disk.setdefault(nearest.stat().st_dev, ([], nearest))[0].append(name)
        if not os.access(nearest, os.W_OK):
            said = f"{name}: {nearest} can't be written to"
            yield Check("disk", "problem", said, _mend_folder(name))
    for names, folder in by_disk.values():
        free = shutil.disk_usage(folder).free
        said = f"{size_in_words(free)} free for {', '.join(names)}"
        if free < LITTLE_SPACE:
            yield Check("disk", "problem", said, "make room; flowra cache gc drops what was used longest ago")
        else:
            yield Check("disk", "ok", said)


def _mend_folder(name: str) -> str:
    return f"flowra config set {_SETTING_OF[name]} FOLDER" if name in _SETTING_OF else "export TMPDIR=FOLDER"


def _cluster() -> Iterator[Check]:
    from importlib.metadata import PackageNotFoundError, version

    try:
        yield Check("cluster", "ok", f"distributed {version('distributed')} is installed; graphs run in this process")
    except PackageNotFoundError:
        yield Check("cluster", "note", "distributed is not installed; graphs run in this process")


def _models() -> Iterator[Check]:
    from flowra.model.hubs import Hubs

    hubs = Hubs()
    names = hubs.names()
    if hubs.settings.offline:
        yield Check("models", "note", "offline: no hub is asked, and what is not here is refused")
        return
    mirror = hubs.mirror()
    if mirror is not None:
        mirror.hub.check()
        yield Check("models", "ok", f"mirror: {mirror.hub.endpoint}")
    if not names:
        yield Check("models", "note", "no pack for a model hub is installed", "pip install flowra-modelscope")
    for name in names:
        try:
            hub = hubs.of(name)
            hub.hub.check()
        except ModelUnavailableError as error:
            said = f"{name} does not answer ({error.where}): {error.why}"
            yield Check("models", "note", said, "see to the network, or work offline: FLOWRA_OFFLINE=1")
        else:
            yield Check("models", "ok", f"{name} answers; models lie in {hub.cache.root}")


def _gpu() -> Iterator[Check]:
    from flowra.execute.resources.gpus import usable_gpus

    usable = usable_gpus()
    program = shutil.which("nvidia-smi")
    query = ("--query-gpu=name,memory.total,memory.free,driver_version", "--format=csv,noheader")
    cards = _output(program, *query).splitlines() if program is not None else []
    for card in cards:
        name, total, free, driver = (part.strip() for part in (card + ",,,").split(",")[:4])
        yield Check("gpu", "ok", f"{name}, {total}, {free} free, driver {driver}")
    if usable and not cards:
        sizes = [size_in_words(gpu.memory) if gpu.memory is not None else "memory not known" for gpu in usable]
        yield Check("gpu", "ok", f"nodes may use {len(usable)}: {', '.join(sizes)}")
    elif len(usable) < len(cards):
        hidden = f"nodes may use {len(usable)} of {len(cards)}: CUDA_VISIBLE_DEVICES is "
        yield Check("gpu", "note", f"{hidden}{os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')!r}")
    elif program is not None and not cards:
        yield Check("gpu", "problem", "nvidia-smi is there and finds no GPU", "reload or install NVIDIA's driver")
    elif not cards:
        yield Check("gpu", "note", "none of NVIDIA's; nodes run on the processor")


def _terminal() -> Iterator[Check]:
    from flowra.cli.terminal_graphics import graphics_of

    encoding = (sys.stdout.encoding or "").lower()
    if encoding not in ("utf-8", "utf8"):
        mend = "export PYTHONUTF8=1, or a UTF-8 locale: export LC_ALL=C.UTF-8"
        yield Check("terminal", "note", f"stdout is {encoding or 'of no encoding'}: some signs are shown escaped", mend)
    if not sys.stdout.isatty():
        yield Check("terminal", "ok", "stdout is no terminal: no colours, no pictures")
        return
    ways = {"blocks": "half blocks", "none": "not (NO_COLOR, or a terminal without colours)"}
    graphics = graphics_of()
    size = shutil.get_terminal_size()
    kind = os.environ.get("TERM") or "unknown"
    yield Check("terminal", "ok", f"{kind}, {size.columns}×{size.lines}; pictures: {ways.get(graphics, graphics)}")


#: Every check, by the name of what it looks at.
CHECKS: dict[str, Callable[[], Iterator[Check]]] = {
    "python": _python,
    "uv": _uv,
    "settings": _settings,
    "packs": _packs,
    "store": _store,
    "disk": _disk,
    "models": _models,
    "cluster": _cluster,
    "gpu": _gpu,
    "terminal": _terminal,
}


def _output(*command: str) -> str:
    """Return what a program prints; nothing where it fails or takes longer than a program that says its version."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def to_json(checks: list[Check]) -> dict[str, Any]:
    """Return the checks as plain data."""
    return {"ok": all(check.status != "problem" for check in checks), "checks": [check.to_json() for check in checks]}
