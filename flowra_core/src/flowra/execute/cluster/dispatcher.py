"""Hands calls out to the workers of a cluster, and takes in what comes of them.

Each worker has a bounded number of batches at a time, so that neither the scheduler of the cluster nor a worker's queue
ever holds more than what is run next. Where a batch runs is decided here, and a batch whose worker is lost is handed
out again here: dask itself never runs one a second time.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

from flowra.dag.plan.logical import PlannedNode
from flowra.execute.cluster.batches import Batch, Reply, Waiting
from flowra.execute.cluster.call_errors import effects_lost, given_up, invalid_call
from flowra.execute.cluster.connection import Connection
from flowra.execute.cluster.heard import HeardEvents
from flowra.execute.cluster.members import Member
from flowra.execute.cluster.placement import Placed, Placement
from flowra.execute.cluster.recalling import Recalling
from flowra.execute.cluster.usable import UsableWorkers
from flowra.execute.cluster.wire import pack, unpack
from flowra.execute.encoding import NotStorableError
from flowra.execute.executor import Job
from flowra.execute.scheduler.state import Call, NodeState

__all__ = ["Dispatcher", "Reply"]

#: Workers that a call may take with it before it is given up.
MOST_LOSSES = 3
#: Seconds between looks at who is there.
_LOOK = 0.25


class Dispatcher:
    """Hands out the calls of one job.

    Args:
        job: The job.
        connection: The cluster.
        workers: The workers that the run may use.
        header: What workers are to know of the run.
        keep_ahead: Takes what nodes gave that the scheduler has not come to yet.
        warn: Tells people what workers say, with the node.
    """

    def __init__(
        self,
        job: Job,
        connection: Connection,
        workers: UsableWorkers,
        header: dict[str, Any],
        keep_ahead: Callable[[NodeState, Reply], None],
        warn: Callable[[str, str], None],
    ) -> None:
        self._job = job
        self._connection = connection
        self._workers = workers
        self._header = header
        self._keep_ahead = keep_ahead
        self._warn = warn
        self._changed = threading.Condition()
        self._pending: list[Waiting] = []
        self._sent: dict[str, Placed] = {}
        self._numbers = itertools.count(1)
        self._placement = Placement(workers, job.cache.resumed if job.cache is not None else ())
        self._replies: SimpleQueue[tuple[str, Any, float] | None] = SimpleQueue()
        self._events = HeardEvents(connection, job.run_id, job.reporter)
        self._told_to_stop = False
        self._recalling = Recalling(connection, job.run_id, self._came_back)
        self._closed = False
        self._given_up: BaseException | None = None
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
        for thread in self._threads:
            thread.start()

    def add(self, call: Call, answer: Callable[[Reply], None], *, asks: bool = False) -> None:
        """Have a call made; `answer` is called on another thread with what comes of it, or with an error."""
        with self._changed:
            if self._given_up is None:
                self._pending.append(Waiting(call, answer, asks))
                self._changed.notify()
                return
        answer(self._given_up)

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
        self._events.close()
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
            self._given_up = error
        for each in waiting:
            each.answer(error)

    # ---- handing out -------------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        looked = time.monotonic()
        while True:
            with self._changed:
                while not self._closed and not (self._pending and self._placement.free()):
                    self._changed.wait(_LOOK / 2)
                    if time.monotonic() - looked > _LOOK or self._job.control.cancelled:
                        break
                if self._closed:
                    return
            if time.monotonic() - looked > _LOOK:
                self._look()
                self._level()
                looked = time.monotonic()
            if self._job.control.cancelled:
                self._stop()
                time.sleep(0.005)
                continue
            self._linger()
            with self._changed:
                batches, self._pending = self._placement.form(self._pending)
                if not batches and self._pending:
                    # Workers are free, but none that may have one of these.
                    self._changed.wait(_LOOK / 5)
            for placed in batches:
                self._send(placed)

    def _linger(self) -> None:
        """Wait for calls that become ready at about the same time."""
        before = -1
        for _ in range(20):
            now = len(self._pending)
            if now == before:
                return
            before = now
            time.sleep(0.0005)

    def _send(self, sent: Placed) -> None:
        key = f"flowra-{self._job.run_id}-{next(self._numbers)}"
        try:
            holders = self._placement.holders(sent)
            data = pack({"run": self._header, "key": key, "holders": holders, **sent.batch.to_wire()})
        except NotStorableError as error:
            with self._changed:
                self._placement.give_back(sent)
            self._not_made(
                sent.batch, f"it can't be sent to a worker: {error.what}" + (f": {error.why}" if error.why else "")
            )
            return
        with self._changed:
            self._sent[key] = sent
        sent.future = self._connection.submit(data, key, sent.member.address)
        self._connection.when_done(sent.future, lambda done: self._replies.put((key, done, time.time())))

    def _not_made(self, batch: Batch, reason: str) -> None:
        """Fail the call of a batch that can't be written or read; where there are several, try one by one first."""
        if len(batch.roots) == 1 and not batch.ahead:
            root = batch.roots[0]
            root.answer(invalid_call(root.call.node, reason))
            return
        for root in batch.roots:
            root.alone = True
        self._hand_out_again(batch.roots)

    def _hand_out_again(self, calls: list[Waiting]) -> None:
        with self._changed:
            self._pending[:0] = calls
            self._changed.notify()

    # ---- taking in ---------------------------------------------------------------------------------------------------

    def _take_in(self) -> None:
        while (reply := self._replies.get()) is not None:
            key, done, came = reply
            with self._changed:
                sent = self._sent.get(key)
            if sent is None:
                continue  # its worker counted as lost, and it was handed out again
            try:
                data = unpack(done.result())
            except (Exception, CancelledError):  # noqa: BLE001  whatever dask raises for a worker that is gone
                self._lose([sent.member])
                continue
            with self._changed:
                if self._sent.pop(key, None) is None:
                    continue
                self._placement.give_back(sent)
                self._changed.notify()
            self._take(sent, data, came)

    def _take(self, sent: Placed, data: dict[str, Any], came: float) -> None:
        if "broken" in data:
            self._not_made(sent.batch, f"worker {sent.member.name} can't run it: {data['broken']}")
            return
        if "recalled" in data:
            self._hand_out_again(sent.batch.roots)  # said here before the worker's answer to the question was
            return
        self._events.wait_for(sent.member, data.get("heard", 0))
        for node, text in data["warnings"]:
            self._warn(node, text)
        again: list[Waiting] = []
        roots = sent.batch.sent
        # By this machine's clock; that of a worker may go otherwise, and may have been set meanwhile.
        ends = [min(end + sent.member.clock, came) for end in data["ends"]]
        for state, reply, at in zip(sent.batch.ahead, data["calls"][roots:], ends[roots:], strict=True):
            if reply is not None and reply[0] in ("ran", "ended"):
                assert state.node is not None
                self._seen(state.node, sent.member, reply, at)
                self._keep_ahead(state, reply)
        for waiting, reply, at in zip(sent.batch.roots, data["calls"], ends, strict=False):
            if reply is None:
                again.append(waiting)
                continue
            self._seen(waiting.call.node, sent.member, reply, at)
            waiting.answer(reply)
        if again:
            self._hand_out_again(again)

    def _seen(self, node: PlannedNode, member: Member, reply: Reply, at: float) -> None:
        """Take note of what came of a call, and write into it who ran it, and when that ended."""
        self._placement.note(node, member, reply)
        if reply[0] in ("ran", "ended", "failed"):
            reply += [member.name, at]

    def _lose(self, members: list[Member]) -> None:
        """Hand out again what workers had that are lost."""
        with self._changed:
            for member in members:
                self._connection.drop(member)
            lost = {key: sent for key, sent in self._sent.items() if sent.member in members}
            for key, sent in lost.items():
                del self._sent[key]
                self._placement.give_back(sent)
        # A worker begins batches in the order in which it got them.
        places: dict[Member, int] = {}
        for sent in lost.values():
            place = places[sent.member] = places.get(sent.member, -1) + 1
            self._connection.cancel([sent.future])
            self._lost(sent, begun=place < sent.member.threads)

    def _lost(self, sent: Placed, *, begun: bool) -> None:
        """Take note that a worker was lost with a batch; that is not the fault of the calls, unless it goes on.

        Args:
            sent: The batch.
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
            if not waiting.asks and node.description.traits.once:
                waiting.answer(effects_lost(node, sent.member))
            elif waiting.losses >= MOST_LOSSES:
                waiting.answer(given_up(node, waiting.losses, sent.member))
            else:
                again.append(waiting)
        self._hand_out_again(again)

    def _look(self) -> None:
        """See which workers are there; what those had that are gone is handed out again."""
        gone = self._connection.refresh()
        if gone:
            self._warn("", f"worker {', '.join(member.name for member in gone)} is lost; what it ran is run elsewhere")
            self._lose(gone)
        for warning in self._workers.ask():
            self._warn("", warning)

    def _level(self) -> None:
        """Ask a batch back from a worker that is long at another one, where a worker has nothing to do."""
        with self._changed:
            stuck = None if self._pending else self._placement.stuck(self._sent.values())
            key = next((key for key, sent in self._sent.items() if sent is stuck), "")
        if stuck is not None:
            self._recalling.ask(key, stuck)

    def _came_back(self, key: str, begun: int) -> None:
        """Hand out again what a worker has not begun of a batch."""
        with self._changed:
            placed = self._sent.get(key)
            if placed is None:
                return  # it was through, and what was left was handed out for that
            batch = placed.batch
            batch.roots, back = batch.roots[:begun], batch.roots[begun:]
            self._pending[:0] = back
            self._changed.notify()
            if begun:
                return
            del self._sent[key]
            self._placement.give_back(placed)
        self._connection.cancel([placed.future])

    def _stop(self) -> None:
        """Have nodes that run notice that the run was cancelled; what waits is not run."""
        with self._changed:
            waiting, self._pending = self._pending, []
        for each in waiting:
            each.answer(["cancelled"])
        if not self._told_to_stop:
            self._told_to_stop = True
            self._connection.tell("cancel_run", self._job.run_id)
