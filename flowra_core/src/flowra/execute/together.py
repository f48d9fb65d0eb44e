"""Calls of nodes that take several sets of inputs at once, made together.

Each call keeps its key, its result and its failure: where the node fails for all of them, they are made again one by
one, so that only those fail that are at fault.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar

from flowra.dag.context import NodeCancelledError, RunContext
from flowra.dag.node import BaseArgs
from flowra.exceptions import NodeFailedError
from flowra.execute.capture import speaking
from flowra.execute.failure import invalid_result
from flowra.execute.instances import models_of
from flowra.execute.node_call import given, prepared, raised
from flowra.execute.runner import CallRunner, Later, Result
from flowra.execute.scheduler.state import Call
from flowra.execute.sites import Site
from flowra.type.value.base import short

if TYPE_CHECKING:
    from flowra.dag.key import ActionKey
    from flowra.storage.store import KeyLock

__all__ = ["TogetherRunner"]

FinishLater = Callable[[Call, Callable[[], Any]], None]
Results = list[tuple[Call, Callable[[], Result]]]


class _Ready:
    """A call that is to be made, with the right to compute its key."""

    __slots__ = ("args", "call", "held", "key")

    def __init__(self, call: Call, key: ActionKey | None, held: KeyLock | None) -> None:
        self.call = call
        self.key = key
        self.held = held
        self.args: BaseArgs | None = None


class TogetherRunner(CallRunner):
    """Makes calls of one node together where the node takes several at once."""

    gathers: ClassVar[bool] = True

    def call_together(
        self, calls: Sequence[Call], finish_later: FinishLater
    ) -> list[tuple[Call, Callable[[], Result]]]:
        """Make calls of one node together; return for each what gives its result, or raises, as `call` does."""
        results: Results = []
        ready: list[_Ready] = []
        alone: list[Call] = []
        with ExitStack() as holding:
            for call in calls:
                try:
                    self._sort(call, ready, alone, results)
                except (NodeFailedError, NodeCancelledError) as error:
                    results.append((call, _raising(error)))
            if len(ready) > 1 and not self._job.control.cancelled:
                for each in ready:
                    if each.held is not None:
                        holding.callback(each.held.release)
                rest = self._made_together(ready, results)
                # Their keys are let go with the others'.
                results += [(each.call, _Outcome(self._run, each.call, each.key, finish_later)) for each in rest]
                ready = []
        results += [(each.call, _Outcome(self._run_alone, each, finish_later)) for each in ready]
        results += [(call, _Outcome(self.call, call, finish_later)) for call in alone]
        return results

    def _sort(self, call: Call, ready: list[_Ready], alone: list[Call], results: Results) -> None:
        """Put a call among those that can be made together, those that can't, or those that are known by now."""
        cache = self._cache
        key = cache.key(call) if cache is not None else None
        if cache is None or key is None or not cache.shares(call):
            ready.append(_Ready(call, key, None))
            return
        # Never waited for: another run may have it, and wait for one of those that this one has.
        held = cache.hold(key, call, lambda: True)
        if held is None:
            alone.append(call)
        elif (found := cache.recall(key, call)) is not None:
            held.release()
            recalled = self._recalled(call, key, found)
            results.append((call, lambda: recalled))
        else:
            ready.append(_Ready(call, key, held))

    def _made_together(self, ready: list[_Ready], results: Results) -> list[_Ready]:
        """Make calls together, and return those that are to be made one by one after all."""
        reporter = self._job.reporter
        node = ready[0].call.node
        began = time.perf_counter()
        try:
            site = self._sites.of(node)
        except NodeFailedError:
            return ready  # each says so for itself
        able = [each for each in ready if self._prepare(each, site)]
        if len(able) < 2:
            return ready
        if reporter.observed:
            for each in able:
                reporter.started(each.call.name, node.type)
        job = self._job
        context = RunContext(job.run_id, node.id, job.output_dir, reporter, job.origin, job.models)
        try:
            found = self._run_batch(site, context, able)
        except NodeCancelledError as error:
            results += [(each.call, _raising(error)) for each in able]
            return [each for each in ready if each not in able]
        except NodeFailedError as error:
            reporter.log(node.id, f"{len(able)} items together: {error.why or error.what}; one by one now", "debug")
            return ready
        finally:
            context.close()
        seconds = (time.perf_counter() - began) / len(able)
        for each, result in zip(able, found, strict=True):
            each.call.state.ran_at = began
            results.append((each.call, _Outcome(self._kept, each, site, result, seconds, context)))
        return [each for each in ready if each not in able]

    def _prepare(self, each: _Ready, site: Site) -> bool:
        try:
            each.args = prepared(each.call.node, site.node_class.InputArgs, self._data(each.call))
        except (NodeFailedError, NodeCancelledError):
            return False  # it fails alone, when it is made alone
        return True

    def _run_batch(self, site: Site, context: RunContext, able: Sequence[_Ready]) -> list[Any]:
        """Run a node for several calls; raises NodeFailedError where it fails for all of them."""
        node = able[0].call.node
        first = able[0].args
        assert first is not None
        name = node.id
        try:
            instance = site.slot.take(context)
            if models_of(instance):
                instance = self._up_to_date(instance, site, context)
            try:
                with speaking(lambda text, level: self._job.reporter.log(name, text, level)):
                    found: Any = instance.run_batch(context, [each.args for each in able])
            finally:
                site.slot.give(instance)
        except BaseException as error:
            raise raised(node, site.node_class, error, given(first), self._job.control) from error
        if not isinstance(found, (list, tuple)) or len(found) != len(able):
            reason = f"run_batch returned {short(found)} for {len(able)} sets of inputs, not a list of as many outputs"
            raise invalid_result(node, {"": reason}, given(first))
        return list(found)

    def _kept(self, each: _Ready, site: Site, result: Any, seconds: float, context: RunContext) -> Result:
        assert each.args is not None
        return self._taken(each.call, each.key, site, each.args, result, time.perf_counter() - seconds, context)

    def _run_alone(self, each: _Ready, finish_later: FinishLater) -> Result:
        later = False
        try:
            result = self._run(each.call, each.key, finish_later, each.held)
            later = isinstance(result, Later)
            return result
        finally:
            if not later and each.held is not None:
                each.held.release()


def _raising(error: NodeFailedError | NodeCancelledError) -> Callable[[], Any]:
    """Return what raises an error for whoever takes a result up."""

    def take() -> Any:
        raise error

    return take


class _Outcome:
    """What a function gave or raised, to be had later."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self._result: Any = None
        self._error: BaseException | None = None
        try:
            self._result = function(*args)
        except BaseException as error:  # noqa: BLE001  handed on to whoever takes it up
            self._error = error

    def __call__(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._result
