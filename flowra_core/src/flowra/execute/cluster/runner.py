"""Has the calls of a run made on a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from flowra.dag.context import NodeCancelledError
from flowra.dag.outcome import Expansion
from flowra.exceptions import ClusterError, NodeFailedError
from flowra.execute.awaiter import Awaiter
from flowra.execute.cache import ResultCache, value_of
from flowra.execute.cluster.connection import Connection
from flowra.execute.cluster.dispatcher import Dispatcher, Reply
from flowra.execute.cluster.wire import error_from_wire, graph_from_wire, literal_from_wire, ref_from_wire, unpack
from flowra.execute.executor import Job
from flowra.execute.instances import InstancePool
from flowra.execute.reading import ValueReader
from flowra.execute.runner import CallRunner, Later, Result
from flowra.execute.scheduler.state import Call, NodeState
from flowra.execute.values import Ended, Held, Value

__all__ = ["ClusterRunner"]


class ClusterRunner(CallRunner):
    """Makes the calls of one job on the workers of a cluster; what comes of them is taken up here.

    Args:
        job: The job.
        values: Writes and reads values, also where nothing is cached.
        connection: The cluster.
        header: What workers are to know of the run.
        pool: Where node instances would come from.
        awaiter: Would run coroutines.
    """

    def __init__(
        self,
        job: Job,
        values: ResultCache,
        connection: Connection,
        header: dict[str, Any],
        pool: InstancePool,
        awaiter: Awaiter,
    ) -> None:
        super().__init__(job, pool, job.cache, awaiter)
        self.reader = ValueReader(values, self._made_again, lambda node, text: job.reporter.log(node, text, "warning"))
        # What was computed ahead: with a call that it depends on.
        self._ahead: dict[NodeState, Reply] = {}
        self._warned: set[tuple[str, str]] = set()
        self._dispatcher = Dispatcher(job, connection, header, self.keep_ahead, self.warn)

    def close(self) -> None:
        """Have the workers forget the run."""
        self._dispatcher.close()

    def call(self, call: Call, finish_later: Callable[[Call, Callable[[], Any]], None]) -> Result:
        """Have a call made; what it gives goes to `finish_later`, unless it was computed ahead."""
        if (reply := self._ahead.pop(call.state, None)) is not None and not call.attempt:
            ahead: Result = self._taken_up(call, reply)
            return ahead
        cache = self._cache
        if cache is not None and call.name in cache.resumed:
            key = cache.key(call)
            if (found := cache.resume(key, call)) is not None:
                return self._recalled(call, key, found)
        self._dispatcher.add(call, lambda reply: finish_later(call, lambda: self._taken_up(call, reply)))
        return Later()

    def needed(self, call: Call) -> frozenset[str]:
        """Have a node say which of its lazy inputs it needs, knowing the others."""
        answered = threading.Event()
        replies: list[Reply] = []

        def answer(reply: Reply) -> None:
            replies.append(reply)
            answered.set()

        self._dispatcher.add(call, answer, asks=True)
        answered.wait()
        result: frozenset[str] = self._taken_up(call, replies[0])
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
        """Nothing: time limits are kept by the workers."""
        return False

    def _taken_up(self, call: Call, reply: Reply) -> Any:
        """Take up what a worker says of a call."""
        if isinstance(reply, Exception):
            raise reply
        tag, *rest = reply
        if tag == "failed":
            raise error_from_wire(rest[0])
        if tag == "cancelled":
            raise NodeCancelledError(f"node {call.name} was cancelled")
        if tag == "needs":
            return frozenset(rest[0])
        if tag == "expanded":
            return self._planned(call, self._site(call), self._no_args(call), _expansion_from_wire(rest[0]))
        content, seconds, _, note, said = rest
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
        self._note(call, note, seconds)
        self._say(call, said)
        return outputs

    def _no_args(self, call: Call) -> Any:
        return self._site(call).node_class.InputArgs.model_construct(None)

    def _note(self, call: Call, note: list[Any] | None, seconds: float) -> None:
        journal = self._cache.journal if self._cache is not None else None
        if journal is None or note is None:
            return
        tag, key, how, *rest = note
        if tag == "recorded":
            journal.recorded(call.name, call.node.type, key, seconds, how=how)
        else:
            refs = {port: ref_from_wire(ref) for port, ref in rest[0].items()}
            journal.ended(call.name, call.node.type, key, refs, seconds, how=how, preimage=unpack(rest[1]))

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
        ended: list[Result] = []
        done = threading.Event()

        def finish(reply: Reply) -> None:
            with suppress(NodeFailedError, NodeCancelledError, ClusterError):
                ended.append(self._taken_up(call, reply))
            done.set()

        self._dispatcher.add(call.again(call.inputs), finish)
        done.wait()
        return ended[0] if ended and isinstance(ended[0], dict) else None


def _expansion_from_wire(data: list[Any]) -> Expansion:
    graph, inputs = data
    return Expansion(graph_from_wire(graph), {name: literal_from_wire(value) for name, value in inputs.items()})
