"""Makes the calls of a run: one by one or together, put off where they have to wait, tried again if they fail."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flowra.dag.context import NodeCancelledError
from flowra.dag.plan.logical import outputs_in
from flowra.exceptions import NodeFailedError
from flowra.execute.executor import Job
from flowra.execute.failure import lengths_differ, retried_in_vain, timed_out
from flowra.execute.returned_graph import Expanded
from flowra.execute.runner import CallRunner, Later, OverdueError
from flowra.execute.scheduler.crew import CHEAP, Crew, Unit
from flowra.execute.scheduler.gathering import Gathering, Gatherings
from flowra.execute.scheduler.holding import Holding
from flowra.execute.scheduler.inputs import add_lazy, blocked
from flowra.execute.scheduler.items import LengthsDifferError
from flowra.execute.scheduler.state import Call, NodeState
from flowra.execute.scheduler.verdicts import CANCELLED, Verdicts
from flowra.execute.scheduler.watchdog import Watchdog
from flowra.execute.values import Ended, Failed, Value

__all__ = ["Calls", "Consequences", "Outputs"]

#: What the runner raises for a call that gave no result; one that was overdue has been taken up already.
_WITHOUT_RESULT = (NodeFailedError, NodeCancelledError, OverdueError)
Outputs = Mapping[str, Value]


@dataclass(frozen=True)
class Consequences:
    """What follows when a call has come to its end; each returns what the thread is to do next.

    Attributes:
        settle: Notes what it gave.
        expand: Runs a graph in its place.
        activate: Lets states run that it waits for, and returns those that are ready; the lock is held.
    """

    settle: Callable[[Call, Outputs | Ended | Failed], Unit | None]
    expand: Callable[[Call, Expanded], Unit | None]
    activate: Callable[[Iterable[NodeState]], list[NodeState]]


class Calls:
    """Makes calls.

    Args:
        job: The job.
        runner: Makes one.
        crew: The threads.
        holding: What calls need.
        verdicts: What is noted of those without a result.
        consequences: What follows.

    Attributes:
        parked: The calls that wait for a state behind one of their lazy inputs.
    """

    def __init__(
        self,
        job: Job,
        runner: CallRunner,
        crew: Crew,
        holding: Holding,
        verdicts: Verdicts,
        consequences: Consequences,
    ) -> None:
        self._job = job
        self._runner = runner
        self._crew = crew
        self._queue = crew.queue
        self._lock = crew.lock
        self._holding = holding
        self._verdicts = verdicts
        self._settle = consequences.settle
        self._expand = consequences.expand
        self._activate = consequences.activate
        self._gatherings = Gatherings()
        self.parked: dict[NodeState, list[Call]] = {}
        self._watchdog = Watchdog(self._expire)
        runner.watch = self._watch

    def close(self) -> None:
        """End what watches over their time."""
        self._watchdog.close()

    def unparked(self, state: NodeState) -> list[Call]:
        """Return the calls that waited for a state alone, which has ended. The lock is held."""
        ready = []
        for call in self.parked.pop(state, ()):
            call.waiting -= 1
            if not call.waiting:
                ready.append(call)
        return ready

    def make(self, call: Call) -> Unit | None:
        """Make a call, and return what this thread is to do next."""
        if self._job.control.cancelled:
            return self._settle(call, self._verdicts.without_value(call.name, CANCELLED))
        if (block := blocked(call)) is not None:
            return self._settle(call, self._verdicts.without_value(call.name, block))
        description = call.node.description
        computed = time.thread_time() if self._crew.cost.get(description.type, 0.0) >= CHEAP else None
        began = time.perf_counter()
        try:
            if description.lazy_ports:
                if not self._choose_lazy(call):
                    return None
                if (block := blocked(call)) is not None:
                    return self._settle(call, self._verdicts.without_value(call.name, block))
            if description.traits.batch_size > 1 and self._runner.gathers:
                return self._gather(call)
            if description.traits.resources and not self._holding.take(call, description.traits.resources):
                return None
            result = self._runner.call(call, self._finish_later)
        except LengthsDifferError as error:
            return self._settle(call, self._verdicts.fail(call.name, lengths_differ(call.node, error)))
        except OverdueError:
            self._crew.thread_came_back()
            return None
        except _WITHOUT_RESULT as error:
            return self._without_result(call, error)
        self._crew.cost[description.type] = seconds = time.perf_counter() - began
        if computed is not None:
            self._crew.note(description.type, seconds, time.thread_time() - computed)
        if type(result) is dict:
            return self._settle(call, result)
        if isinstance(result, Later):
            return None
        return self._expand(call, result) if isinstance(result, Expanded) else self._settle(call, result)

    def _gather(self, call: Call) -> Unit | None:
        """Put a call beside others that its node takes together with it, unless its result is recorded."""
        if (known := self._runner.known(call)) is not None:
            return self._settle(call, known)
        with self._lock:
            return self._next_gathering(*self._gatherings.add(call))

    def _next_gathering(self, now: Gathering | None, last: Gathering | None) -> Unit | None:
        """Return what this thread does next: a gathering, or what else is ready. The lock is held."""
        if last is not None:
            self._queue.push_last(last)
        return now if now is not None else self._queue.take_now()

    def make_together(self, gathering: Gathering) -> Unit | None:
        """Make the calls of a gathering."""
        with self._lock:
            if not gathering.begun and not self._gatherings.begin(gathering):
                return self._queue.take_now()
        if self._job.control.cancelled:
            return self._give_up(gathering)
        traits = gathering.node.description.traits
        if traits.resources and not self._holding.take(gathering, traits.resources):
            return None
        computed = time.thread_time()
        began = time.perf_counter()
        results = self._runner.call_together(gathering.calls, self._finish_later)
        seconds = time.perf_counter() - began
        self._crew.cost[gathering.node.type] = seconds / len(results)
        self._crew.note(gathering.node.type, seconds, time.thread_time() - computed)
        if traits.resources:
            self._holding.give_back(gathering)
        return self._after(
            gathering, [unit for call, take in results if (unit := self._taken_up(call, take)) is not None]
        )

    def _give_up(self, gathering: Gathering) -> Unit | None:
        """Take up a gathering of a run that was cancelled."""
        if self._holding.units:
            self._holding.give_back(gathering)
        found = [self._settle(call, self._verdicts.without_value(call.name, CANCELLED)) for call in gathering.calls]
        return self._after(gathering, [unit for unit in found if unit is not None])

    def _after(self, gathering: Gathering, units: list[Unit]) -> Unit | None:
        """Return what this thread does after a gathering: what became ready by it, or one that waited behind it."""
        with self._lock:
            following = self._next_gathering(*self._gatherings.end(gathering))
            return self._crew.go_on_with([*units, *([following] if following is not None else [])])

    def _choose_lazy(self, call: Call) -> bool:
        """Have a call say which lazy inputs it needs; tell whether they are there already."""
        if call.needed is None:
            call.needed = self._runner.needed(call)
            wanted = [state for state in call.state.lazy if _gives_one_of(call, state)]
            with self._lock:
                self._crew.enqueue(list(self._activate(wanted)))
                for state in wanted:
                    if not state.ended:
                        self.parked.setdefault(state, []).append(call)
                        call.waiting += 1
                if call.waiting:
                    return False
        add_lazy(call)
        return True

    def _finish_later(self, call: Call, finish: Callable[[], Any]) -> None:
        """Take up a call whose result came after its thread had gone on: it was awaited.

        This runs on no thread of the run. All of them may wait for the key that the call holds.
        """
        try:
            following = self._taken_up(call, finish)
        except BaseException as error:  # noqa: BLE001  as `end_run` says
            self._crew.end_run(error)
            return
        if following is not None:
            with self._lock:
                self._crew.enqueue_from_outside(following)

    def _taken_up(self, call: Call, finish: Callable[[], Any]) -> Unit | None:
        try:
            result = finish()
        except _WITHOUT_RESULT as error:
            return self._without_result(call, error)
        if isinstance(result, Later):
            return None
        return self._expand(call, result) if isinstance(result, Expanded) else self._settle(call, result)

    def _without_result(self, call: Call, error: Exception) -> Unit | None:
        """Take up a call that raised one of `_WITHOUT_RESULT`."""
        if isinstance(error, NodeFailedError):
            return self._retry_or_fail(call, error)
        if isinstance(error, NodeCancelledError):
            return self._settle(call, self._verdicts.without_value(call.name, CANCELLED))
        return None

    def _retry_or_fail(self, call: Call, error: NodeFailedError) -> Unit | None:
        retry = call.node.description.traits.retries
        cause = error.__cause__
        worth_it = retry is not None and cause is not None and retry.covers(cause)
        if retry is None or not worth_it:
            return self._settle(call, self._verdicts.fail(call.name, error, call))
        if call.attempt >= retry.times:
            return self._settle(call, self._verdicts.fail(call.name, retried_in_vain(error, call.attempt), call))
        if self._holding.units:
            self._holding.give_back(call)
        call.attempt += 1
        seconds = retry.wait(call.attempt, random.random())  # noqa: S311  jitter, nothing secret
        self._job.reporter.retried(call.name, call.attempt, seconds, error)
        self._queue.push_later(call, seconds)
        return None

    def _watch(self, call: Call) -> None:
        limit = call.node.description.traits.timeout
        assert limit is not None
        self._watchdog.watch(call, limit)

    def _expire(self, call: Call) -> None:
        """End a call that ran out of time; if it has a thread, that is left to itself, and another takes its place."""
        limit = call.node.description.traits.timeout
        assert limit is not None
        has_thread = self._runner.abandon(call)
        following = self._retry_or_fail(call, timed_out(call.node, limit))
        with self._lock:
            if has_thread:
                self._crew.replace_thread()
            if following is not None:
                self._crew.enqueue([following])


def _gives_one_of(call: Call, state: NodeState) -> bool:
    """Tell whether a state gives one of the lazy inputs that a call asked for."""
    assert call.needed is not None
    return any(
        call.state.scope[output.node] is state
        for port in call.needed
        if port in call.node.links
        for output in outputs_in(call.node.links[port])
    )
