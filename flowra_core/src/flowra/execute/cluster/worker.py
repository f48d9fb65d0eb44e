"""What runs on a worker: batches of calls, through the same runner as in the local executor.

The functions here are all that is ever submitted to dask. They take and give plain data, and packs are imported inside.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from flowra.dag.catalog import NodeCatalog
from flowra.dag.context import NodeCancelledError
from flowra.dag.description import NodeDescription
from flowra.dag.key import Unkeyable
from flowra.dag.outcome import Expansion
from flowra.dag.plan.logical import LogicalPlan, PlannedNode
from flowra.dag.plan.physical import PhysicalPlan
from flowra.exceptions import FlowraError, NodeFailedError
from flowra.execute.awaiter import Awaiter
from flowra.execute.cache import ResultCache
from flowra.execute.capture import capturing
from flowra.execute.cluster.feed import EventFeed
from flowra.execute.cluster.wire import (
    binding_from_wire,
    class_at,
    error_to_wire,
    graph_to_wire,
    literal_from_wire,
    literal_to_wire,
    pack,
    ref_to_wire,
    unpack,
    value_from_wire,
)
from flowra.execute.control import RunControl
from flowra.execute.executor import Job
from flowra.execute.failure import invalid_result, timed_out
from flowra.execute.instances import InstancePool
from flowra.execute.policy import CachePolicy
from flowra.execute.runner import CallRunner, Expanded, Later, OverdueError
from flowra.execute.scheduler.inputs import blocked
from flowra.execute.scheduler.state import Call, NodeState
from flowra.execute.scheduler.watchdog import Watchdog
from flowra.execute.values import ABSENT, Ended, Held, Many, Value
from flowra.storage.address import open_store
from flowra.storage.refs import Ref
from flowra.storage.store import Store
from flowra.type.value.scalar import Anything

__all__ = ["cancel_run", "end_run", "end_session", "run_batch"]

#: Bytes of values that a worker keeps at hand beside the store, for calls that come later.
_AT_HAND = 512 * 1024**2


@dataclass
class _SessionState:
    """What stays warm from run to run.

    Attributes:
        pool: The node instances.
        awaiter: Runs coroutines.
    """

    pool: InstancePool = field(default_factory=InstancePool)
    awaiter: Awaiter = field(default_factory=Awaiter)


_lock = threading.Lock()
_sessions: dict[str, _SessionState] = {}
_runs: dict[str, _WorkerRun] = {}
_cancelled: set[str] = set()


def run_batch(data: bytes) -> bytes:
    """Make the calls of a batch and return what they gave."""
    try:
        batch = unpack(data)
        return pack(_run_of(batch["run"]).execute(batch))
    except Exception as error:  # noqa: BLE001  what is wrong here is said to the driver, and is no lost worker
        return pack({"broken": f"{type(error).__name__}: {error}"})


async def cancel_run(run_id: str) -> None:
    """Have the nodes of a run notice that it was cancelled."""
    with _lock:
        _cancelled.add(run_id)
        run = _runs.get(run_id)
    if run is not None:
        run.control.cancel()


async def end_run(run_id: str) -> None:
    """Forget a run."""
    with _lock:
        _cancelled.discard(run_id)
        run = _runs.pop(run_id, None)
    if run is not None:
        run.close()


def end_session(session: str) -> None:
    """Close the warm instances of a session."""
    with _lock:
        state = _sessions.pop(session, None)
    if state is not None:
        state.awaiter.close()
        state.pool.close()


def _run_of(header: dict[str, Any]) -> _WorkerRun:
    with _lock:
        run = _runs.get(header["id"])
        if run is None:
            session = _sessions.setdefault(header["session"], _SessionState())
            run = _runs[header["id"]] = _WorkerRun(header, session)
            if header["id"] in _cancelled:
                run.control.cancel()
        return run


class _Kept:
    """Stands for the journal on a worker: what it would say goes to the driver with the call's result."""

    def __init__(self) -> None:
        self.entries: dict[str, list[Any]] = {}

    def recorded(self, name: str, type_id: str, key: bytes, seconds: float, *, how: str) -> None:
        self.entries[name] = ["recorded", key, how]

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
        refs = {port: ref_to_wire(ref) for port, ref in outputs.items()}
        self.entries[name] = ["ended", key, how, refs, pack(preimage)]

    def failed(self, name: str, error: Mapping[str, Any]) -> None:
        """Failures are the driver's to note, once no further try is left."""


class _AtHand:
    """Values that were made or read here, so that the next call need not read them from the store."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._held: OrderedDict[bytes, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def keep(self, value: Held) -> None:
        size = value.size
        if not size or value.ref is None or value.data is ABSENT:
            return
        with self._lock:
            if value.ref.digest in self._held:
                return
            self._held[value.ref.digest] = value.data, size
            self._bytes += size
            while self._bytes > self._most:
                _, (_, freed) = self._held.popitem(last=False)
                self._bytes -= freed

    def fill(self, value: Any) -> None:
        if isinstance(value, Many):
            for item in value.items:
                self.fill(item)
        elif isinstance(value, Held) and value.data is ABSENT and value.ref is not None:
            with self._lock:
                found = self._held.get(value.ref.digest)
                if found is not None:
                    self._held.move_to_end(value.ref.digest)
                    value.data = found[0]


class _BatchRunner(CallRunner):
    """Makes calls on a worker: graphs that nodes return are the driver's to run."""

    def _planned(self, call: Call, site: Any, args: Any, expansion: Expansion) -> Expanded:
        expanded = super()._planned(call, site, args, expansion)
        return _Returned(expanded.plan, expanded.outputs, expansion)


@dataclass(frozen=True)
class _Returned(Expanded):
    """A graph that a node returned.

    Attributes:
        expansion: As it returned it.
    """

    expansion: Expansion


class _WorkerRun:
    """A run, as far as it concerns this worker.

    Args:
        header: What the driver says of the run.
        session: What is warm.
    """

    def __init__(self, header: dict[str, Any], session: _SessionState) -> None:
        self.control = RunControl()
        self._observed: bool = header["observed"]
        self._feed = EventFeed(header["id"], self.control, observed=self._observed)
        self._catalog = NodeCatalog()
        self._brought: dict[str, NodeDescription] = {}
        self._store: Store = open_store(header["store"])
        self._kept = _Kept()
        self._warnings: SimpleQueue[tuple[str, str]] = SimpleQueue()
        policy = header["policy"]
        self._values = ResultCache(
            store=self._store,
            keyer=_keyer(self._catalog, self._store),
            policy=CachePolicy(everything_off=True)
            if policy is None
            else CachePolicy(frozenset(policy[0]), frozenset(policy[1]), policy[2]),
            warn=lambda node, reason: self._warnings.put((node, reason)),
            journal=self._kept,  # type: ignore[arg-type]
        )
        self._at_hand = _AtHand(_AT_HAND)
        job = Job(
            run_id=header["id"],
            plan=PhysicalPlan(LogicalPlan("", {}, {}, Path()), frozenset(), frozenset(), frozenset()),
            known={},
            catalog=self._catalog,
            wanted=frozenset(),
            output_dir=Path(header["output_dir"]),
            reporter=self._feed,
            control=self.control,
            cache=None if policy is None else self._values,
            origin=header["origin"],
        )
        self._job = job
        self._session = session
        self._nodes: dict[bytes, PlannedNode] = {}

    def close(self) -> None:
        """Close the store."""
        self._feed.close()
        self._store.close()

    def execute(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Make the calls of a batch."""
        if not self._observed:
            return _Batch(self, batch).run()
        with capturing():
            done = _Batch(self, batch).run()
        return {**done, "heard": self._feed.flush()}

    def runner(self) -> _BatchRunner:
        """Return a runner for one batch."""
        runner = _BatchRunner(self._job, self._session.pool, self._job.cache, self._session.awaiter)
        runner.reader = type(runner.reader)(self._values, runner._again, lambda *_: None)  # noqa: SLF001
        return runner

    def node(self, data: bytes) -> PlannedNode:
        """Return a planned node."""
        node = self._nodes.get(data)
        if node is None:
            identity, type_id, init, literals, links, depths, target = unpack(data)
            node = self._nodes[data] = PlannedNode(
                identity,
                self._described(type_id, target),
                {port: literal_from_wire(value) for port, value in init.items()},
                {port: literal_from_wire(value) for port, value in literals.items()},
                {port: binding_from_wire(binding) for port, binding in links.items()},
                depths,
            )
        return node

    def _described(self, type_id: str, target: str | None) -> NodeDescription:
        """Return what a node type looks like: one description for all its nodes, since keys are kept with it."""
        if target is None:
            return self._catalog.describe(type_id)
        found = self._brought.get(target)
        if found is None:
            found = self._brought[target] = self._catalog.brought(class_at(target))
        return found

    @property
    def values(self) -> ResultCache:
        """What writes and reads values."""
        return self._values

    @property
    def at_hand(self) -> _AtHand:
        """What need not be read."""
        return self._at_hand

    def note_of(self, name: str) -> list[Any] | None:
        """Return what the journal is to say of a call, and forget it."""
        return self._kept.entries.pop(name, None)

    def said_of(self, name: str) -> list[Any] | None:
        """Return what people are to be told of how a call ended, and forget it."""
        return self._feed.take_said(name)

    def warnings(self) -> list[tuple[str, str]]:
        """Return what people are to be told, once."""
        found = []
        while True:
            try:
                found.append(self._warnings.get_nowait())
            except Empty:
                return found


class _Batch:
    """One batch of calls, in an order in which each comes after those of the batch that it takes values from.

    Args:
        run: The run.
        data: The batch, as the driver wrote it.
    """

    def __init__(self, run: _WorkerRun, data: dict[str, Any]) -> None:
        self._run = run
        self._data = data
        self._runner = run.runner()
        self._nodes = [run.node(each) for each in data["nodes"]]
        self._given: dict[tuple[int, str], Value] = {}
        self._done: dict[int, list[Any]] = {}
        self._outputs: dict[int, dict[str, Value]] = {}
        self._ended: SimpleQueue[tuple[int, Call, float, Callable[[], Any]]] = SimpleQueue()
        self._pending = 0

    def run(self) -> dict[str, Any]:
        """Make the calls, until the batch has had its time."""
        data = self._data
        if data["kind"] == "needs":
            return self._needs()
        deadline = time.monotonic() + data["seconds"]
        for index, each in enumerate(data["calls"]):
            # The first is always made: the batch must get on.
            if (index and time.monotonic() > deadline) or self._run.control.cancelled:
                break
            if (call := self._call_of(each)) is not None:
                self._make(index, call)
            self._take_ended(wait=False)
        while self._pending:
            self._take_ended(wait=True)
        self._export()
        return {
            "calls": [self._done.get(index) for index in range(len(data["calls"]))],
            "warnings": self._run.warnings(),
        }

    def _needs(self) -> dict[str, Any]:
        call = self._call_of(self._data["calls"][0])
        assert call is not None
        try:
            result: Any = sorted(self._runner.needed(call))
        except NodeFailedError as error:
            return {"calls": [["failed", error_to_wire(error)]], "warnings": self._run.warnings()}
        except NodeCancelledError:
            return {"calls": [["cancelled"]], "warnings": self._run.warnings()}
        return {"calls": [["needs", result]], "warnings": self._run.warnings()}

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
            result = make()
        except NodeFailedError as error:
            self._done[index] = ["failed", error_to_wire(error)]
            return
        except (NodeCancelledError, OverdueError):
            self._done[index] = ["cancelled"]
            return
        seconds = time.perf_counter() - began
        if isinstance(result, Later):
            self._pending += 1
            return
        if isinstance(result, _Returned):
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


def _keyer(catalog: NodeCatalog, store: Store) -> Any:
    from flowra.dag.key import Keyer

    return Keyer(catalog, file_digest=store.file_digest)


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
