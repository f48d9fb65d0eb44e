"""A run as far as it concerns one worker: its store, its nodes, and what is to be told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from flowra.dag.catalog import NodeCatalog
from flowra.dag.description import NodeDescription
from flowra.dag.outcome import Expansion
from flowra.dag.plan.logical import LogicalPlan, PlannedNode
from flowra.dag.plan.physical import PhysicalPlan
from flowra.execute.awaiter import Awaiter
from flowra.execute.cache import ResultCache
from flowra.execute.cluster.at_hand import ValuesAtHand
from flowra.execute.cluster.feed import EventFeed
from flowra.execute.cluster.peers import PeeredValues, Peers
from flowra.execute.cluster.wire import binding_from_wire, class_at, literal_from_wire, pack, ref_to_wire, unpack
from flowra.execute.control import RunControl
from flowra.execute.encoding import ValueGoneError
from flowra.execute.executor import Job
from flowra.execute.instances import InstancePool
from flowra.execute.policy import CachePolicy
from flowra.execute.reading import ValueReader
from flowra.execute.returned_graph import Expanded
from flowra.execute.scheduler.state import Call
from flowra.execute.stored_values import StoredValues
from flowra.execute.together import TogetherRunner
from flowra.execute.values import Held
from flowra.model.models import Models
from flowra.storage.address import open_store
from flowra.storage.refs import Ref
from flowra.storage.store import Store

__all__ = ["Returned", "SessionState", "WorkerRun"]

#: Bytes of values that a worker keeps at hand beside the store, for calls that come later.
_AT_HAND = 512 * 1024**2


@dataclass
class SessionState:
    """What stays warm from run to run.

    Attributes:
        pool: The node instances.
        awaiter: Runs coroutines.
    """

    pool: InstancePool = field(default_factory=InstancePool)
    awaiter: Awaiter = field(default_factory=Awaiter)


class _KeptNotes:
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

    def failed(self, name: str, error: Mapping[str, Any], *_: Any, **__: Any) -> None:
        """Failures are the driver's to note, once no further try is left."""


class _WorkerReader(ValueReader):
    """Reads values on a worker: which call gave one that the store has lost is known to the driver alone."""

    def _repaired(self, value: Held, error: ValueGoneError) -> Any:
        if value.origin is None:
            raise error
        return super()._repaired(value, error)


class _BatchRunner(TogetherRunner):
    """Makes calls on a worker: graphs that nodes return are the driver's to run."""

    def _planned(self, call: Call, args: Any, expansion: Expansion) -> Expanded:
        expanded = super()._planned(call, args, expansion)
        return Returned(expanded.plan, expanded.outputs, expansion)


@dataclass(frozen=True)
class Returned(Expanded):
    """A graph that a node returned.

    Attributes:
        expansion: As it returned it.
    """

    expansion: Expansion


class WorkerRun:
    """A run, as far as it concerns this worker.

    Args:
        header: What the driver says of the run.
        session: What is warm.

    Attributes:
        control: Whether it was cancelled.
        peers: What other workers have.
    """

    def __init__(self, header: dict[str, Any], session: SessionState) -> None:
        self.control = RunControl()
        self._feed = EventFeed(header["id"], self.control, observed=header["observed"])
        self._catalog = NodeCatalog()
        self._brought: dict[str, NodeDescription] = {}
        self._store: Store = open_store(header["store"])
        self._store.serve(header["home"])
        self._kept = _KeptNotes()
        self._warnings: SimpleQueue[tuple[str, str]] = SimpleQueue()
        policy = header["policy"]
        models = Models()
        self.peers = Peers(header["id"])
        self._values = PeeredValues(self._store, self.peers, lambda reason: self._warn("", reason))
        cache = ResultCache(
            values=self._values,
            keyer=_keyer(self._catalog, self._store, models),
            policy=CachePolicy(everything_off=True)
            if policy is None
            else CachePolicy(frozenset(policy[0]), frozenset(policy[1]), policy[2]),
            warn=self._warn,
            journal=self._kept,  # type: ignore[arg-type]
        )
        self._at_hand = ValuesAtHand(_AT_HAND)
        job = Job(
            run_id=header["id"],
            plan=PhysicalPlan(LogicalPlan("", {}, {}, Path()), frozenset(), frozenset(), frozenset()),
            known={},
            catalog=self._catalog,
            wanted=frozenset(),
            output_dir=Path(header["output_dir"]),
            reporter=self._feed,
            control=self.control,
            cache=None if policy is None else cache,
            models=models,
            origin=header["origin"],
        )
        self._job = job
        self._session = session
        self._nodes: dict[bytes, PlannedNode] = {}

    def close(self) -> None:
        """Close the store."""
        self._feed.close()
        self._store.close()

    @property
    def feed(self) -> EventFeed:
        """Where it tells the driver what happens."""
        return self._feed

    def runner(self) -> _BatchRunner:
        """Return a runner for one batch."""
        runner = _BatchRunner(self._job, self._session.pool, self._job.cache, self._session.awaiter)
        runner.reader = _WorkerReader(self._values, runner._again, self._warn)  # noqa: SLF001
        runner.reader.loaded = self._at_hand.keep
        return runner

    def _warn(self, node: str, text: str) -> None:
        self._warnings.put((node, text))

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
    def store(self) -> Store:
        """Where values and records lie."""
        return self._store

    @property
    def values(self) -> StoredValues:
        """What writes and reads values."""
        return self._values

    @property
    def at_hand(self) -> ValuesAtHand:
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


def _keyer(catalog: NodeCatalog, store: Store, models: Models) -> Any:
    from flowra.dag.key import Keyer

    return Keyer(catalog, file_digest=store.file_digest, models=models)
