"""Hands calls out to the workers of a cluster, and takes in what comes of them.

Each worker has a bounded number of batches at a time, so that neither the scheduler of the cluster nor a worker's queue
ever holds more than what is run next. Where a batch runs is decided here, and a batch whose worker is lost is handed
out again here: dask itself never runs one a second time.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextvars import copy_context
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from flowra.dag.plan.logical import PlannedNode
from flowra.exceptions import ClusterError, NodeFailedError, NodeLostError
from flowra.execute.cluster.batches import MOST, SECONDS, Batch, Costs, Reply, Waiting, goes_alone
from flowra.execute.cluster.connection import Connection
from flowra.execute.cluster.feed import topic_of
from flowra.execute.cluster.members import Member
from flowra.execute.cluster.wire import pack, unpack
from flowra.execute.encoding import NotStorableError
from flowra.execute.executor import Job
from flowra.execute.scheduler.state import Call, NodeState
from flowra.execute.values import Held, Many

__all__ = ["Dispatcher", "Reply"]

#: Workers that a call may take with it before it is given up.
MOST_LOSSES = 3
#: A whole list of calls that takes less than this, in seconds, is not spread.
_TRIFLE = 0.002
#: Seconds between looks at who is there.
_LOOK = 0.25
#: Bytes from which on a value is worth going to.
_NEAR = 65536


@dataclass(eq=False)
class _Sent:
    """A batch that is with a worker."""

    batch: Batch
    member: Member
    future: Any
    taking: dict[str, float]


class Dispatcher:
    """Hands out the calls of one job.

    Args:
        job: The job.
        connection: The cluster.
        header: What workers are to know of the run.
        keep_ahead: Takes what nodes gave that the scheduler has not come to yet.
        warn: Tells people what workers say, with the node.
    """

    def __init__(
        self,
        job: Job,
        connection: Connection,
        header: dict[str, Any],
        keep_ahead: Callable[[NodeState, Reply], None],
        warn: Callable[[str, str], None],
    ) -> None:
        self._job = job
        self._connection = connection
        self._header = header
        self._keep_ahead = keep_ahead
        self._warn = warn
        self._changed = threading.Condition()
        self._pending: list[Waiting] = []
        self._sent: dict[str, _Sent] = {}
        self._numbers = itertools.count(1)
        self._costs = Costs()
        self._where: dict[bytes, str] = {}
        self._taken: dict[str, dict[str, float]] = {}
        self._replies: SimpleQueue[tuple[str, Any] | None] = SimpleQueue()
        self._heard: dict[str, int] = {}
        self._heard_more = threading.Condition()
        self._told_to_stop = False
        self._closed = False
        self._threads = [
            threading.Thread(
                # In the context of the run, with the session's own packs.
                target=copy_context().run,
                args=(self._guarded(work),),
                name=f"flowra-{work.__name__.strip('_')}",
                daemon=True,
            )
            for work in (self._dispatch, self._take_in)
        ]
        if job.reporter.observed:
            connection.subscribe(topic_of(job.run_id), self._hear)
        for thread in self._threads:
            thread.start()

    def add(self, call: Call, answer: Callable[[Reply], None], *, asks: bool = False) -> None:
        """Have a call made; `answer` is called on another thread with what comes of it, or with an error."""
        with self._changed:
            self._pending.append(Waiting(call, answer, asks))
            self._changed.notify()

    def close(self) -> None:
        """Take nothing in any more, and have the workers forget the run."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            sent, self._sent = list(self._sent.values()), {}
        self._replies.put(None)
        if sent:
            self._connection.tell("cancel_run", self._job.run_id)
            self._connection.cancel([each.future for each in sent])
        if self._job.reporter.observed:
            self._connection.unsubscribe(topic_of(self._job.run_id))
        self._connection.tell("end_run", self._job.run_id)
        for thread in self._threads:
            thread.join(timeout=5)

    def _guarded(self, work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001  a mistake of ours must end the run, not just a thread
                self._give_up(error)

        return run

    def _give_up(self, error: BaseException) -> None:
        """Answer everything with an error: nothing more comes of this run."""
        with self._changed:
            waiting = [*self._pending, *(root for sent in self._sent.values() for root in sent.batch.roots)]
            self._pending, self._sent = [], {}
        for each in waiting:
            each.answer(error)

    # ---- handing out -------------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        looked = time.monotonic()
        while True:
            with self._changed:
                while not self._closed and not (self._pending and self._free()):
                    self._changed.wait(_LOOK / 2)
                    if time.monotonic() - looked > _LOOK or self._job.control.cancelled:
                        break
                if self._closed:
                    return
            if time.monotonic() - looked > _LOOK:
                self._look()
                looked = time.monotonic()
            if self._job.control.cancelled:
                self._stop()
                time.sleep(0.005)
                continue
            self._linger()
            with self._changed:
                batches = self._form()
            for batch, member, taking in batches:
                self._send(batch, member, taking)

    def _linger(self) -> None:
        """Wait for calls that become ready at about the same time."""
        before = -1
        for _ in range(20):
            now = len(self._pending)
            if now == before:
                return
            before = now
            time.sleep(0.0005)

    def _free(self) -> list[Member]:
        """Return the workers that can be given something, the least busy first. The lock is held."""
        able = [member for member in self._connection.members if member.busy < 2 * member.threads]
        return sorted(able, key=lambda member: member.busy / member.threads)

    def _form(self) -> list[tuple[Batch, Member, dict[str, float]]]:
        """Take calls from those that wait, in batches for workers that can take them. The lock is held."""
        formed: list[tuple[Batch, Member, dict[str, float]]] = []
        alone = [each for each in self._pending if goes_alone(each)]
        plain = [each for each in self._pending if not goes_alone(each)]
        threads = sum(member.threads for member in self._connection.members) or 1
        left: list[Waiting] = []
        for waiting in alone:
            member = self._member_for([waiting], idle=waiting.alone or waiting.call.node.description.traits.effects)
            if member is None:
                left.append(waiting)
                continue
            taking = dict(waiting.call.node.description.traits.resources)
            formed.append((self._taken_by(member, Batch([waiting]), taking), member, taking))
        costs = [self._costs.of(each.call.node) for each in plain]
        total = sum(cost for cost in costs if cost is not None)
        unknown = sum(cost is None for cost in costs)
        trifle = not unknown and total <= _TRIFLE
        share = SECONDS if trifle else max(min(SECONDS, total / (2 * threads)), 1e-6)
        most_unknown = math.ceil(unknown / threads)
        position = 0
        while position < len(plain):
            # Near the end a worker that is busy gets nothing yet: another may be free sooner.
            scarce = len(plain) - position <= threads and not trifle
            member = self._member_for(plain[position : position + 1], idle=scarce)
            if member is None:
                # What the first one waits for, others need not.
                left.append(plain[position])
                position += 1
                if not self._free():
                    break
                continue
            roots: list[Waiting] = []
            seconds, guesses = 0.0, 0
            while position < len(plain) and len(roots) < MOST:
                waiting, cost = plain[position], costs[position]
                if roots and (
                    seconds + (cost or 0.0) > share
                    or (cost is None and guesses >= most_unknown)
                    or not member.has_pack_of(waiting.call.node)
                ):
                    break
                roots.append(waiting)
                seconds += cost or 0.0
                guesses += cost is None
                position += 1
            batch = Batch(roots, seconds=seconds)
            if seconds < SECONDS:
                batch.grow(self._costs, self._follows(member))
            formed.append((self._taken_by(member, batch, {}), member, {}))
        self._pending = left + plain[position:]
        return formed

    def _follows(self, member: Member) -> Callable[[PlannedNode], bool]:
        resumed = self._job.cache.resumed if self._job.cache is not None else {}
        return lambda node: member.has_pack_of(node) and node.id not in resumed

    def _member_for(self, roots: list[Waiting], *, idle: bool) -> Member | None:
        """Return the worker for a call: one that may, is least busy, and has what it takes. The lock is held."""
        node = roots[0].call.node
        needs = node.description.traits.resources
        able = [
            member
            for member in self._free()
            if member.has_pack_of(node) and (not needs or self._has(member, needs))
            if not idle or member.busy < member.threads
        ]
        if not able:
            return None
        least = able[0].busy
        equal = [member for member in able if member.busy == least]
        if len(equal) == 1:
            return equal[0]
        near = self._bytes_at(roots[0].call)
        return max(equal, key=lambda member: near.get(member.address, 0))

    def _has(self, member: Member, needs: Any) -> bool:
        taken = self._taken.get(member.host, {})
        return all(
            taken.get(name, 0.0) + amount <= member.offer.get(name, 0.0) + 1e-9 for name, amount in needs.items()
        )

    def _bytes_at(self, call: Call) -> dict[str, int]:
        """Return how many bytes of a call's inputs were made where."""
        found: dict[str, int] = {}
        pending = list(call.inputs.values())
        while pending:
            value = pending.pop()
            if isinstance(value, Many):
                pending += value.items
            elif isinstance(value, Held) and value.ref is not None and value.ref.size >= _NEAR:
                address = self._where.get(value.ref.digest)
                if address is not None:
                    found[address] = found.get(address, 0) + value.ref.size
        return found

    def _taken_by(self, member: Member, batch: Batch, taking: dict[str, float]) -> Batch:
        member.busy += 1
        amounts = self._taken.setdefault(member.host, {})
        for name, amount in taking.items():
            amounts[name] = amounts.get(name, 0.0) + amount
        return batch

    def _given_back(self, sent: _Sent) -> None:
        sent.member.busy -= 1
        amounts = self._taken.get(sent.member.host, {})
        for name, amount in sent.taking.items():
            amounts[name] -= amount

    def _send(self, batch: Batch, member: Member, taking: dict[str, float]) -> None:
        key = f"flowra-{self._job.run_id}-{next(self._numbers)}"
        try:
            data = pack({"run": self._header, "key": key, **batch.to_wire()})
        except NotStorableError as error:
            with self._changed:
                self._given_back(_Sent(batch, member, None, taking))
            self._not_made(
                batch, f"it can't be sent to a worker: {error.what}" + (f": {error.why}" if error.why else "")
            )
            return
        sent = _Sent(batch, member, None, taking)
        with self._changed:
            self._sent[key] = sent
        sent.future = self._connection.submit(data, key, member.address)
        self._connection.when_done(sent.future, lambda done: self._replies.put((key, done)))

    def _not_made(self, batch: Batch, reason: str) -> None:
        """Fail the call of a batch that can't be written or read; where there are several, try one by one first."""
        if len(batch.roots) == 1 and not batch.ahead:
            root = batch.roots[0]
            root.answer(_invalid_call(root.call.node, reason))
            return
        for root in batch.roots:
            root.alone = True
        with self._changed:
            self._pending[:0] = batch.roots
            self._changed.notify()

    # ---- taking in ---------------------------------------------------------------------------------------------------

    def _take_in(self) -> None:
        while (reply := self._replies.get()) is not None:
            key, done = reply
            with self._changed:
                sent = self._sent.get(key)
            if sent is None:
                continue  # its worker counted as lost, and it was handed out again
            try:
                data = unpack(done.result())
            except (Exception, CancelledError) as error:  # noqa: BLE001  whatever dask raises for a worker that is gone
                self._lose([sent.member], error)
                continue
            with self._changed:
                if self._sent.pop(key, None) is None:
                    continue
                self._given_back(sent)
                self._changed.notify()
            self._take(sent, data)

    def _take(self, sent: _Sent, data: dict[str, Any]) -> None:
        if "broken" in data:
            self._not_made(sent.batch, f"worker {sent.member.name} can't run it: {data['broken']}")
            return
        self._wait_for_events(sent.member, data.get("heard", 0))
        for node, text in data["warnings"]:
            self._warn(node, text)
        again: list[Waiting] = []
        roots = len(sent.batch.roots)
        for state, reply in zip(sent.batch.ahead, data["calls"][roots:], strict=True):
            if reply is not None and reply[0] in ("ran", "ended"):
                assert state.node is not None
                self._note(state.node, sent.member, reply)
                self._keep_ahead(state, reply)
        for waiting, reply in zip(sent.batch.roots, data["calls"], strict=False):
            if reply is None:
                again.append(waiting)
                continue
            self._note(waiting.call.node, sent.member, reply)
            waiting.answer(reply)
        if again:
            with self._changed:
                self._pending[:0] = again
                self._changed.notify()

    def _note(self, node: PlannedNode, member: Member, reply: list[Any]) -> None:
        if reply[0] not in ("ran", "ended"):
            return
        self._costs.note(node, reply[2], awaited=reply[3])
        if reply[0] == "ran":
            for ref in reply[1].values():
                if ref[0] == "blob" and ref[3] >= _NEAR:
                    self._where[ref[2]] = member.address

    def _lose(self, members: list[Member], error: BaseException) -> None:
        """Hand out again what workers had that are lost."""
        with self._changed:
            for member in members:
                self._connection.drop(member)
            lost = {key: sent for key, sent in self._sent.items() if sent.member in members}
            for key, sent in lost.items():
                del self._sent[key]
                self._given_back(sent)
        # A worker begins batches in the order in which it got them.
        places: dict[Member, int] = {}
        for sent in lost.values():
            place = places[sent.member] = places.get(sent.member, -1) + 1
            self._connection.cancel([sent.future])
            self._lost(sent, error, begun=place < sent.member.threads)

    def _lost(self, sent: _Sent, error: BaseException, *, begun: bool) -> None:
        """Take note that a worker was lost with a batch; that is not the fault of the calls, unless it goes on.

        Args:
            sent: The batch.
            error: How the worker was lost.
            begun: Whether the worker may have begun with it; if not, it waited for its turn.
        """
        again: list[Waiting] = []
        for waiting in sent.batch.roots:
            if not begun:
                again.append(waiting)
                continue
            waiting.losses += 1
            waiting.alone = True
            node = waiting.call.node
            if not waiting.asks and node.description.traits.effects:
                waiting.answer(_effects_lost(node, sent.member))
            elif waiting.losses >= MOST_LOSSES:
                waiting.answer(_given_up(node, waiting.losses, sent.member, error))
            else:
                again.append(waiting)
        with self._changed:
            self._pending[:0] = again
            self._changed.notify()

    def _look(self) -> None:
        """See which workers are there; what those had that are gone is handed out again."""
        gone = self._connection.refresh()
        if gone:
            self._warn("", f"worker {', '.join(member.name for member in gone)} is lost; what it ran is run elsewhere")
            self._lose(gone, ClusterError("its worker is gone"))

    def _stop(self) -> None:
        """Have nodes that run notice that the run was cancelled; what waits is not run."""
        with self._changed:
            waiting, self._pending = self._pending, []
        for each in waiting:
            each.answer(["cancelled"])
        if not self._told_to_stop:
            self._told_to_stop = True
            self._connection.tell("cancel_run", self._job.run_id)

    # ---- events ------------------------------------------------------------------------------------------------------

    def _hear(self, message: dict[str, Any]) -> None:
        reporter = self._job.reporter
        for kind, *rest in message["events"]:
            getattr(reporter, kind)(*rest)
        with self._heard_more:
            worker = message["worker"]
            self._heard[worker] = self._heard.get(worker, 0) + len(message["events"])
            self._heard_more.notify_all()

    def _wait_for_events(self, member: Member, sent: int) -> None:
        """Wait until what was sent before a result has been told: it came first."""
        with self._heard_more:
            self._heard_more.wait_for(lambda: self._heard.get(member.address, 0) >= sent, timeout=5)


def _invalid_call(node: PlannedNode, reason: str) -> NodeFailedError:
    """Return the error for a call that can't be made on a worker."""
    return NodeFailedError(
        f"node {node.id} can't run on the cluster",
        node=node.id,
        type=node.type,
        where=node.type,
        why=reason,
        fix="give it plain data, or a value type that a pack can store; put its class into a module that workers have",
    )


def _effects_lost(node: PlannedNode, member: Member) -> NodeLostError:
    return NodeLostError(
        f"node {node.id} was lost with its worker, and is not run a second time",
        node=node.id,
        type=node.type,
        where=f"worker {member.name}",
        why="it changes something outside (effects), and may have done so before the worker was lost",
        fix="see what it has done; context.idempotency_key is the same when the run is resumed: flowra run --resume",
    )


def _given_up(node: PlannedNode, losses: int, member: Member, error: BaseException) -> NodeLostError:
    return NodeLostError(
        f"node {node.id} was lost with its worker {losses} times",
        node=node.id,
        type=node.type,
        where=f"worker {member.name}, the last of them",
        why=f"each worker that ran it was lost: {type(error).__name__}: {error}",
        fix='if it crashes or takes too much memory, run it in a process of its own: isolation = "process"',
    )
