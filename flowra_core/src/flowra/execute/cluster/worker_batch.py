"""The calls of one batch, made on a worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from flowra.dag.context import NodeCancelledError
from flowra.dag.key import Unkeyable
from flowra.dag.outcome import Expansion
from flowra.exceptions import FlowraError, NodeFailedError
from flowra.execute.cluster.wire import (
    error_to_wire,
    graph_to_wire,
    literal_from_wire,
    literal_to_wire,
    ref_to_wire,
    value_from_wire,
)
from flowra.execute.cluster.worker_run import Returned, WorkerRun
from flowra.execute.encoding import ValueGoneError
from flowra.execute.failure import invalid_result, timed_out
from flowra.execute.runner import Later, OverdueError
from flowra.execute.scheduler.inputs import blocked
from flowra.execute.scheduler.state import Call, NodeState
from flowra.execute.scheduler.watchdog import Watchdog
from flowra.execute.values import Ended, Held, Many, Value
from flowra.type.value.scalar import Anything

__all__ = ["BatchCalls"]


class BatchCalls:
    """One batch of calls, in an order in which each comes after those of the batch that it takes values from.

    Args:
        run: The run.
        data: The batch, as the driver wrote it.
    """

    def __init__(self, run: WorkerRun, data: dict[str, Any]) -> None:
        self._run = run
        self._data = data
        self._runner = run.runner()
        self._runner.patience = data.get("patience")
        run.peers.note(data.get("holders", {}))
        self._nodes = [run.node(each) for each in data["nodes"]]
        self._given: dict[tuple[int, str], Value] = {}
        self._done: dict[int, list[Any]] = {}
        self._outputs: dict[int, dict[str, Value]] = {}
        # When calls ended: many of a batch are told of at once.
        self._ends: dict[int, float] = {}
        self._ended: SimpleQueue[tuple[int, Call, float, Callable[[], Any]]] = SimpleQueue()
        self._pending = 0
        self._beginning = threading.Lock()
        self._begun = 0
        self._cut = False

    def run(self) -> dict[str, Any]:
        """Make the calls, until the batch has had its time."""
        data = self._data
        if data["kind"] == "needs":
            return self._needs()
        deadline = time.monotonic() + data["seconds"]
        index = 0
        while index < len(data["calls"]):
            with self._beginning:
                # The first is always made: the batch must get on.
                if self._run.control.cancelled or (index and (self._cut or time.monotonic() > deadline)):
                    break
                following = self._begun = index + self._together_from(index)
            found = {
                call: place
                for place in range(index, following)
                if (call := self._call_of(data["calls"][place])) is not None
            }
            if len(found) > 1:
                self._make_together(found)
            else:
                for call, place in found.items():
                    self._make(place, call)
            self._take_ended(wait=False)
            index = following
        while self._pending:
            self._take_ended(wait=True)
        self._export()
        calls = range(len(data["calls"]))
        now = time.perf_counter()
        clock = time.time() - now
        return {
            "calls": [self._done.get(index) for index in calls],
            "ends": [clock + self._ends.get(index, now) for index in calls],
            "warnings": self._run.warnings(),
        }

    def cut(self) -> int:
        """Begin no more calls, and return how many were begun, one at least."""
        with self._beginning:
            self._cut = True
            return max(self._begun, 1)

    def _needs(self) -> dict[str, Any]:
        call = self._call_of(self._data["calls"][0])
        assert call is not None
        try:
            reply: list[Any] = ["needs", sorted(self._runner.needed(call))]
        except NodeFailedError as error:
            reply = ["failed", error_to_wire(error)]
        except NodeCancelledError:
            reply = ["cancelled"]
        except ValueGoneError as error:
            reply = _missing(error)
        return {"calls": [reply], "ends": [time.time()], "warnings": self._run.warnings()}

    def _call_of(self, data: list[Any]) -> Call | None:
        """Return a call; None for one that takes what another of the batch did not give."""
        number, name, item, attempt, depth, literals, inputs, _ = data
        node = self._nodes[number]
        given: dict[str, Any] = dict(node.literals)
        given.update((port, literal_from_wire(value)) for port, value in literals.items())
        try:
            for port, value in inputs.items():
                given[port] = value_from_wire(value, self._given)
                self._run.at_hand.fill(given[port])
        except KeyError:
            return None
        call = Call(NodeState(name, node, {}, depth), node, 0, tuple(item), given, attempt)
        return None if blocked(call) is not None else call

    def _make(self, index: int, call: Call) -> None:
        began = time.perf_counter()
        if call.node.description.traits.timeout is not None:
            self._make_in_time(index, call)
            return
        self._take(index, call, began, lambda: self._runner.call(call, self._later(index, began)))

    def _together_from(self, index: int) -> int:
        """Return how many calls, from one on, are of a node that takes as many at once."""
        calls = self._data["calls"]
        number = calls[index][0]
        most = self._nodes[number].description.traits.batch_size
        count = 1
        while count < most and index + count < len(calls) and calls[index + count][0] == number:
            count += 1
        return count

    def _make_together(self, calls: dict[Call, int]) -> None:
        began = time.perf_counter()

        def later(call: Call, finish: Callable[[], Any]) -> None:
            self._later(calls[call], began)(call, finish)

        results = self._runner.call_together(list(calls), later)
        share = (time.perf_counter() - began) / len(calls)
        for call, outcome in results:
            self._take(calls[call], call, time.perf_counter() - share, outcome)

    def _later(self, index: int, began: float) -> Callable[[Call, Callable[[], Any]], None]:
        def later(call: Call, finish: Callable[[], Any]) -> None:
            # At once, on the thread of what is awaited: the call may hold a key that others wait for.
            outcome = _outcome(finish)
            self._ended.put((index, call, began, outcome))

        return later

    def _make_in_time(self, index: int, call: Call) -> None:
        """Make a call that may run out of time, on a thread that can be left to itself."""
        limit = call.node.description.traits.timeout
        assert limit is not None
        ended: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        began = time.perf_counter()
        watchdog = Watchdog(lambda _: ended.put(None))
        self._runner.watch = lambda watched: watchdog.watch(watched, limit)

        def make() -> None:
            def later(_: Call, finish: Callable[[], Any]) -> None:
                outcome = _outcome(finish)
                if not isinstance(outcome.error, OverdueError):
                    ended.put(outcome)

            outcome = _outcome(lambda: self._runner.call(call, later))
            if isinstance(outcome.error, OverdueError) or isinstance(outcome.result, Later):
                return
            ended.put(outcome)

        threading.Thread(target=make, name="flowra-timed", daemon=True).start()
        outcome = ended.get()
        watchdog.close()
        if outcome is None:
            self._runner.abandon(call)
            self._done[index] = ["failed", error_to_wire(timed_out(call.node, limit))]
        else:
            self._take(index, call, began, outcome)

    def _take_ended(self, *, wait: bool) -> None:
        while self._pending:
            try:
                index, call, began, finish = self._ended.get(block=wait)
            except Empty:
                return
            self._pending -= 1
            self._take(index, call, began, finish, awaited=True)
            wait = False

    def _take(self, index: int, call: Call, began: float, make: Callable[[], Any], *, awaited: bool = False) -> None:
        try:
            try:
                result = make()
            finally:
                self._ends[index] = time.perf_counter()
        except NodeFailedError as error:
            self._done[index] = ["failed", error_to_wire(error)]
            return
        except (NodeCancelledError, OverdueError):
            self._done[index] = ["cancelled"]
            return
        except ValueGoneError as error:
            self._done[index] = _missing(error)
            return
        seconds = self._ends[index] - began
        if isinstance(result, Later):
            self._pending += 1
            return
        if isinstance(result, Returned):
            try:
                self._done[index] = ["expanded", _expansion_to_wire(result.expansion), seconds]
            except FlowraError as error:
                reason = f"the graph that it returned can't be sent to the driver: {error.what}"
                self._done[index] = ["failed", error_to_wire(invalid_result(call.node, {"": reason}, {}))]
            return
        note = self._run.note_of(call.name)
        said = self._run.said_of(call.name)
        if isinstance(result, Ended):
            self._done[index] = ["ended", result.reason, seconds, awaited, note, said]
            return
        assert isinstance(result, dict)
        self._outputs[index] = result
        self._given.update(((index, port), value) for port, value in result.items())
        self._done[index] = ["ran", {}, seconds, awaited, note, said]

    def _export(self) -> None:
        """Give a reference to each value that somebody outside the batch takes."""
        calls = self._data["calls"]
        unfinished = {index for index in range(len(calls)) if self._done.get(index, ["not run"])[0] not in _WITH_VALUE}
        needed = {source for index in unfinished for value in calls[index][6].values() for source in _sources(value)}
        for index, outputs in self._outputs.items():
            exported = calls[index][7] or index in needed
            refs = self._done[index][1]
            for port, value in outputs.items():
                if not exported and not _has_ref(value):
                    continue
                ref = self._run.values.referenced(value)
                if isinstance(ref, Unkeyable):
                    node = self._nodes[calls[index][0]]
                    reason = f"it can't be handed to another process: {ref.reason}"
                    error = invalid_result(node, {port: reason}, {})
                    self._done[index] = ["failed", error_to_wire(error)]
                    break
                refs[port] = ref_to_wire(ref)
                self._keep(value)

    def _keep(self, value: Value) -> None:
        if isinstance(value, Held):
            self._run.at_hand.keep(value)
        elif isinstance(value, Many):
            for item in value.items:
                self._keep(item)


_WITH_VALUE = frozenset({"ran", "ended"})


class _outcome:  # noqa: N801  a function that remembers what another did
    """What a function gave or raised, to be had later."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        try:
            self.result = function()
        except BaseException as error:  # noqa: BLE001  handed on to whoever takes it up
            self.error = error

    def __call__(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.result


def _missing(error: ValueGoneError) -> list[Any]:
    """Return the answer to a call that takes what the store has lost: the driver knows how to have it again."""
    return ["missing", error.what, error.where, error.why]


def _has_ref(value: Value) -> bool:
    if isinstance(value, Many):
        return all(map(_has_ref, value.items))
    return isinstance(value, Ended) or (isinstance(value, Held) and value.ref is not None)


def _sources(value: list[Any]) -> list[int]:
    """Return the positions of the calls of the same batch that an input comes from."""
    if value[0] == "given":
        return [value[1]]
    if value[0] == "many":
        return [source for item in value[1] for source in _sources(item)]
    return []


def _expansion_to_wire(expansion: Expansion) -> list[Any]:
    inputs = {name: literal_to_wire(value, Anything()) for name, value in expansion.inputs.items()}
    return [graph_to_wire(expansion.graph), inputs]
