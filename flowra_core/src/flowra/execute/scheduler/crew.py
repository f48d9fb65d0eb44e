"""The threads of a run: each goes on with what has become ready by what it has run.

Only what else became ready goes through the queue. So a run of cheap nodes stays on one thread, and dear ones spread
over all; but no more of them compute at once than there are processors.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context

from flowra.execute.scheduler.gathering import Gathering
from flowra.execute.scheduler.load import Load
from flowra.execute.scheduler.ready import ReadyQueue
from flowra.execute.scheduler.state import Call, NodeState

__all__ = ["CHEAP", "Crew", "Unit"]

#: Calls of node types that take less than this, in seconds, are not worth waking another thread for.
CHEAP = 0.0002

#: What a thread does next: begin a node, make a call, or several together.
Unit = NodeState | Call | Gathering


class Crew:
    """Runs what is ready, on the thread of the run and on others.

    Args:
        most: How many threads there are, at most, the run's own included.
        processors: How many of them go on taking work while the process keeps that many processors busy.
        hurried: Whether the run was cancelled: what is put off is ready then.
        do: Runs a unit, and returns what the thread is to do next.

    Attributes:
        queue: What is ready. Its lock guards whatever the run's threads share.
        ended: How many nodes have ended; a helper looks at it to see whether the run gets on.
        cost: Seconds that a call of a node type takes, as seen last.
        crash: A mistake of ours that ended the run.
    """

    def __init__(
        self, most: int, processors: float, hurried: Callable[[], bool], do: Callable[[Unit], Unit | None]
    ) -> None:
        self.queue: ReadyQueue[Unit] = ReadyQueue(hurried)
        self.lock = self.queue.lock
        self.ended = 0
        self.cost: dict[str, float] = {}
        self.crash: BaseException | None = None
        self._do = do
        self._most = most
        self._threads = 0
        # Threads that have come back from a call that ran out of time: others have taken their places.
        self._returned = 0
        # Threads whose calls ran out of time and have not come back: they may compute for ever, and count for nothing.
        self._lost = 0
        self._load = Load(processors)
        # Whether calls may run out of time: a thread can't end the call that it runs, and the run's own has to return.
        self._guarded = False
        # What every thread runs in: with the session's own packs.
        self._context = copy_context()

    def work(self) -> None:
        """Run what is ready on this thread, until there is no more and all have ended.

        Raises:
            BaseException: The mistake of ours that ended the run.
        """
        self._work(own=True)
        while self._guarded and not self.queue.wait_closed(0.2):
            pass
        if self.crash is not None:
            raise self.crash

    def enqueue(self, units: Sequence[Unit]) -> None:
        """Put units into the queue, and have another thread look at them. The lock is held."""
        self.queue.push(units)
        self.call_for_help()

    def enqueue_below(self, units: Sequence[Unit]) -> None:
        """Put units into the queue behind all that is ready, on a thread that will not take them. The lock is held."""
        unattended = not len(self.queue)
        for unit in units:
            self.queue.push_below(unit)
        if unattended and self.queue.idle:
            self.queue.wake_all()
        else:
            self.call_for_help()

    def enqueue_from_outside(self, unit: Unit) -> None:
        """Put a unit into the queue on a thread that will not take it itself. The lock is held."""
        self.queue.push([unit])
        if self.queue.idle:
            self.queue.wake_all()
        else:
            self.call_for_help()

    def go_on_with(self, ready: Sequence[Unit]) -> Unit | None:
        """Return the first of what became ready, and put the rest into the queue. The lock is held."""
        if len(ready) > 1:
            self.enqueue(ready[1:])
        return ready[0] if ready else None

    def call_for_help(self) -> None:
        """Wake or start a thread if what is to be run next is worth one. The lock is held."""
        unit = self.queue.peek()
        # Cheap work is left to the thread that makes it; one helper watches whether it stays cheap.
        if unit is None or (self._threads and not self._is_dear(unit)):
            return
        if self.queue.idle:
            if self._has_room(unit, self._at_work()):
                self.queue.wake()
        elif self._threads < self._most - (not self._guarded):
            # It looks for itself whether there is room for it, now and later.
            self._start_thread()

    def guard(self) -> None:
        """Leave the work to other threads, since calls may run out of time. The lock is held."""
        if not self._guarded:
            self._guarded = True
            self._start_thread()
            self.queue.wake_all()

    def replace_thread(self) -> None:
        """Let another thread take the place of one whose call ran out of time. The lock is held."""
        self._most += 1
        self._lost += 1
        self._start_thread()

    def thread_came_back(self) -> None:
        """Note that the call has ended after all in which a thread was that has been replaced."""
        with self.lock:
            self._returned += 1
            self._lost -= 1

    def end_run(self, error: BaseException) -> None:
        """End the run for a mistake of ours: it must not end a thread alone."""
        with self.lock:
            self.crash = self.crash or error
            self.queue.close()

    def note(self, node_type: str, seconds: float, computed: float) -> None:
        """Note how many of its seconds a call computed, on the thread that made it."""
        self._load.note(node_type, seconds, computed, self._at_work())

    def _is_dear(self, unit: Unit) -> bool:
        return unit.node is None or self.cost.get(unit.node.type, CHEAP) >= CHEAP

    def _at_work(self) -> int:
        """Return how many threads run something; about as many, where the lock is not held."""
        return self._threads + (not self._guarded) - self.queue.idle - self._lost

    def _has_room(self, unit: Unit, at_work: int) -> bool:
        """Tell whether one more thread beside those at work may run a unit. The lock is held."""
        if at_work < self._load.processors or unit.node is None or self._load.waits(unit.node.type):
            return True
        return self._load.is_idle()

    def _start_thread(self) -> None:
        self._threads += 1
        run = self._context.copy().run
        threading.Thread(target=run, args=(self._help,), name=f"flowra-{self._threads}", daemon=True).start()

    def _help(self) -> None:
        """Run what is dear, and what is cheap only if nothing has ended since this thread looked last."""
        seen = -1

        def willing(unit: Unit) -> bool:
            nonlocal seen
            stuck, seen = self.ended == seen, self.ended
            if not self._has_room(unit, self._at_work() - 1):
                return False
            return stuck or self._guarded or self._is_dear(unit)

        try:
            self._work(willing)
        except BaseException as error:  # noqa: BLE001  as `end_run` says
            self.end_run(error)

    def _work(self, willing: Callable[[Unit], bool] | None = None, *, own: bool = False) -> None:
        """Run what is ready until there is no more; on the `own` thread of the run, until it is to leave the work."""
        do = self._do
        leave = (lambda: self._guarded) if own else None
        while (unit := self._next(willing, leave)) is not None:
            following: Unit | None = unit
            while following is not None:
                following = do(following)
                if own and self._guarded and following is not None:
                    with self.lock:
                        self.enqueue([following])
                    break

    def _next(self, willing: Callable[[Unit], bool] | None, leave: Callable[[], bool] | None) -> Unit | None:
        with self.lock:
            if self._returned and leave is None:
                self._returned -= 1
                self._threads -= 1
                self._most -= 1
                return None
            unit = self.queue.take(willing, leave)
            if unit is not None:
                self.call_for_help()
            return unit
