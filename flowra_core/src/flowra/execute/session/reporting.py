"""Makes events of what an executor reports, and hands them to the observers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowra.exceptions import NodeFailedError
from flowra.execute.batch.item import ItemResult
from flowra.execute.capture import unheard
from flowra.execute.control import RunControl
from flowra.execute.session import events
from flowra.type.annotations import value_type_of
from flowra.type.handler import handler_for, summarize
from flowra.type.value.base import ValueType, short
from flowra.type.value.media import AnyImageType, MediaType
from flowra.type.value.scalar import Anything

__all__ = ["EventReporter", "Observer", "type_to_show"]

#: Something that is told each event of a run, in order. One with a true attribute `items_only` is told of the run and
#: of the items of a batch, and not of what happens to nodes; where all are such, that is not even described.
Observer = Callable[[events.Event], Any]

#: What somebody who only wants to hear of items is not told.
_OF_NODES = (
    events.Queued, events.Started, events.Progress, events.Preview, events.NodeSucceeded, events.Cached, events.Mapped,
    events.NodeFailed, events.NodeSkipped,
)  # fmt: skip

#: The longest side of the pictures in preview events, in pixels.
PREVIEW_SIZE = 512


class EventReporter:
    """Tells observers what happens in a run. An observer that raises is told nothing more, and the run goes on.

    Attributes:
        broken: What went wrong in each observer that raised.
    """

    def __init__(self, run_id: str, observers: Sequence[Observer], control: RunControl) -> None:
        self._run_id = run_id
        self._observers = list(observers)
        self._of_nodes = any(not getattr(observer, "items_only", False) for observer in observers)
        self._control = control
        self.broken: list[str] = []
        # What went wrong, and the other observers were not told yet.
        self._unsaid: list[str] = []
        self._one_at_a_time = threading.RLock()

    @property
    def observed(self) -> bool:
        """Whether anybody listens to what happens to nodes."""
        return self._of_nodes and bool(self._observers)

    @property
    def listens(self) -> bool:
        """Whether anybody listens at all."""
        return bool(self._observers)

    def emit(self, kind: type[events.Event], *fields: Any) -> None:
        """Make an event and hand it to every observer; events of several threads come one after the other."""
        if not self._observers:
            return
        event = kind(self._run_id, time.time(), *fields)
        with self._one_at_a_time, unheard():
            for observer in self._observers:  # a list of its own, also where one is left out meanwhile
                if issubclass(kind, _OF_NODES) and getattr(observer, "items_only", False):
                    continue
                try:
                    observer(event)
                except Exception as error:  # noqa: BLE001  whatever an observer does, the run goes on
                    self._leave_out(observer, error)
            self._say_broken()

    def _leave_out(self, observer: Observer, error: Exception) -> None:
        self._observers = [each for each in self._observers if each is not observer]
        self._unsaid.append(_failure_of(observer, error))

    def _say_broken(self) -> None:
        while self._unsaid:
            failure = self._unsaid.pop(0)
            self.broken.append(failure)
            self.log("", failure, "warning")

    def planned(self, graph: str, nodes: int, output_dir: str) -> None:
        """Report that the graph was planned."""
        self.emit(events.Planned, graph, nodes, output_dir)

    def queued(self, node: str, type_id: str) -> None:
        """Report that a node waits for its inputs."""
        self.emit(events.Queued, node, type_id)

    def started(self, node: str, type_id: str, worker: str = "") -> None:
        """Report that a node runs."""
        self.emit(events.Started, node, type_id, worker)

    def succeeded(self, node: str, seconds: float, outputs: Mapping[str, str], worker: str = "") -> None:
        """Report that a node has run."""
        self.emit(events.NodeSucceeded, node, seconds, dict(outputs), worker)

    def cached(self, node: str, type_id: str, worker: str = "") -> None:
        """Report that the result of an earlier run stands in for running a node."""
        self.emit(events.Cached, node, type_id, worker)

    def retried(self, node: str, attempt: int, seconds: float, error: NodeFailedError) -> None:
        """Report that a node failed and is tried again."""
        if self.observed:
            self.emit(events.Retried, node, attempt, seconds, error.to_json())

    def mapped(self, node: str, items: int, failures: int, seconds: float) -> None:
        """Report that a node has gone through its list."""
        self.emit(events.Mapped, node, items, failures, seconds)

    def failed(self, node: str, error: NodeFailedError) -> None:
        """Report that a node failed."""
        self.emit(events.NodeFailed, node, error.to_json(), error.worker)

    def not_run(self, node: str, reason: str) -> None:
        """Report that a node won't run."""
        self.emit(events.NodeSkipped, node, reason)

    def item(self, result: ItemResult) -> None:
        """Report that an item of a batch has come to its end."""
        error = None if result.error is None else result.error.to_json()
        outputs = dict(result.files) or {name: {"value": short(value)} for name, value in result.outputs.items()}
        self.emit(
            events.ItemEnded, result.index, result.label, result.status, result.seconds, result.cached, outputs, error
        )

    def finished(self, status: str, seconds: float, outputs: dict[str, Any]) -> None:
        """Report that the run ended."""
        self.emit(events.Finished, status, seconds, outputs)

    def uploading(self, results: int, size: int) -> None:
        """Report how much is still to be uploaded."""
        self.emit(events.Uploading, results, size)

    def progress(self, node: str, done: float, total: float | None, text: str) -> None:
        """Report how far a node is."""
        self.emit(events.Progress, node, done, total, text)

    def log(self, node: str, text: str, level: str) -> None:
        """Report a line that a node logged."""
        self.emit(events.Log, node, text, level)

    def preview(self, node: str, value: Any, title: str) -> None:
        """Report a value to look at, as a line and a small picture."""
        if not self.observed:
            return
        value_type = type_to_show(value)
        png = None
        if isinstance(value_type, MediaType):
            try:
                png = handler_for(value_type.handled_as).thumbnail(value, PREVIEW_SIZE)
            except Exception as error:  # noqa: BLE001  a preview that can't be made is no reason for a node to fail
                self.log(node, f"no preview of {title or 'the value'}: {type(error).__name__}: {error}", "warning")
        self.shown(node, str(title), summarize(value, value_type), png)

    def shown(self, node: str, title: str, summary: str, png: bytes | None) -> None:
        """Report a value to look at that was described where the node runs."""
        self.emit(events.Preview, node, title, summary, png)

    def cancelled(self) -> bool:
        """Tell whether the run was cancelled."""
        return self._control.cancelled


def _failure_of(observer: Observer, error: Exception) -> str:
    name = getattr(observer, "__qualname__", type(observer).__qualname__)
    return f"observer {name} failed and is told nothing more: {type(error).__name__}: {error}"


def type_to_show(value: Any) -> ValueType:
    """Return the value type by which a value is shown, judged by the value itself."""
    try:
        return value_type_of(type(value))
    except TypeError:
        pass
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and (len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))):
        return AnyImageType()
    return Anything()
