"""The scheduler: decides what of a plan runs when, hands values on and lets them go."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flowra.dag.context import NodeCancelledError
from flowra.dag.plan.garbage import collection_paused
from flowra.dag.plan.logical import LogicalPlan, outputs_in
from flowra.dag.plan.physical import PhysicalPlan
from flowra.exceptions import NodeFailedError
from flowra.execute.batch.feed import BatchFeed
from flowra.execute.executor import Job, Outcome
from flowra.execute.failure import lengths_differ, retried_in_vain, timed_out, unmet_needs
from flowra.execute.resources import Ledger
from flowra.execute.returned_graph import Expanded
from flowra.execute.runner import CallRunner, Later, OverdueError
from flowra.execute.scheduler.batch_run import BatchRun
from flowra.execute.scheduler.crew import Crew, Unit
from flowra.execute.scheduler.gathering import Gathering, Gatherings
from flowra.execute.scheduler.holding import Holding
from flowra.execute.scheduler.inputs import add_lazy, blocked, calls_of
from flowra.execute.scheduler.items import LengthsDifferError, gather
from flowra.execute.scheduler.lifetimes import Lifetimes
from flowra.execute.scheduler.memory import MemoryBudget
from flowra.execute.scheduler.state import Call, ItemEnd, Items, NodeState, Replaced, Scope, roots, scope_of
from flowra.execute.scheduler.verdicts import CANCELLED, Verdicts
from flowra.execute.scheduler.watchdog import Watchdog
from flowra.execute.values import Ended, Failed, Value

__all__ = ["Scheduler"]

#: What the runner raises for a call that gave no result; one that was overdue has been taken up already.
_WITHOUT_RESULT = (NodeFailedError, NodeCancelledError, OverdueError)
Outputs = Mapping[str, Value]


class Scheduler:
    """Runs one job.

    Args:
        job: What is to be run.
        runner: Makes the calls.
        ledger: Gives out what calls need.
        threads: How many calls run at once, at most.
        memory: Bytes of values that are kept in memory, at most; beyond it the oldest are left to the store.
    """

    def __init__(self, job: Job, runner: CallRunner, ledger: Ledger, *, threads: int, memory: int) -> None:
        self._job = job
        self._runner = runner
        self._memory = MemoryBudget(memory, runner)
        self._watchdog = Watchdog(self._expire)
        runner.watch = self._watch
        runner.reader.loaded = lambda value: self._memory.add({"": value})
        self._crew = Crew(threads, lambda: job.control.cancelled, self._do)
        self._verdicts = Verdicts(job, self._crew)
        self._holding = Holding(ledger, self._crew)
        self._queue = self._crew.queue
        # It guards all that follows.
        self._lock = self._queue.lock
        self._unfinished = 0
        self._parked: dict[NodeState, list[Call]] = {}
        self._lifetimes = Lifetimes(self._memory)
        self._gatherings = Gatherings()
        self._batch: BatchRun | None = None

    def run(self) -> Outcome:
        """Run the job to its end and return what came of it."""
        feed = self._job.batch
        plan = self._job.plan.logical if feed is None else feed.template.closed
        wanted = [output for output in self._job.wanted if output.node in plan.nodes]
        try:
            with self._lock:
                scope = self._scope(plan, "", 0, self._job.plan)
                for output in wanted:
                    scope[output.node].keep = True
                self._take_known(scope)
                if feed is None:
                    ready = self._activate(roots(plan, scope))
                else:
                    self._start_batch(feed, scope)
                    ready = self._activate([scope[name] for name in feed.template.closed_roots if name in scope])
                self._lifetimes.release_known()
                self._queue.push(ready)
                if len(ready) > 1:
                    self._crew.call_for_help()
                if not self._unfinished:
                    self._queue.close()
                self._guard(self._job.plan.logical)
            self._crew.work()
        finally:
            with self._lock:
                self._queue.close()
            self._watchdog.close()
        outcome = self._verdicts.outcome
        for output in wanted:
            found = scope[output.node].outputs
            if found is not None:
                self._runner.deliver(output, found[output.port], outcome)
        return outcome

    def _start_batch(self, feed: BatchFeed, scope: Scope) -> None:
        """Begin to take items; there is something unfinished until there are no more. The lock is held."""
        self._unfinished += 1
        self._batch = BatchRun(
            feed, scope, self._crew, self._lifetimes, self._runner.reader, self._activate, self._one_less
        )
        self._batch.start()

    def _one_less(self) -> None:
        """Note that something has ended that counted as unfinished. The lock is held."""
        self._unfinished -= 1
        if not self._unfinished:
            self._queue.close()

    def _take_known(self, scope: Scope) -> None:
        """Let the nodes whose results are known count as ended; the lock is held."""
        for name, outputs in self._job.known.items():
            state = scope.get(name)
            if state is not None:
                state.active = state.ended = True
                state.outputs = outputs
                self._lifetimes.recalled.add(state)
            ended = next((value for value in outputs.values() if isinstance(value, Ended)), None)
            if ended is not None:
                self._job.reporter.not_run(name, ended.reason)
            else:
                self._job.reporter.cached(name, self._job.plan.logical.nodes[name].type)

    # ---- nodes become ready ------------------------------------------------------------------------------------------

    def _scope(self, plan: LogicalPlan, prefix: str, depth: int, asked: PhysicalPlan | None = None) -> Scope:
        with collection_paused():
            if asked is None:
                scope = scope_of(plan, prefix, depth)
            else:
                scope = scope_of(plan, prefix, depth, known=asked.known, needed=asked.needed)
        if self._job.reporter.observed:
            for node in plan.nodes.values():
                self._job.reporter.queued(prefix + node.id, node.type)
        return scope

    def _activate(self, states: Iterable[NodeState]) -> list[NodeState]:
        """Let nodes run with all they need, and return those that wait for nothing. The lock is held.

        What only lazy inputs lead to is left alone until it is asked for.
        """
        ready = []
        pending = list(states)
        while pending:
            state = pending.pop()
            if state.active:
                continue
            state.active = True
            self._unfinished += 1
            for source in state.eager:
                if not source.ended:
                    state.waiting += 1
                    source.consumers.append(state)
                    if not source.active:
                        pending.append(source)
            if not state.waiting:
                ready.append(state)
        ready.reverse()
        return ready

    def _go_on_with(self, ready: list[Unit]) -> Unit | None:
        """Return the first of what became ready, and put the rest into the queue. The lock is held."""
        if len(ready) > 1:
            self._crew.enqueue(ready[1:])
        return ready[0] if ready else None

    def _guard(self, plan: LogicalPlan) -> None:
        """See to it that calls of a plan may run out of time, if some may. The lock is held."""
        if any(node.description.traits.timeout is not None for node in plan.nodes.values()):
            self._crew.guard()

    # ---- calls are made ----------------------------------------------------------------------------------------------

    def _do(self, unit: Unit) -> Unit | None:
        if isinstance(unit, Call):
            return self._call(unit)
        return self._begin(unit) if isinstance(unit, NodeState) else self._call_together(unit)

    def _begin(self, state: NodeState) -> Unit | None:
        """Start a node whose inputs are there, and return what this thread is to do next."""
        node = state.node
        if node is None:
            return self._begin_end(state)
        try:
            found = calls_of(state, node)
        except LengthsDifferError as error:
            return self._end(state, self._verdicts.fail(state.name, lengths_differ(node, error)))
        if isinstance(found, Call):
            return self._call(found)
        if isinstance(found, (Ended, Failed)):
            return self._end(state, self._verdicts.without_value(state.name, found))
        calls, shape = found
        state.items = Items(len(calls), [None] * len(calls), shape, time.perf_counter())
        self._job.reporter.started(state.name, node.type)
        if not calls:
            return self._end_mapped(state, state.items)
        with self._lock:
            self._crew.enqueue(calls[1:])
        return calls[0]

    def _begin_end(self, state: NodeState) -> Unit | None:
        """Take up that the nodes of an expansion, or of an item of a batch, have ended."""
        if isinstance(state.replaced, Replaced):
            return self._end_expansion(state, state.replaced)
        assert self._batch is not None
        if isinstance(state.replaced, ItemEnd):
            self._batch.end(state, state.replaced)
        else:
            self._batch.close()
        return None

    def _call(self, call: Call) -> Unit | None:
        """Make a call, and return what this thread is to do next."""
        if self._job.control.cancelled:
            return self._settle(call, self._verdicts.without_value(call.name, CANCELLED))
        if (block := blocked(call)) is not None:
            return self._settle(call, self._verdicts.without_value(call.name, block))
        description = call.node.description
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
        self._crew.cost[description.type] = time.perf_counter() - began
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

    def _call_together(self, gathering: Gathering) -> Unit | None:
        """Make the calls of a gathering."""
        with self._lock:
            if not gathering.begun and not self._gatherings.begin(gathering):
                return self._queue.take_now()
        traits = gathering.node.description.traits
        if traits.resources and not self._holding.take(gathering, traits.resources):
            return None
        began = time.perf_counter()
        results = self._runner.call_together(gathering.calls, self._finish_later)
        self._crew.cost[gathering.node.type] = (time.perf_counter() - began) / len(results)
        if traits.resources:
            self._holding.give_back(gathering)
        units = [unit for call, take in results if (unit := self._taken_up(call, take)) is not None]
        with self._lock:
            following = self._next_gathering(*self._gatherings.end(gathering))
            units += [following] if following is not None else []
            return self._go_on_with(units)

    def _choose_lazy(self, call: Call) -> bool:
        """Have a call say which lazy inputs it needs; tell whether they are there already."""
        if call.needed is None:
            call.needed = self._runner.needed(call)
            wanted = [state for state in call.state.lazy if _gives_one_of(call, state)]
            with self._lock:
                self._crew.enqueue(list(self._activate(wanted)))
                for state in wanted:
                    if not state.ended:
                        self._parked.setdefault(state, []).append(call)
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

    # ---- calls and nodes end -----------------------------------------------------------------------------------------

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

    def _settle(self, call: Call, result: Outputs | Ended | Failed) -> Unit | None:
        """Note a call's result; when it was the last of its node, end the node."""
        if self._holding.units:
            self._holding.give_back(call)
        state = call.state
        if not call.node.depths:
            return self._end(state, result)
        items = state.items
        assert items is not None
        with self._lock:
            items.results[call.index] = result
            items.left -= 1
            if items.left:
                return self._queue.take_now()
        return self._end_mapped(state, items)

    def _end_mapped(self, state: NodeState, items: Items) -> Unit | None:
        """End a node that mapped: its outputs are lists of what its calls gave."""
        assert state.node is not None
        ports = [port.name for port in state.node.description.outputs]
        failures = sum(isinstance(result, Failed) for result in items.results)
        self._job.reporter.mapped(state.name, len(items.results), failures, time.perf_counter() - items.began)
        results = [dict.fromkeys(ports, each) if isinstance(each, (Ended, Failed)) else each for each in items.results]
        state.items = None
        return self._end(state, {port: gather(results, items.shape, port) for port in ports})

    def _end(self, state: NodeState, result: Outputs | Ended | Failed) -> Unit | None:
        """End a node: hand its outputs on, let go what nobody takes any more, and return what to do next."""
        outputs: Outputs
        if isinstance(result, (Ended, Failed)):
            assert state.node is not None
            outputs = dict.fromkeys((port.name for port in state.node.description.outputs), result)
        else:
            outputs = result
        self._memory.add(outputs)
        ready: list[Unit] = []
        with self._lock:
            state.ended = True
            if state.takers or state.keep:
                state.outputs = outputs
            self._crew.ended += 1
            for consumer in state.consumers:
                consumer.waiting -= 1
                if not consumer.waiting:
                    ready.append(consumer)
            if self._parked:
                for call in self._parked.pop(state, ()):
                    call.waiting -= 1
                    if not call.waiting:
                        ready.append(call)
            self._lifetimes.taken(state.eager)
            if state.lazy:
                self._lifetimes.taken(state.lazy)
            self._one_less()
            if not ready:
                return None
            return ready[0] if len(ready) == 1 else self._go_on_with(ready)

    # ---- expansions --------------------------------------------------------------------------------------------------

    def _expand(self, call: Call, expanded: Expanded) -> Unit | None:
        """Run a graph in a call's place; the call ends when the graph's outputs are there."""
        if self._holding.units:
            self._holding.give_back(call)
        if (problem := self._holding.out_of_reach(expanded.plan)) is not None:
            return self._settle(call, self._verdicts.fail(call.name, unmet_needs(call.node, problem)))
        with self._lock:
            scope = self._scope(expanded.plan, f"{call.name}/", call.state.depth + 1)
            end = NodeState(f"{call.name}/", None, scope, call.state.depth + 1)
            self._guard(expanded.plan)
            end.replaced, end.keep = Replaced(call, expanded.outputs), True
            end.eager = tuple(dict.fromkeys(scope[output.node] for output in expanded.outputs.values()))
            for source in end.eager:
                source.takers += 1
            ready = self._activate([end, *roots(expanded.plan, scope)])
            return self._go_on_with(list(ready))

    def _end_expansion(self, end: NodeState, replaced: Replaced) -> Unit | None:
        call = replaced.call
        outputs: dict[str, Value] = {}
        for port, output in replaced.outputs.items():
            found = end.scope[output.node].outputs
            assert found is not None
            outputs[port] = found[output.port]
        failure = next((value for value in outputs.values() if isinstance(value, Failed)), None)
        with self._lock:
            end.ended = True
            self._unfinished -= 1
            self._lifetimes.taken(end.eager)
        if failure is not None:
            return self._settle(call, self._verdicts.without_value(call.name, failure))
        return self._settle(call, self._runner.expanded(call, outputs))


def _gives_one_of(call: Call, state: NodeState) -> bool:
    """Tell whether a state gives one of the lazy inputs that a call asked for."""
    assert call.needed is not None
    return any(
        call.state.scope[output.node] is state
        for port in call.needed
        if port in call.node.links
        for output in outputs_in(call.node.links[port])
    )
