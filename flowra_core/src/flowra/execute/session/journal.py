"""The journal of a run: a line of JSON for each thing that must survive the process, appended as it happens.

The first line says what was run. Each call that ended leaves its key and the references of its outputs, from which
`--resume` goes on and `flowra explain` compares; the last line says how the run ended. A process that is killed leaves
at worst half a line at the end, which is ignored.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowra.storage.refs import Ref

__all__ = ["FORMAT", "Journal"]

#: Named in the first line; what reads journals is in `history.py`.
FORMAT = "flowra-journal/1"
#: Calls that wait to go out in one line, at most, and seconds since something went out.
_MOST_RECORDED, _LONGEST_WAIT = 1000, 0.05

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


class Journal:
    """Appends to the journal of one run. Every method may be called from any thread.

    A journal that can't be written (the disk is full) stops being written, and `broken` says why: the run goes on, and
    can't be resumed.

    Args:
        path: The file; it is made, with its folder.
        header: What is run.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self.broken = ""
        self._lock = threading.Lock()
        self._file: int | None = None
        self._recorded: list[tuple[str, str, str, str, float, float, str]] = []
        self._written = 0.0
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            self._give_up(error)
        self._began = time.time()
        self._write({"line": "run", "format": FORMAT, "time": self._began, **header})

    def recorded(
        self,
        name: str,
        type_id: str,
        key: bytes,
        seconds: float,
        *,
        how: str,
        worker: str = "",
        at: float | None = None,
    ) -> None:
        """Note a call that ended, and whose outputs the record for its key has.

        Such calls go out together, at once if none did for a while: losing one costs nothing, since the record is
        found by the key.

        Args:
            name: The call's name.
            type_id: The node's type id.
            key: Its action key.
            seconds: How long it ran.
            how: `ran` or `cached`.
            worker: Which worker ran it; empty for this process.
            at: When it ended, by this machine's clock; now if None.
        """
        with self._lock:
            self._recorded.append((name, type_id, key.hex(), how, round(seconds, 6), self._at(at), worker))
            if len(self._recorded) >= _MOST_RECORDED or time.monotonic() - self._written > _LONGEST_WAIT:
                self._write_out(b"")

    def ended(
        self,
        name: str,
        type_id: str,
        key: bytes | None,
        outputs: Mapping[str, Ref],
        seconds: float,
        *,
        how: str,
        preimage: Mapping[str, Any] | None = None,
        worker: str = "",
        at: float | None = None,
    ) -> None:
        """Note a call that ended, and whose outputs are in no record.

        Args:
            name: The call's name.
            type_id: The node's type id.
            key: Its action key; None where it has none.
            outputs: The references of its outputs.
            seconds: How long it ran.
            how: `ran` or `resumed`.
            preimage: What the key was made of, where no record keeps it.
            worker: Which worker ran it; empty for this process.
            at: When it ended, by this machine's clock; now if None.
        """
        line: dict[str, Any] = {
            "line": "call",
            "node": name,
            "type": type_id,
            "how": how,
            "seconds": round(seconds, 6),
            "at": self._at(at),
            "worker": worker,
            "key": key.hex() if key is not None else None,
            "outputs": {port: ref.to_json() for port, ref in outputs.items()},
        }
        if preimage is not None:
            line["preimage"] = preimage
        self._write(line)

    def failed(
        self, name: str, error: Mapping[str, Any], given: Mapping[str, Any] | None = None, *, worker: str = ""
    ) -> None:
        """Note a call that failed, what it was given (`flowra.execute.given`), and which worker ran it."""
        line = {"line": "failed", "node": name, "error": dict(error), "at": self._at(), "worker": worker}
        self._write(line if given is None else {**line, "given": dict(given)})

    def item(self, line: Mapping[str, Any]) -> None:
        """Note how an item of a batch ended."""
        self._write({"line": "item", **line, "at": self._at()})

    def finish(self, status: str, seconds: float, files: Mapping[str, Any]) -> None:
        """Note how the run ended, and close the journal."""
        self._write({"line": "end", "status": status, "seconds": seconds, "outputs": dict(files), "time": time.time()})
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _at(self, moment: float | None = None) -> float:
        """Return the seconds from the beginning of the run to a moment, or to now."""
        return round((time.time() if moment is None else moment) - self._began, 6)

    def _write(self, line: Mapping[str, Any]) -> None:
        data = _line(line)
        with self._lock:
            self._write_out(data)

    def _write_out(self, data: bytes) -> None:
        """Write what waits and a line, in one call: lines of several threads don't mix. The lock is held."""
        if self._recorded:
            data = _line({"line": "recorded", "calls": self._recorded}) + data
            self._recorded = []
        self._written = time.monotonic()
        if self._file is None:
            return
        try:
            if os.write(self._file, data) < len(data):
                self._give_up(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.broken = f"the run can't be resumed: its journal can't be written ({error.strerror or error})"
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _line(content: Mapping[str, Any]) -> bytes:
    return _encode(content).encode("utf-8", "backslashreplace") + b"\n"
