"""What happens in a run, as typed events.

Observers get each event as it happens; `flowra run --json` prints each as one line. `to_json` gives plain data with
the event's name under `event`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

__all__ = [
    "EVENTS",
    "Cached",
    "Event",
    "Finished",
    "ItemEnded",
    "Log",
    "Mapped",
    "NodeFailed",
    "NodeSkipped",
    "NodeSucceeded",
    "Planned",
    "Preview",
    "Progress",
    "Queued",
    "Retried",
    "Started",
    "Uploading",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events.

    Attributes:
        run: The run's id.
        time: When it happened, in seconds since 1970 (UTC).
    """

    name: ClassVar[str] = ""

    run: str
    time: float

    def to_json(self) -> dict[str, Any]:
        """Return the event as plain data; bytes become base64 text."""
        data: dict[str, Any] = {"event": self.name}
        for each in fields(self):
            value = getattr(self, each.name)
            data[each.name] = base64.b64encode(value).decode() if isinstance(value, bytes) else value
        return data


@dataclass(frozen=True, slots=True)
class Planned(Event):
    """The graph was checked and planned."""

    name: ClassVar[str] = "planned"

    graph: str
    nodes: int
    output_dir: str


@dataclass(frozen=True, slots=True)
class NodeEvent(Event):
    """Base of the events of one node."""

    node: str


@dataclass(frozen=True, slots=True)
class Queued(NodeEvent):
    """A node is to be run and waits for its inputs."""

    name: ClassVar[str] = "queued"

    type: str


@dataclass(frozen=True, slots=True)
class Started(NodeEvent):
    """A node began to run; `worker` names the worker of a cluster, and is empty for this process."""

    name: ClassVar[str] = "started"

    type: str
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Progress(NodeEvent):
    """A node said how far it is: `done` of `total`, or a fraction where there is no total."""

    name: ClassVar[str] = "progress"

    done: float
    total: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Preview(NodeEvent):
    """A node showed a value: a line that describes it, and a small PNG where there is something to see."""

    name: ClassVar[str] = "preview"

    title: str
    summary: str
    png: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Log(NodeEvent):
    """A node logged a line; `level` is debug, info, warning or error. An empty node is the run itself."""

    name: ClassVar[str] = "log"

    text: str
    level: str = "info"


@dataclass(frozen=True, slots=True)
class NodeSucceeded(NodeEvent):
    """A node has run, on that `worker`; `outputs` describes each output in a line."""

    name: ClassVar[str] = "succeeded"

    seconds: float
    outputs: dict[str, str]
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Cached(NodeEvent):
    """The result of an earlier run stands in for running a node; `worker` names the one that found it, if one did."""

    name: ClassVar[str] = "cached"

    type: str
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Retried(NodeEvent):
    """A node failed, and is tried again after `seconds` for the `attempt`-th time."""

    name: ClassVar[str] = "retried"

    attempt: int
    seconds: float
    error: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mapped(NodeEvent):
    """A node has gone through its list of `items`, of which `failures` failed; the items had events of their own."""

    name: ClassVar[str] = "mapped"

    items: int
    failures: int
    seconds: float


@dataclass(frozen=True, slots=True)
class NodeFailed(NodeEvent):
    """A node failed, on that `worker`; `error` is the failure as plain data."""

    name: ClassVar[str] = "failed"

    error: dict[str, Any]
    worker: str = ""


@dataclass(frozen=True, slots=True)
class NodeSkipped(NodeEvent):
    """A node was not run: something before it failed, or the run was cancelled."""

    name: ClassVar[str] = "skipped"

    reason: str


@dataclass(frozen=True, slots=True)
class ItemEnded(Event):
    """An item of a batch has succeeded, failed or was cancelled; its nodes had events of their own, as `@12/detect`.

    `item` is its number from 0, `outputs` says what each output is or where it lies, `cached` whether nothing had to
    run.
    """

    name: ClassVar[str] = "item"

    item: int
    label: str
    status: str
    seconds: float
    cached: bool
    outputs: dict[str, Any]
    error: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Uploading(Event):
    """Results of the run are still to be uploaded: so many, of so many bytes."""

    name: ClassVar[str] = "uploading"

    results: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The run ended as succeeded, failed or cancelled; `outputs` says what each output is or where it lies."""

    name: ClassVar[str] = "finished"

    status: str
    seconds: float
    outputs: dict[str, Any]


EVENTS: dict[str, type[Event]] = {
    cls.name: cls
    for cls in (
        Planned, Queued, Started, Progress, Preview, Log, NodeSucceeded, Cached, Retried, Mapped,
        NodeFailed, NodeSkipped, ItemEnded, Finished, Uploading,
    )
}  # fmt: skip
