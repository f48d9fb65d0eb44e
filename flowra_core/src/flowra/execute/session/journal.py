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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowra.exceptions import RunError, UsageError
from flowra.storage.refs import Ref, ref_from_json

__all__ = ["Journal", "JournalEntry", "PastRun", "RunHistory"]

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
        self._recorded: list[tuple[str, str, str, str, float]] = []
        self._written = 0.0
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            self._give_up(error)
        self._write({"line": "run", "format": FORMAT, "time": time.time(), **header})

    def recorded(self, name: str, type_id: str, key: bytes, seconds: float, *, how: str) -> None:
        """Note a call that ended, and whose outputs the record for its key has.

        Such calls go out together, at once if none did for a while: losing one costs nothing, since the record is
        found by the key.

        Args:
            name: The call's name.
            type_id: The node's type id.
            key: Its action key.
            seconds: How long it ran.
            how: `ran` or `cached`.
        """
        with self._lock:
            self._recorded.append((name, type_id, key.hex(), how, round(seconds, 6)))
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
        """
        line: dict[str, Any] = {
            "line": "call",
            "node": name,
            "type": type_id,
            "how": how,
            "seconds": round(seconds, 6),
            "key": key.hex() if key is not None else None,
            "outputs": {port: ref.to_json() for port, ref in outputs.items()},
        }
        if preimage is not None:
            line["preimage"] = preimage
        self._write(line)

    def failed(self, name: str, error: Mapping[str, Any]) -> None:
        """Note a call that failed."""
        self._write({"line": "failed", "node": name, "error": dict(error)})

    def finish(self, status: str, seconds: float, files: Mapping[str, Any]) -> None:
        """Note how the run ended, and close the journal."""
        self._write({"line": "end", "status": status, "seconds": seconds, "outputs": dict(files), "time": time.time()})
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

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


@dataclass(frozen=True)
class JournalEntry:
    """A call that ended in an earlier run.

    Attributes:
        node: The call's name.
        type: The node's type id.
        key: Its action key, or None.
        outputs: The references of its outputs; None where the record for the key has them.
        seconds: How long it ran.
        how: `ran`, `cached` or `resumed`.
        preimage: What the key was made of, where no record keeps it.
    """

    node: str
    type: str
    key: bytes | None
    outputs: Mapping[str, Ref] | None
    seconds: float
    how: str
    preimage: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class PastRun:
    """What the journal of a run says.

    Attributes:
        id: The run's id.
        path: Its journal.
        header: What was run: `graph` (the graph as data), `name`, `inputs`, `targets`, `folder`, `output_dir`.
        began: When it began, in seconds since 1970 (UTC).
        calls: The calls that ended, by name.
        failures: The errors of those that failed, by name.
        status: How it ended; `unfinished` if it never did: it still runs, or its process was killed.
        seconds: How long it took.
        outputs: Its outputs as they were exported.
    """

    id: str
    path: Path
    header: Mapping[str, Any]
    began: float
    calls: Mapping[str, JournalEntry] = field(default_factory=dict)
    failures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    status: str = "unfinished"
    seconds: float = 0.0
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The graph's name."""
        return str(self.header.get("name", ""))


class RunHistory:
    """The journals of earlier runs.

    Args:
        folder: Where they lie, one file a run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_of(self, run_id: str) -> Path:
        """Return where the journal of a run lies."""
        return self.folder / f"{run_id}.jsonl"

    def ids(self) -> list[str]:
        """Return the ids of all runs, the latest first."""
        if not self.folder.is_dir():
            return []
        files = [(path.stat().st_ctime_ns, path.stem) for path in self.folder.glob("*.jsonl")]
        return [run_id for _, run_id in sorted(files, reverse=True)]

    def find(self, name: str) -> PastRun:
        """Return a run by its id, the beginning of its id, or `last`.

        Raises:
            UsageError: There is none, or several begin so.
            RunError: Its journal can't be read.
        """
        ids = self.ids()
        if name == "last" and ids:
            return self.read(ids[0])
        matching = [run_id for run_id in ids if run_id == name] or [each for each in ids if each.startswith(name)]
        if len(matching) == 1:
            return self.read(matching[0])
        if matching:
            raise UsageError(
                f"{len(matching)} runs begin with {name!r}", why=", ".join(matching[:5]), fix="write more of the id"
            )
        raise UsageError(f"there is no run {name!r}", fix="flowra runs list shows the runs there are")

    def read(self, run_id: str) -> PastRun:
        """Return what a journal says; lines that can't be read are skipped.

        Raises:
            RunError: It can't be read at all.
        """
        path = self.path_of(run_id)
        try:
            lines = _lines(path.read_bytes())
            header = next(lines, None)
        except OSError as error:
            raise RunError("a run's journal can't be read", where=str(path), why=str(error)) from error
        if header is None or header.get("line") != "run" or header.get("format") != FORMAT:
            raise RunError(
                "a run's journal can't be read",
                where=str(path),
                why=f"its first line is not of the format {FORMAT}",
                fix=f"flowra runs rm {run_id}",
            )
        calls: dict[str, JournalEntry] = {}
        failures: dict[str, Mapping[str, Any]] = {}
        end: dict[str, Any] = {}
        for line in lines:
            kind = line.get("line")
            if kind in ("call", "recorded"):
                for entry in _entries(line):
                    calls[entry.node] = entry
                    failures.pop(entry.node, None)
            elif kind == "failed" and isinstance(line.get("node"), str):
                failures[line["node"]] = line.get("error", {})
            elif kind == "end":
                end = line
        return PastRun(
            id=run_id,
            path=path,
            header=header,
            began=float(header.get("time", 0.0)),
            calls=calls,
            failures=failures,
            status=str(end.get("status", "unfinished")),
            seconds=float(end.get("seconds", 0.0)),
            outputs=end.get("outputs", {}),
        )

    def remove(self, run_id: str) -> None:
        """Remove a run's journal; what it stored stays until it is collected."""
        self.path_of(run_id).unlink(missing_ok=True)


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    for text in data.split(b"\n")[:-1]:  # what follows the last line break was never written whole
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            yield line


def _line(content: Mapping[str, Any]) -> bytes:
    return _encode(content).encode("utf-8", "backslashreplace") + b"\n"


def _entries(line: Mapping[str, Any]) -> Iterator[JournalEntry]:
    """Yield the calls that a line speaks of; what can't be read is skipped."""
    try:
        if line["line"] == "recorded":
            for name, type_id, key, how, seconds in line["calls"]:
                yield JournalEntry(name, type_id, bytes.fromhex(key), None, float(seconds), how)
            return
        yield JournalEntry(
            node=line["node"],
            type=line["type"],
            key=bytes.fromhex(line["key"]) if line["key"] is not None else None,
            outputs={port: ref_from_json(ref) for port, ref in line["outputs"].items()},
            seconds=float(line["seconds"]),
            how=str(line["how"]),
            preimage=line.get("preimage"),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return
