"""Has the calls of a run made on a cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

from flowra.dag.context import NodeCancelledError
from flowra.dag.outcome import Expansion
from flowra.exceptions import ClusterError, NodeFailedError, StoreError
from flowra.execute.awaiter import Awaiter
from flowra.execute.cluster.connection import Connection
from flowra.execute.cluster.dispatcher import Dispatcher, Reply
from flowra.execute.cluster.usable import UsableWorkers
from flowra.execute.cluster.wire import error_from_wire, graph_from_wire, literal_from_wire, ref_from_wire, unpack
from flowra.execute.executor import Job
from flowra.execute.instances import InstancePool
from flowra.execute.reading import ValueReader, mark_origin, referring
from flowra.execute.runner import CallRunner, Later, Result
from flowra.execute.scheduler.state import Call, NodeState
from flowra.execute.stored_values import StoredValues, value_of
from flowra.execute.values import ABSENT, Ended, Held, Many, Value
from flowra.storage.refs import BlobRef

__all__ = ["ClusterRunner"]

#: Times that a call is made once more because the store has lost what it takes.
_REPAIRS = 3


class ClusterRunner(CallRunner):
    """Makes the calls of one job on the workers of a cluster; what comes of them is taken up here.

    Args:
        job: The job.
        values: Writes and reads values, also where nothing is cached.
        connection: The cluster.
        workers: The workers that the run may use.
        header: What workers are to know of the run.
        pool: Where node instances would come from.
        awaiter: Would run coroutines.
    """

    def __init__(
        self,
        job: Job,
        values: StoredValues,
        connection: Connection,
        workers: UsableWorkers,
        header: dict[str, Any],
        pool: InstancePool,
        awaiter: Awaiter,
    ) -> None:
        super().__init__(job, pool, job.cache, awaiter)
        self._store = values.store
        self.reader = ValueReader(values, self._made_again, lambda node, text: job.reporter.log(node, text, "warning"))
        # What was computed ahead: with a call that it depends on.
        self._ahead: dict[NodeState, Reply] = {}
        self._warned: set[tuple[str, str]] = set()
        self._dispatcher = Dispatcher(job, connection, workers, header, self.keep_ahead, self.warn)

    def close(self) -> None:
        """Have the workers forget the run."""
        self._dispatcher.close()

    def call(self, call: Call, finish_later: Callable[[Call, Callable[[], Any]], None]) -> Result:
        """Have a call made; what it gives goes to `finish_later`, unless it was computed ahead."""
        if (reply := self._ahead.pop(call.state, None)) is not None and not call.attempt:
            ahead: Result = self._taken_up(call, reply)
            return ahead
        cache = self._cache
        if cache is not None and cache.resumed:
            key = cache.key(call)
            if (found := cache.resume(key, call)) is not None:
                return self._recalled(call, key, found)

        def answer(reply: Reply) -> None:
            def finish() -> None:
                finish_later(call, lambda: self._taken_up(call, reply))

            if isinstance(reply, Exception) or reply[0] != "missing":
                finish()
            else:
                # This is the thread on which answers come, and more are to be waited for.
                context = copy_context()
                threading.Thread(target=context.run, args=(finish,), name="flowra-repair", daemon=True).start()

        self._dispatcher.add(call, answer)
        return Later()

    def needed(self, call: Call) -> frozenset[str]:
        """Have a node say which of its lazy inputs it needs, knowing the others."""
        result: frozenset[str] = self._taken_up(call, self._answered(call, asks=True), asks=True)
        return result

    def keep_ahead(self, state: NodeState, reply: Reply) -> None:
        """Take note of what a node gave that the scheduler has not come to yet."""
        self._ahead[state] = reply

    def warn(self, node: str, text: str) -> None:
        """Tell people what a worker has to say of a node, once."""
        if (node, text) not in self._warned:
            self._warned.add((node, text))
            self._job.reporter.log(node, text, "warning")

    def abandon(self, call: Call) -> bool:
        """Return that no thread is at it: time limits are kept by the workers."""
        return False

    def _answered(self, call: Call, *, asks: bool = False) -> Reply:
        """Have a call made, and wait for what comes of it."""
        replies: SimpleQueue[Reply] = SimpleQueue()
        self._dispatcher.add(call, replies.put, asks=asks)
        return replies.get()

    def _taken_up(self, call: Call, reply: Reply, *, asks: bool = False) -> Any:
        """Take up what a worker says of a call; where it takes what the store has lost, have that made again first."""
        for _ in range(_REPAIRS):
            if isinstance(reply, Exception):
                raise reply
            if reply[0] != "missing":
                return self._outputs(call, reply)
            self._mend(call.inputs.values())
            reply = self._answered(call, asks=asks)
        return self._outputs(call, reply)

    def _mend(self, values: Iterable[Any]) -> None:
        """Have those values made again that the store has lost."""
        for value in values:
            if isinstance(value, Many):
                self._mend(value.items)
            elif isinstance(value, Held) and isinstance(value.ref, BlobRef) and value.data is ABSENT:
                self.reader.load(value)
                # Only looked at: it is a worker that takes it, and perhaps one that sees only what is shared.
                value.data = ABSENT
                with suppress(StoreError):
                    self._store.share(value.ref)

    def _outputs(self, call: Call, reply: Reply) -> Any:
        """Return what a call gave, as a worker says."""
        if isinstance(reply, Exception):
            raise reply
        tag, *rest = reply
        if tag == "missing":
            raise _unreadable(call, *rest)
        if tag == "failed":
            error = error_from_wire(rest[0])
            error.worker = rest[1]
            raise error
        if tag == "cancelled":
            raise NodeCancelledError(f"node {call.name} was cancelled")
        if tag == "needs":
            return frozenset(rest[0])
        if tag == "expanded":
            return self._planned(call, self._no_args(call), _expansion_from_wire(rest[0]))
        content, seconds, _, note, said, worker, at = rest
        outputs: dict[str, Value] | Ended
        if tag == "ended":
            outputs = Ended(content)
        else:
            outputs = {
                port.name: value_of(ref_from_wire(content[port.name]), port.value_type)
                if port.name in content
                else Held(port.value_type)
                for port in call.node.description.outputs
            }
            self._mark_origins(call, outputs)
        if note is None or note[2] == "ran":
            call.state.ran_at = time.perf_counter() - seconds
        self._note(call, note, seconds, worker, at)
        self._say(call, said)
        return outputs

    def _mark_origins(self, call: Call, outputs: Mapping[str, Value]) -> None:
        """Note which call gave what lies in the store, for the case that it is lost; what is done once stays lost."""
        stored = {port: value for port, value in outputs.items() if _in_store(value)}
        if stored and not call.node.description.traits.once:
            origin = call.again({port: referring(value) for port, value in call.inputs.items()})
            for port, value in stored.items():
                mark_origin(value, origin, port)

    def _no_args(self, call: Call) -> Any:
        return self._sites.of(call.node).node_class.InputArgs.model_construct(None)

    def _note(self, call: Call, note: list[Any] | None, seconds: float, worker: str, at: float) -> None:
        journal = self._cache.journal if self._cache is not None else None
        if journal is None or note is None:
            return
        tag, key, how, *rest = note
        if tag == "recorded":
            if how == "ran" and (remote := call.node.description.traits.remote) is not False:
                self._store.found_beside(key, always=bool(remote))
            journal.recorded(call.name, call.node.type, key, seconds, how=how, worker=worker, at=at)
        else:
            refs = {port: ref_from_wire(ref) for port, ref in rest[0].items()}
            made_of = unpack(rest[1])
            journal.ended(
                call.name, call.node.type, key, refs, seconds, how=how, preimage=made_of, worker=worker, at=at
            )

    def _say(self, call: Call, said: list[Any] | None) -> None:
        if said is None:
            return
        tag, *rest = said
        if tag == "succeeded":
            self._job.reporter.succeeded(call.name, *rest)
        elif tag == "cached":
            self._job.reporter.cached(call.name, *rest)
        else:
            self._job.reporter.not_run(call.name, *rest)

    def _made_again(self, call: Call) -> Mapping[str, Value] | None:
        """Have a call made once more whose value the store has lost."""
        again = call.again(call.inputs)
        try:
            found = self._taken_up(again, self._answered(again))
        except (NodeFailedError, ClusterError):
            return None  # where the run was cancelled meanwhile, that is what is said, and no loss
        return found if isinstance(found, dict) else None


def _in_store(value: Value) -> bool:
    if isinstance(value, Many):
        return any(map(_in_store, value.items))
    return isinstance(value, Held) and isinstance(value.ref, BlobRef)


def _unreadable(call: Call, what: str, where: str | None, why: str | None) -> NodeFailedError:
    return NodeFailedError(
        f"node {call.name} can't read an input on its worker",
        node=call.name,
        type=call.node.type,
        where=where,
        why=f"{what}, and it is still so after it was computed again" + (f": {why}" if why else ""),
        fix="see that the store's folder is the same on every machine, and that its disk is sound: flowra cache verify",
    )


def _expansion_from_wire(data: list[Any]) -> Expansion:
    graph, inputs = data
    return Expansion(graph_from_wire(graph), {name: literal_from_wire(value) for name, value in inputs.items()})
