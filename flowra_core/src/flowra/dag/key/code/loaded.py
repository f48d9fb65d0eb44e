"""Whether the code in memory is the code on disk: a file that was edited after its import says nothing of what runs.

A key made of the edited file would name the result of the old code, and be found by every later run.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from importlib.util import source_hash
from pathlib import Path
from types import ModuleType

from flowra.dag.key.code.source import Source
from flowra.dag.key.code.stamps import Stamp

__all__ = ["runs_as_written"]

_lock = threading.Lock()
#: By module: what identifies its import (None while there was none), and the digest of its source at that time.
_seen: dict[str, tuple[object, bytes]] = {}


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
        if module is None or (before is not None and before[1] == digest) or _was_loaded_from(module, stamp, source):
            _seen[name] = (loading, digest)
            return True
    return False


def _main_module(name: str) -> ModuleType | None:
    """Return the main module if it is the one of a name, as with `python -m name`."""
    main = sys.modules.get("__main__")
    return main if getattr(getattr(main, "__spec__", None), "name", None) == name else None


def _was_loaded_from(module: ModuleType, stamp: Stamp, source: Source | None) -> bool:
    cached = getattr(getattr(module, "__spec__", None), "cached", None)
    try:
        header = Path(cached).read_bytes()[:16] if cached else b""
    except OSError:
        header = b""
    _, _, size, modified, changed = stamp
    # What was there before this process began is what it imported, whatever byte code lies around: where Python may
    # not write it, that of an earlier version stays.
    if _BEGAN is not None and max(modified, changed) < _BEGAN:
        return True
    if source is not None and len(header) == 16:
        if int.from_bytes(header[4:8], "little") & 1:
            return header[8:] == source_hash(source.content)
        written = modified // 1_000_000_000 & 0xFFFFFFFF, size & 0xFFFFFFFF
        return written == (int.from_bytes(header[8:12], "little"), int.from_bytes(header[12:], "little"))
    return _BEGAN is None


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
