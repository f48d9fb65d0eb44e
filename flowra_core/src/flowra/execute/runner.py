"""Makes the calls of a run: recalled from the cache where it can, run where it must."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowra.dag.context import RunContext
from flowra.dag.node import BaseArgs, Node
from flowra.dag.outcome import EndBranch, Expansion
from flowra.dag.plan.logical import LogicalPlan, NodeOutput, PlannedNode
from flowra.dag.plan.planner import local_classes, plan_graph
from flowra.exceptions import FlowraError, NodeFailedError, PluginError
from flowra.execute.awaiter import Awaiter
from flowra.execute.capture import speaking
from flowra.execute.encoding import ValueGoneError
from flowra.execute.executor import Job, Outcome
from flowra.execute.failure import failed, invalid_result
from flowra.execute.instances import InstancePool, InstanceSlot
from flowra.execute.node_call import checked, given, prepared, raised
from flowra.execute.scheduler.state import Call
from flowra.execute.values import ABSENT, Ended, Failed, Held, Many, Value
from flowra.storage.refs import BlobRef
from flowra.type.handler import summarize
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf, OptionalOf

if TYPE_CHECKING:
    from flowra.dag.key import ActionKey
    from flowra.execute.cache import ResultCache

__all__ = ["EXPANSION_LIMIT", "CallRunner", "Expanded", "Later"]

#: Expansions inside expansions beyond this are a loop that does not end.
EXPANSION_LIMIT = 200

Outputs = dict[str, Value]


@dataclass(frozen=True)
class Later:
    """The call is awaited, and its result comes through the function that was given for it."""


@dataclass(frozen=True)
class Expanded:
    """A graph runs in the call's place.

    Attributes:
        plan: Its plan.
        outputs: Which of its outputs each output of the node is.
    """

    plan: LogicalPlan
    outputs: Mapping[str, NodeOutput]


Result = Outputs | Ended | Later | Expanded

_SILENCE = nullcontext()


@dataclass(frozen=True, slots=True)
class _Site:
    """What all calls of a node share.

    Attributes:
        node_class: Its class.
        slot: Where its instances are.
        outputs: Its output ports: names and types.
    """

    node_class: type[Node]
    slot: InstanceSlot
    outputs: tuple[tuple[str, ValueType], ...]


class CallRunner:
    """Makes the calls of one job. Every method may be called from any thread.

    Args:
        job: The job.
        pool: Where node instances come from.
        cache: The results of earlier runs; None to run everything and keep values in memory.
        awaiter: Runs coroutines.
    """

    def __init__(self, job: Job, pool: InstancePool, cache: ResultCache | None, awaiter: Awaiter) -> None:
        self._job = job
        self._pool = pool
        self._cache = cache
        self._awaiter = awaiter
        self._sites: dict[PlannedNode | str, _Site] = {}
        # The contexts of calls that may run out of time.
        self._contexts: dict[Call, RunContext] = {}

    def call(self, call: Call, finish_later: Callable[[Call, Callable[[], Any]], None]) -> Result:
        """Make a call and return its outputs; or `Later`, and then hand its result to `finish_later`.

        Raises:
            NodeFailedError: An argument, the node's own code or its result is off.
            NodeCancelledError: The run was cancelled while the node ran.
        """
        cache = self._cache
        if cache is None:
            return self._run(call, None, finish_later)
        key = cache.key(call)
        if (found := cache.resume(key, call)) is not None:
            return self._recalled(call, key, found)
        if key is None or not cache.shares(call):
            return self._run(call, key, finish_later)
        if call.node.id not in self._job.plan.missed and (found := cache.recall(key, call)) is not None:
            return self._recalled(call, key, found)
        with ExitStack() as stack:
            # Another may have computed it between the look-up and the lock.
            if (
                stack.enter_context(cache.exclusively(key, lambda: self._job.control.cancelled))
                and (found := cache.recall(key, call)) is not None
            ):
                return self._recalled(call, key, found)
            return self._run(call, key, finish_later, stack)

    def needed(self, call: Call) -> frozenset[str]:
        """Have a node say which of its lazy inputs it needs, knowing the others.

        Raises:
            NodeFailedError: It failed to, or named what is no lazy input.
        """
        site = self._site(call)
        lazy = call.node.description.lazy_ports
        linked = {port for port in lazy if port in call.node.links}
        args = prepared(call.node, site.node_class.InputArgs, {**dict.fromkeys(linked), **self._data(call)})
        context = self._context(call)
        try:
            instance = site.slot.take(context)
            try:
                named = frozenset(instance.needs(context, args))
            finally:
                site.slot.give(instance)
        except BaseException as error:
            raise raised(call.node, site.node_class, error, given(args), self._job.control) from error
        finally:
            context.close()
        if unknown := named - lazy:
            reason = (
                f"needs() named {', '.join(sorted(map(str, unknown)))}; its lazy inputs are {', '.join(sorted(lazy))}"
            )
            raise invalid_result(call.node, {"": reason}, given(args), None, site.node_class.__module__)
        return named & linked

    def expanded(self, call: Call, outputs: Mapping[str, Value]) -> Outputs | Ended:
        """Take up what the graph gave that ran in a call's place."""
        ended = next((value for value in outputs.values() if isinstance(value, Ended)), None)
        result: Outputs | Ended = ended if ended is not None else dict(outputs)
        self._keep(call, self._cache.key(call) if self._cache is not None else None, result, 0.0)
        self._report(call, result, 0.0)
        return result

    def deliver(self, output: NodeOutput, value: Value, outcome: Outcome) -> None:
        """Put an output that was asked for into the outcome, as a plain value; what failed is left out."""
        try:
            outcome.values[output] = self._plain(value)
        except LookupError:
            return
        except NodeFailedError as error:
            outcome.failures.setdefault(error.node, error)

    def spill(self, value: Held) -> None:
        """Leave a value to the store, if it can be had again from there."""
        if self._cache is not None and isinstance(self._cache.referenced(value), BlobRef):
            value.data = ABSENT

    def abandon(self, call: Call) -> None:
        """Tell a call that ran out of time that nobody waits for it any more."""
        context = self._contexts.get(call)
        if context is not None:
            context.abandon()

    # ---- making a call -----------------------------------------------------------------------------------------------

    def _run(
        self,
        call: Call,
        key: ActionKey | None,
        finish_later: Callable[[Call, Callable[[], Any]], None],
        held: ExitStack | None = None,
    ) -> Result:
        """Run a node; `held` is let go when it has run, also where that is later."""
        began = time.perf_counter()
        site = self._site(call)
        args = prepared(call.node, site.node_class.InputArgs, self._data(call))
        context = self._context(call)
        instance = None
        later = False
        try:
            with self._speaking(call):
                instance = site.slot.take(context)
                result = instance.run(context, args)
                if inspect.iscoroutine(result):
                    # What a coroutine prints belongs to the node too: it runs in a copy of this context.
                    waiting = held.pop_all() if held is not None else ExitStack()
                    waiting.callback(context.close)
                    waiting.callback(site.slot.give, instance)
                    self._awaiter.start(result, self._resume(call, key, site, args, began, waiting, finish_later))
                    later = True
                    return Later()
        except BaseException as error:
            raise raised(call.node, site.node_class, error, given(args), self._job.control) from error
        finally:
            if not later:
                if instance is not None:
                    site.slot.give(instance)
                context.close()
                if self._contexts:
                    self._contexts.pop(call, None)
        return self._taken(call, key, site, args, result, began)

    def _speaking(self, call: Call) -> AbstractContextManager[None]:
        reporter = self._job.reporter
        if not reporter.observed:
            return _SILENCE
        reporter.started(call.name, call.node.type)
        return speaking(lambda text, level: reporter.log(call.name, text, level))

    def _resume(
        self,
        call: Call,
        key: ActionKey | None,
        site: _Site,
        args: BaseArgs,
        began: float,
        waiting: ExitStack,
        finish_later: Callable[[Call, Callable[[], Any]], None],
    ) -> Callable[[Callable[[], Any]], None]:
        """Return what takes up a call when its coroutine has ended; `waiting` is what is let go then."""

        def resume(outcome: Callable[[], Any]) -> None:
            def finish() -> Outputs | Ended | Expanded:
                with waiting:
                    try:
                        result = outcome()
                    except BaseException as error:
                        raise raised(call.node, site.node_class, error, given(args), self._job.control) from error
                    return self._taken(call, key, site, args, result, began)

            finish_later(call, finish)

        return resume

    def _taken(
        self, call: Call, key: ActionKey | None, site: _Site, args: BaseArgs, result: Any, began: float
    ) -> Outputs | Ended | Expanded:
        """Take up what a node's `run` gave."""
        seconds = time.perf_counter() - began
        if isinstance(result, Expansion):
            return self._planned(call, site, args, result)
        outputs: Outputs | Ended
        if isinstance(result, EndBranch):
            outputs = Ended(result.reason or f"{call.name} ended the branch")
        else:
            found = checked(call.node, site.node_class, result, args)
            outputs = {name: _value(found[name], value_type) for name, value_type in site.outputs}
        if call.settled:
            return outputs  # it ran out of time, and something else stands for it already
        self._keep(call, key, outputs, seconds)
        self._report(call, outputs, seconds)
        return outputs

    def _planned(self, call: Call, site: _Site, args: BaseArgs, expansion: Expansion) -> Expanded:
        """Plan the graph that a node returned; its mistakes are the node's."""
        if call.state.depth >= EXPANSION_LIMIT:
            reason = f"expansions lie {EXPANSION_LIMIT} deep: a loop that does not end?"
            raise invalid_result(call.node, {"": reason}, given(args), None, site.node_class.__module__)
        try:
            for local in local_classes(expansion.graph):
                self._job.catalog.add(local)
            plan = plan_graph(expansion.graph, self._job.catalog, inputs=expansion.inputs)
        except FlowraError as error:
            reason = "the graph that it returned can't run: " + "\n".join(
                [error.what, *map(str, getattr(error, "problems", ()))]
            )
            raise invalid_result(call.node, {"": reason}, given(args), None, site.node_class.__module__) from error
        ports = [port.name for port in call.node.description.outputs]
        if missing := [port for port in ports if port not in plan.outputs]:
            reason = f"the graph that it returned has no output {', '.join(missing)}"
            raise invalid_result(call.node, {"": reason}, given(args), None, site.node_class.__module__)
        return Expanded(plan, {port: plan.outputs[port] for port in ports})

    def _keep(self, call: Call, key: ActionKey | None, outputs: Outputs | Ended, seconds: float) -> None:
        if self._cache is not None:
            self._cache.remember(key, call, outputs, seconds)

    def _recalled(self, call: Call, key: ActionKey | None, found: Outputs | Ended) -> Outputs | Ended:
        if isinstance(found, dict):
            for port, value in found.items():
                _mark_origin(value, call, port, ())
        self._job.reporter.cached(call.name, call.node.type)
        return found

    def _report(self, call: Call, outputs: Outputs | Ended, seconds: float) -> None:
        reporter = self._job.reporter
        if isinstance(outputs, Ended):
            reporter.not_run(call.name, outputs.reason)
        elif reporter.observed:
            reporter.succeeded(call.name, seconds, {port: _described(value) for port, value in outputs.items()})

    # ---- data --------------------------------------------------------------------------------------------------------

    def _site(self, call: Call) -> _Site:
        """Return what all calls of a node share."""
        node = call.node
        # Most nodes have no InitArgs of their own, and share all of this with every other of their type.
        shared: Any = node if node.init else node.description.type
        site = self._sites.get(shared)
        if site is None:
            try:
                node_class = self._job.catalog.node_class(node.type)
            except PluginError as error:
                raise failed(node, error, "", {}) from error
            init = prepared(node, node_class.InitArgs, node.init, "init")
            outputs = tuple((port.name, port.value_type) for port in node.description.outputs)
            site = self._sites[shared] = _Site(node_class, self._pool.slot(node_class, init), outputs)
        return site

    def _context(self, call: Call) -> RunContext:
        context = RunContext(self._job.run_id, call.name, self._job.output_dir, self._job.reporter)
        if call.node.description.traits.timeout is not None:
            self._contexts[call] = context
        return context

    def _data(self, call: Call) -> dict[str, Any]:
        """Return a call's inputs as the node gets them: values in memory, lists without ended items."""
        return {
            port: (value.data if value.data is not ABSENT else self._load(value))
            if type(value) is Held
            else self._plain(value)
            for port, value in call.inputs.items()
        }

    def _plain(self, value: Any) -> Any:
        """Return a value as plain data; a literal in a list of links is that already."""
        if isinstance(value, Held):
            return value.data if value.data is not ABSENT else self._load(value)
        if isinstance(value, Many):
            return [self._plain(item) for item in value.items if not isinstance(item, Ended)]
        if isinstance(value, (Ended, Failed)):
            raise LookupError(value.reason)
        return value

    def _load(self, value: Held) -> Any:
        """Read a value from the store; one that is gone or damaged is computed again by the call that gave it."""
        assert self._cache is not None, "only what was stored is left out of memory"
        try:
            return self._cache.load(value)
        except ValueGoneError:
            if value.origin is None:
                raise
        call, port, path = value.origin
        self._job.reporter.log(call.name, f"the stored {port} is gone or was damaged; it is computed again", "warning")
        result = self._run(call, self._cache.key(call), _not_later)
        found: Any = result[port] if isinstance(result, dict) else None
        for index in path:
            found = found.items[index]
        if not isinstance(found, Held):
            raise NodeFailedError(
                f"node {call.name} can't give its stored {port} again",
                node=call.name,
                type=call.node.type,
                why="the store lost it, and the node now gives something else",
                fix="run the graph again",
            )
        value.data, value.ref = found.data, found.ref
        return value.data


def _not_later(_call: Call, _finish: Callable[[], Any]) -> None:
    raise AssertionError("a call that is made again is waited for")


def _value(data: Any, value_type: ValueType) -> Value:
    """Return what a node gave as a value: a list as one value for each item."""
    inner = value_type.item if isinstance(value_type, OptionalOf) else value_type
    if isinstance(inner, ListOf) and isinstance(data, list):
        return Many([_value(item, inner.item) for item in data])
    return Held(value_type, data)


def _mark_origin(value: Value, call: Call, port: str, path: tuple[int, ...]) -> None:
    """Note which call gave a value, so that it can be had again if the store loses it."""
    if isinstance(value, Held):
        value.origin = (call, port, path)
    elif isinstance(value, Many):
        for index, item in enumerate(value.items):
            _mark_origin(item, call, port, (*path, index))


def _described(value: Value) -> str:
    if isinstance(value, Held):
        return summarize(value.data, value.type)
    if isinstance(value, Many):
        inside = ", ".join(map(_described, value.items[:3]))
        return f"{len(value.items)} items: {inside}" + (", …" if len(value.items) > 3 else "")
    return value.reason
