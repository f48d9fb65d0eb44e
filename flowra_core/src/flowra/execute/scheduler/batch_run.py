"""The items of a batch within a run: each is begun when there is room for it, and told of when its nodes have ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import copy_context
from typing import Any

from flowra.dag.context import NodeCancelledError
from flowra.exceptions import FlowraError, NodeFailedError
from flowra.execute.batch import feed as feeding
from flowra.execute.batch.feed import BatchFeed
from flowra.execute.batch.item import BatchItem
from flowra.execute.batch.template import Filled
from flowra.execute.failure import named
from flowra.execute.reading import ValueReader
from flowra.execute.scheduler.batch_states import BatchStates
from flowra.execute.scheduler.crew import Crew
from flowra.execute.scheduler.lifetimes import Lifetimes
from flowra.execute.scheduler.state import ItemEnd, NodeState, Scope
from flowra.execute.scheduler.verdicts import CANCELLED
from flowra.execute.values import Failed, Many, Value

__all__ = ["BatchRun"]


class BatchRun:
    """Runs the items of one job.

    Args:
        feed: The items.
        closed: The states of the nodes that are the same for all of them.
        crew: Runs what is ready.
        lifetimes: Lets values go.
        reader: Reads them.
        activate: Lets states run, and returns those that are ready.
        ended: Told when something that counted as unfinished has ended; the lock is held.
    """

    def __init__(
        self,
        feed: BatchFeed,
        closed: Scope,
        crew: Crew,
        lifetimes: Lifetimes,
        reader: ValueReader,
        activate: Callable[[Iterable[NodeState]], list[NodeState]],
        ended: Callable[[], None],
    ) -> None:
        self._feed = feed
        self._crew = crew
        self._lock = crew.lock
        self._lifetimes = lifetimes
        self._reader = reader
        self._activate = activate
        self._ended = ended
        self._states = BatchStates(feed.template, closed)
        self._wanted = feed.template.wanted
        self._open = True
        self.end_of_feed = NodeState("", None, {}, 0)

    def start(self) -> None:
        """Begin to take items, on a thread of its own: where they come from may keep it waiting. The lock is held."""
        self._crew.queue.hold(self.end_of_feed)
        self._feed.stopped = self._close
        threading.Thread(target=copy_context().run, args=(self._take,), name="flowra-items", daemon=True).start()

    def _take(self) -> None:
        self._feed.run(self._begin, self._skip)
        self.close()

    def close(self) -> None:
        """Begin no more items."""
        self._feed.stop()

    def _close(self) -> None:
        with self._lock:
            if self._open:
                self._open = False
                self._crew.queue.release(self.end_of_feed)
                self._lifetimes.taken(self._states.close())
                self._ended()

    def _begin(self, item: BatchItem, filled: Mapping[str, Filled]) -> None:
        with self._lock:
            if not self._open:
                return
            end, done = self._states.make(item, filled)
            ready = self._activate([end])
            self._lifetimes.taken(done)
            self._crew.enqueue_below(ready)

    def _skip(self, item: BatchItem) -> None:
        with self._lock:
            self._lifetimes.taken(self._states.skip(item))

    def end(self, end: NodeState, replaced: ItemEnd) -> None:
        """Tell of an item whose nodes have all ended."""
        found: dict[str, Value] = {}
        for name, output in self._wanted.items():
            outputs = end.scope[output.node].outputs
            assert outputs is not None, "a node's values are kept until each taker has run"
            found[name] = outputs[output.port]
        failure = _failure_in(
            value for state in end.eager if state.outputs is not None for value in state.outputs.values()
        )
        outputs, error, cancelled = self._plain(found)
        if failure is not None:
            error = failure.error
        began = min((state.ran_at for state in replaced.own if state.ran_at), default=0.0)
        seconds = time.perf_counter() - began if began else 0.0
        cancelled = failure is CANCELLED or (cancelled and error is None)
        status = "cancelled" if cancelled else "succeeded" if error is None and failure is None else "failed"
        cached = status == "succeeded" and not any(state.ran_at for state in replaced.states)
        self._feed.end(feeding.Ended(replaced.item, status, outputs, error, seconds, cached))  # type: ignore[arg-type]
        with self._lock:
            end.ended = True
            self._lifetimes.taken(end.eager)
            self._states.forget(end)
            self._ended()

    def _plain(self, found: Mapping[str, Value]) -> tuple[dict[str, Any], FlowraError | None, bool]:
        """Return plain values, why one is lost, and whether one was not computed again since the run was cancelled."""
        outputs: dict[str, Any] = {}
        error: FlowraError | None = None
        cancelled = False
        for name, value in found.items():
            try:
                outputs[name] = self._reader.plain(value)
            except LookupError:
                continue
            except NodeFailedError as lost:
                error = error or named(lost, self._wanted[name].node)
            except NodeCancelledError:
                cancelled = True
        return outputs, error, cancelled


def _failure_in(values: Iterable[Value]) -> Failed | None:
    """Return the first failure among values; what was cancelled counts only where nothing else failed."""
    cancelled: Failed | None = None
    for value in values:
        found = _failure_in(value.items) if isinstance(value, Many) else value
        if found is CANCELLED:
            cancelled = CANCELLED
        elif isinstance(found, Failed):
            return found
    return cancelled
