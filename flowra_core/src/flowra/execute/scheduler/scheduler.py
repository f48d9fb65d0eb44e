"""The scheduler: decides what of a plan runs when, hands values on and lets them go."""

from __future__ import annotations

import time
from collections.abc import Iterable

from flowra.dag.plan.garbage import collection_paused
from flowra.dag.plan.logical import LogicalPlan
from flowra.dag.plan.physical import PhysicalPlan
from flowra.execute.batch.feed import BatchFeed
from flowra.execute.executor import Job, Outcome
from flowra.execute.failure import lengths_differ, unmet_needs
from flowra.execute.resources import Ledger
from flowra.execute.returned_graph import Expanded
from flowra.execute.runner import CallRunner
from flowra.execute.scheduler.batch_run import BatchRun
from flowra.execute.scheduler.calls import Calls, Consequences, Outputs
from flowra.execute.scheduler.crew import Crew, Unit
from flowra.execute.scheduler.holding import Holding
from flowra.execute.scheduler.inputs import calls_of
from flowra.execute.scheduler.items import LengthsDifferError, gather
from flowra.execute.scheduler.lifetimes import Lifetimes
from flowra.execute.scheduler.memory import MemoryBudget
from flowra.execute.scheduler.state import Call, ItemEnd, Items, NodeState, Replaced, Scope, roots, scope_of
from flowra.execute.scheduler.verdicts import Verdicts
from flowra.execute.values import Ended, Failed, Value

__all__ = ["Scheduler"]


class Scheduler:
    """Runs one job.

    Args:
        job: What is to be run.
        runner: Makes the calls.
        ledger: Gives out what calls need.
        threads: How many calls run at once, at most.
        processors: How many of them compute at once; None for no other limit than `threads`.
        memory: Bytes of values that are kept in memory, at most; beyond it the oldest are left to the store.
    """

    def __init__(
        self,
        job: Job,
        runner: CallRunner,
        ledger: Ledger,
        *,
        threads: int,
        processors: float | None = None,
        memory: int,
    ) -> None:
        self._job = job
        self._runner = runner
        self._memory = MemoryBudget(memory, runner)
        runner.reader.loaded = lambda value: self._memory.add({"": value})
        self._crew = Crew(threads, processors or threads, lambda: job.control.cancelled, self._do)
        self._verdicts = Verdicts(job, self._crew)
        self._holding = Holding(ledger, self._crew)
        following = Consequences(self._settle, self._expand, self._activate)
        self._calls = Calls(job, runner, self._crew, self._holding, self._verdicts, following)
        self._queue = self._crew.queue
        # It guards all that follows.
        self._lock = self._queue.lock
        self._unfinished = 0
        self._lifetimes = Lifetimes(self._memory)
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
            if feed is not None:
                feed.stop()  # also where a mistake of ours ended the run
            self._calls.close()
        outcome = self._verdicts.outcome
        ended = {output: found for output in wanted if (found := scope[output.node].outputs) is not None}
        self._runner.deliver({output: found[output.port] for output, found in ended.items()}, outcome)
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

    def _guard(self, plan: LogicalPlan) -> None:
        """See to it that calls of a plan may run out of time, if some may. The lock is held."""
        if any(node.description.traits.timeout is not None for node in plan.nodes.values()):
            self._crew.guard()

    # ---- nodes begin -------------------------------------------------------------------------------------------------

    def _do(self, unit: Unit) -> Unit | None:
        if isinstance(unit, Call):
            return self._calls.make(unit)
        return self._begin(unit) if isinstance(unit, NodeState) else self._calls.make_together(unit)

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
            return self._calls.make(found)
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

    # ---- nodes end ---------------------------------------------------------------------------------------------------

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
            # What a batch's item gave, and who took it, is to be let go at once: not when rings are looked for.
            state.literals = None
            state.consumers = []
            if self._calls.parked:
                ready += self._calls.unparked(state)
            self._lifetimes.taken(state.eager)
            if state.lazy:
                self._lifetimes.taken(state.lazy)
            self._one_less()
            if not ready:
                return None
            return ready[0] if len(ready) == 1 else self._crew.go_on_with(ready)

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
            return self._crew.go_on_with(list(ready))

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
