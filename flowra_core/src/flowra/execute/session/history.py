"""Earlier runs, as their journals tell them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowra.exceptions import RunError, UsageError
from flowra.execute.session.journal import FORMAT
from flowra.storage.refs import Ref, ref_from_json

__all__ = ["JournalEntry", "PastRun", "RunHistory"]


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
        at: When it ended, in seconds since the run began.
        worker: Which worker ran it; empty for the process of the run.
        preimage: What the key was made of, where no record keeps it.
    """

    node: str
    type: str
    key: bytes | None
    outputs: Mapping[str, Ref] | None
    seconds: float
    how: str
    at: float = 0.0
    worker: str = ""
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
        given: What they were given, by name (`flowra.execute.given`); nothing for one that failed before it was called.
        failed_at: When they failed, in seconds since the run began, by name.
        failed_on: Which worker ran them, by name; empty for the process of the run.
        status: How it ended; `unfinished` if it never did: it still runs, or its process was killed.
        seconds: How long it took.
        outputs: Its outputs as they were exported.
        items: For a batch, how its items ended, by number: `label`, `status`, `seconds`, `cached`, `given`, `outputs`,
            `error`.
    """

    id: str
    path: Path
    header: Mapping[str, Any]
    began: float
    calls: Mapping[str, JournalEntry] = field(default_factory=dict)
    failures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    given: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    failed_at: Mapping[str, float] = field(default_factory=dict)
    failed_on: Mapping[str, str] = field(default_factory=dict)
    status: str = "unfinished"
    seconds: float = 0.0
    outputs: Mapping[str, Any] = field(default_factory=dict)
    items: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def is_batch(self) -> bool:
        """Whether it ran a graph for many items."""
        return "batch" in self.header

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
        given: dict[str, Mapping[str, Any]] = {}
        failed_at: dict[str, float] = {}
        failed_on: dict[str, str] = {}
        end: dict[str, Any] = {}
        items: dict[int, Mapping[str, Any]] = {}
        for line in lines:
            kind = line.get("line")
            if kind in ("call", "recorded"):
                for entry in _entries(line):
                    calls[entry.node] = entry
                    failures.pop(entry.node, None)
            elif kind == "failed" and isinstance(line.get("node"), str):
                failures[line["node"]] = line.get("error", {})
                given[line["node"]] = line.get("given", {})
                failed_at[line["node"]] = _number(line.get("at"))
                failed_on[line["node"]] = str(line.get("worker", ""))
            elif kind == "item" and isinstance(line.get("item"), int):
                items[line["item"]] = line
            elif kind == "end":
                end = line
        return PastRun(
            id=run_id,
            path=path,
            header=header,
            began=float(header.get("time", 0.0)),
            calls=calls,
            failures=failures,
            given={name: given[name] for name in failures},
            failed_at={name: failed_at[name] for name in failures},
            failed_on={name: failed_on[name] for name in failures},
            status=str(end.get("status", "unfinished")),
            seconds=float(end.get("seconds", 0.0)),
            outputs=end.get("outputs", {}),
            items=items,
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


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _entries(line: Mapping[str, Any]) -> Iterator[JournalEntry]:
    """Yield the calls that a line speaks of; what can't be read is skipped."""
    try:
        if line["line"] == "recorded":
            for name, type_id, key, how, seconds, at, worker in line["calls"]:
                yield JournalEntry(name, type_id, bytes.fromhex(key), None, float(seconds), how, float(at), worker)
            return
        yield JournalEntry(
            node=line["node"],
            type=line["type"],
            key=bytes.fromhex(line["key"]) if line["key"] is not None else None,
            outputs={port: ref_from_json(ref) for port, ref in line["outputs"].items()},
            seconds=float(line["seconds"]),
            how=str(line["how"]),
            at=float(line["at"]),
            worker=str(line["worker"]),
            preimage=line.get("preimage"),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return
