"""Whether the code in memory is the code on disk: a file that was edited after its import says nothing of what runs.

A key made of the edited file would name the result of the old code, and be found by every later run. The same holds for
a module that was loaded again: what others took from it before is still the old code.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from importlib.util import source_hash
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flowra.dag.key.code.source import Source
from flowra.dag.key.code.stamps import Stamp

__all__ = ["changed_in_this_process", "is_current", "outdated", "runs_as_written"]

_lock = threading.Lock()
#: By module: what identifies its import (None while there was none), the digest of its source then, and its stamp.
_seen: dict[str, tuple[object, bytes, Stamp]] = {}


def runs_as_written(name: str, digest: bytes, stamp: Stamp, source: Source | None = None) -> bool:
    """Tell whether a module, if it is loaded, was loaded from the source as it is now.

    Once a module was looked at, its source has to stay as it was for as long as it stays loaded. At the first look,
    the byte code that Python kept of the import tells; where there is none, the file must be older than the process.

    Args:
        name: The module's name.
        digest: The digest of its file.
        stamp: The file's stamp.
        source: The file as it was read; None for a native module.
    """
    module = sys.modules.get(name) or _main_module(name)
    loading = None if module is None else getattr(module, "__spec__", None) or module
    with _lock:
        before = _seen.get(name)
        if before is not None and before[0] is loading and loading is not None:
            return before[1] == digest
        # A file that has not been touched since is what was loaded between, with the same contents it may not be.
        untouched = before is not None and before[1:] == (digest, stamp)
        if module is None or untouched or _was_loaded_from(module, stamp, source):
            _seen[name] = (loading, digest, stamp)
            return True
    return False


def changed_in_this_process(stamp: Stamp) -> bool:
    """Tell whether a file may have changed since this process began, so that a module may have been loaded twice."""
    return _BEGAN is None or max(stamp[3], stamp[4]) >= _BEGAN


def outdated(user: str, changed: frozenset[str]) -> str | None:
    """Return the module of which a loaded module still uses what it was before it was loaded again, or None.

    Args:
        user: The module that uses others.
        changed: The modules that may have been loaded again.
    """
    module = sys.modules.get(user) or _main_module(user)
    for value in list(vars(module).values()) if module is not None else ():
        if isinstance(value, ModuleType):
            if value.__name__ in changed and sys.modules.get(value.__name__) is not value:
                return value.__name__
        elif isinstance(value, (type, FunctionType)) and value.__module__ in changed and not is_current(value):
            return str(value.__module__)
    return None


def is_current(value: type | FunctionType) -> bool:
    """Tell whether a class or function is what its module has under its name now, as far as that can be found out."""
    found: Any = sys.modules.get(value.__module__)
    *around, last = value.__qualname__.split(".")
    for name in around:
        if name == "<locals>":
            if isinstance(value, type):
                return True  # its functions tell
            return not isinstance(found, FunctionType) or value.__code__ in set(_code_inside(found.__code__))
        found = _member(found, name)
    found = _member(found, last)
    if isinstance(value, type):
        return found is value or not isinstance(found, type)
    return not isinstance(found, FunctionType) or found.__code__ == value.__code__


def _member(holder: Any, name: str) -> Any:
    members: Mapping[str, Any] = getattr(holder, "__dict__", {})
    found = members.get(name)
    found = getattr(found, "__func__", found)
    while isinstance(inner := getattr(found, "__wrapped__", None), FunctionType):
        found = inner
    return found


def _code_inside(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _code_inside(constant)


def _main_module(name: str) -> ModuleType | None:
    """Return the main module if it is the one of a name, as with `python -m name`."""
    main = sys.modules.get("__main__")
    return main if getattr(getattr(main, "__spec__", None), "name", None) == name else None


def _was_loaded_from(module: ModuleType, stamp: Stamp, source: Source | None) -> bool:
    _, _, _, modified, changed = stamp
    path = getattr(getattr(module, "__spec__", None), "cached", None)
    # What was there before this process began is what it imported.
    if _BEGAN is not None and max(modified, changed) < _BEGAN:
        # Unless it was edited twice in one second, to the same size: Python takes the byte code of the first edit for
        # that of the second. Its time tells, and where it was copied along with its source, both times were.
        return source is None or not path or _written(path) >= modified or not _is_taken_for(path, stamp, source)
    if source is None or not path:
        return _BEGAN is None
    return _is_taken_for(path, stamp, source) and changed <= _written(path)


def _written(path: str) -> float:
    """Return when a file was written, in nanoseconds; infinity for one that is not there."""
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return float("inf")


def _is_taken_for(path: str, stamp: Stamp, source: Source) -> bool:
    """Tell whether Python takes byte code for that of a source: by its second and size, or by its contents."""
    try:
        with Path(path).open("rb") as file:
            header = file.read(16)
    except OSError:
        return False
    if len(header) != 16:
        return False
    if int.from_bytes(header[4:8], "little") & 1:
        return header[8:] == source_hash(source.content)
    _, _, size, modified, _ = stamp
    return header[8:] == b"".join(
        (number & 0xFFFFFFFF).to_bytes(4, "little") for number in (modified // 1_000_000_000, size)
    )


def _process_start() -> int | None:
    """Return when this process began, in nanoseconds since the epoch; None where the system doesn't say."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        # It is rounded down to a tick, within which Python has not imported anything yet.
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - (int(fields[19]) + 1) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return None
    return time.time_ns() - int(age * 1e9)


_BEGAN = _process_start()
