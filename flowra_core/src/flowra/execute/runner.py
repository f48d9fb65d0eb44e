"""Makes the calls of a run: recalled from the cache where it can, run where it must."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar

from flowra.dag.context import NodeCancelledError, RunContext
from flowra.dag.node import BaseArgs, Node
from flowra.dag.outcome import EndBranch, Expansion
from flowra.dag.plan.logical import NodeOutput, PlannedNode
from flowra.exceptions import NodeFailedError
from flowra.execute.awaiter import Awaiter
from flowra.execute.batch.item import item_folder
from flowra.execute.capture import Listener, end_line, speaking
from flowra.execute.executor import Job, Outcome
from flowra.execute.failure import invalid_result, named
from flowra.execute.instances import InstancePool, InstanceSlot, models_of
from flowra.execute.node_call import checked, given, prepared, raised
from flowra.execute.reading import ValueReader, mark_origin, referring
from flowra.execute.returned_graph import Expanded, planned_expansion
from flowra.execute.scheduler.state import Call, item_of
from flowra.execute.sites import Site, Sites, described_outputs
from flowra.execute.values import ABSENT, Ended, Held, Many, Value
from flowra.storage.refs import BlobRef
from flowra.type.model_reference import ModelReference

if TYPE_CHECKING:
    from flowra.dag.key import ActionKey
    from flowra.execute.cache import ResultCache
    from flowra.storage.store import KeyLock

__all__ = ["CallRunner", "Later", "OverdueError"]

Outputs = dict[str, Value]


@dataclass(frozen=True)
class Later:
    """The call is awaited, and its result comes through the function that was given for it."""


Result = Outputs | Ended | Later | Expanded


class OverdueError(Exception):
    """A call came to an end after it had run out of time: something else stands for it already."""


@dataclass(slots=True)
class _Timed:
    """A try that may run out of time.

    Attributes:
        attempt: Which try it is.
        context: Its context.
        slot: Where its instance is from.
        instance: Its instance.
        held: What it holds against others, as the right to compute its key.
        stop: Stops it, where it is awaited.
    """

    attempt: int
    context: RunContext
    slot: InstanceSlot
    instance: Node
    held: KeyLock | None
    stop: Callable[[], None] | None = None


class CallRunner:
    """Makes the calls of one job. Every method may be called from any thread.

    Args:
        job: The job.
        pool: Where node instances come from.
        cache: The results of earlier runs; None to run everything and keep values in memory.
        awaiter: Runs coroutines.

    Attributes:
        reader: Reads the values that are not in memory.
        watch: Told each call that may run out of time, when its node begins to run.
        gathers: Whether calls of nodes that take several at once are to be gathered for it.
        patience: Seconds that a call waits for another that computes its key, before it is made all the same and the
            first result counts; None for as long as that takes.
    """

    gathers: ClassVar[bool] = False

    def __init__(self, job: Job, pool: InstancePool, cache: ResultCache | None, awaiter: Awaiter) -> None:
        self._job = job
        self._cache = cache
        self._awaiter = awaiter
        self._sites = Sites(job.catalog, pool, self._fetched)
        self._timed: dict[Call, _Timed] = {}
        values = cache.values if cache is not None else None
        self.reader = ValueReader(values, self._again, lambda node, text: job.reporter.log(node, text, "warning"))
        self.watch: Callable[[Call], None] | None = None
        self.patience: float | None = None

    def call(self, call: Call, finish_later: Callable[[Call, Callable[[], Any]], None]) -> Result:
        """Make a call and return its outputs; or `Later`, and then hand its result to `finish_later`.

        Raises:
            NodeFailedError: An argument, the node's own code or its result is off.
            NodeCancelledError: The run was cancelled while the node ran, or while it waited for another that runs it.
            OverdueError: It ran out of time before.
        """
        cache = self._cache
        if cache is None:
            return self._run(call, None, finish_later)
        key = cache.key(call)
        if (cache.resumed or self._job.batch is not None) and (found := self._found(key, call)) is not None:
            return found
        if key is None or not cache.shares(call):
            return self._run(call, key, finish_later)
        held = cache.hold(key, call, self._cancelled, self.patience)
        if held is None and (self.patience is None or self._cancelled()):
            raise NodeCancelledError(f"node {call.name} was cancelled while it waited for another run that runs it")
        later = False
        try:
            # Only now: another may have computed it while this one waited for its turn.
            if (found := cache.recall(key, call)) is not None:
                return self._recalled(call, key, found)
            result = self._run(call, key, finish_later, held)
            later = isinstance(result, Later)
            return result
        finally:
            if not later and held is not None:
                held.release()

    def known(self, call: Call) -> Outputs | Ended | None:
        """Return what a call gave in the run that is resumed or in an earlier one; None where it has to run."""
        if self._cache is None:
            return None
        key = self._cache.key(call)
        found = self._found(key, call)
        if found is None and key is not None and self._job.batch is None and self._cache.shares(call):
            recalled = self._cache.recall(key, call)
            found = None if recalled is None else self._recalled(call, key, recalled)
        return found

    def _found(self, key: ActionKey | None, call: Call) -> Outputs | Ended | None:
        """Return what is known of a call without the right to compute it; other calls than a batch's were looked up."""
        assert self._cache is not None
        found = self._cache.resume(key, call)
        if found is None and self._job.batch is not None and key is not None and self._cache.shares(call):
            found = self._cache.recall(key, call)
        return None if found is None else self._recalled(call, key, found)

    def call_together(
        self, calls: Sequence[Call], finish_later: Callable[[Call, Callable[[], Any]], None]
    ) -> list[tuple[Call, Callable[[], Result]]]:
        """Make calls of one node; return for each what gives its result, or raises, as `call` does."""
        return [(call, lambda call=call: self.call(call, finish_later)) for call in calls]  # type: ignore[misc]

    def _cancelled(self) -> bool:
        return self._job.control.cancelled

    def needed(self, call: Call) -> frozenset[str]:
        """Have a node say which of its lazy inputs it needs, knowing the others.

        Raises:
            NodeFailedError: It failed to, or named what is no lazy input.
        """
        site = self._sites.of(call.node)
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
        except NodeFailedError:
            raise
        except BaseException as error:
            raise raised(call.node, site.node_class, error, given(args), self._job.control) from error
        finally:
            context.close()
        if unknown := named - lazy:
            reason = (
                f"needs() named {', '.join(sorted(map(str, unknown)))}; its lazy inputs are {', '.join(sorted(lazy))}"
            )
            raise invalid_result(call.node, {"": reason}, given(args))
        return named & linked

    def expanded(self, call: Call, outputs: Mapping[str, Value]) -> Outputs | Ended:
        """Take up what the graph gave that ran in a call's place."""
        ended = next((value for value in outputs.values() if isinstance(value, Ended)), None)
        result: Outputs | Ended = ended if ended is not None else dict(outputs)
        self._end(call, self._cache.key(call) if self._cache is not None else None, result, 0.0)
        return result

    def deliver(self, wanted: Mapping[NodeOutput, Value], outcome: Outcome) -> None:
        """Put the outputs that were asked for into the outcome, as plain values; what failed is left out."""
        self.reader.prepare(wanted.values())
        for output, value in wanted.items():
            try:
                outcome.values[output] = self.reader.plain(value)
            except (LookupError, NodeCancelledError):
                continue
            except NodeFailedError as error:
                outcome.failures.setdefault(output.node, named(error, output.node))

    def spill(self, value: Held) -> None:
        """Leave a value to the store, if it can be had again from there."""
        if self._cache is not None and isinstance(self._cache.values.referenced(value), BlobRef):
            value.data = ABSENT

    def abandon(self, call: Call) -> bool:
        """Tell a call that ran out of time that nobody waits for it any more; return whether a thread is at it."""
        timed = self._timed.pop(call, None)
        if timed is None:
            return False
        timed.context.abandon()
        timed.slot.discard(timed.instance)
        if timed.stop is not None:
            timed.stop()
            return False
        if timed.held is not None:
            timed.held.release()  # another try must not wait for this one
        return True

    # ---- making a call -----------------------------------------------------------------------------------------------

    def _run(
        self,
        call: Call,
        key: ActionKey | None,
        finish_later: Callable[[Call, Callable[[], Any]], None],
        held: KeyLock | None = None,
    ) -> Result:
        """Run a node; `held` is let go when it has run, also where that is later."""
        reporter = self._job.reporter
        if not reporter.observed:
            return self._made(call, key, finish_later, held, None)
        name = call.name
        reporter.started(name, call.node.type)
        with speaking(lambda text, level: reporter.log(name, text, level)) as listener:
            return self._made(call, key, finish_later, held, listener)

    def _made(
        self,
        call: Call,
        key: ActionKey | None,
        finish_later: Callable[[Call, Callable[[], Any]], None],
        held: KeyLock | None,
        listener: Listener | None,
    ) -> Result:
        call.state.ran_at = began = time.perf_counter()
        site = self._sites.of(call.node)
        args = prepared(call.node, site.node_class.InputArgs, self._data(call))
        context = self._context(call)
        instance = timed = None
        later = False
        try:
            instance = site.slot.take(context)
            if models_of(instance):
                instance = self._up_to_date(instance, site, context)
            if self.watch is not None and call.node.description.traits.timeout is not None:
                # Its time begins here: it may have waited for an instance, and for another who computes the same.
                timed = self._timed[call] = _Timed(call.attempt, context, site.slot, instance, held)
                self.watch(call)
            watcher = self._job.watcher
            run = instance.run if watcher is None else watcher.watched(call.name, instance)
            result = run(context, args)
            if inspect.iscoroutine(result):
                # What a coroutine prints belongs to the node too: it runs in a copy of this context.
                waiting = ExitStack()
                if held is not None:
                    waiting.callback(held.release)
                waiting.callback(context.close)
                waiting.callback(site.slot.give, instance)
                if listener is not None:
                    waiting.callback(end_line, listener)
                later = True
                resume = self._resume(call, key, site, args, began, waiting, timed, finish_later, context)
                stop = self._awaiter.start(result, resume)
                if timed is not None:
                    timed.stop = stop
                return Later()
        except NodeFailedError:
            # Put into words already, with its cause, in the node's own process.
            if timed is not None:
                self._in_time(call, timed)
            raise
        except BaseException as error:
            if timed is not None:
                self._in_time(call, timed)
            self._look_at(call, site, error)
            raise raised(call.node, site.node_class, error, given(args), self._job.control) from error
        finally:
            if not later:
                if instance is not None:
                    site.slot.give(instance)
                context.close()
        if timed is not None:
            self._in_time(call, timed)
        return self._taken(call, key, site, args, result, began, context)

    def _up_to_date(self, instance: Node, site: Site, context: RunContext) -> Node:
        """Return an instance that holds models, made anew where they mean other files by now."""
        if any(
            self._job.models.identity(ModelReference.parse(each), context) != used.identity
            for each, used in models_of(instance).items()
        ):
            instance = site.slot.renew(instance, context)
        context.note_models(models_of(instance))
        return instance

    def _look_at(self, call: Call, site: Site, error: BaseException) -> None:
        """Let a debugger look at what a node raised, while its frames are there."""
        if self._job.watcher is not None:
            self._job.watcher.raised(call.name, site.node_class, error)

    def _in_time(self, call: Call, timed: _Timed) -> None:
        """Note that a try has ended; raises OverdueError if it had run out of time."""
        if not call.claim(timed.attempt):
            raise OverdueError
        self._timed.pop(call, None)

    def _resume(
        self,
        call: Call,
        key: ActionKey | None,
        site: Site,
        args: BaseArgs,
        began: float,
        waiting: ExitStack,
        timed: _Timed | None,
        finish_later: Callable[[Call, Callable[[], Any]], None],
        context: RunContext,
    ) -> Callable[[Callable[[], Any]], None]:
        """Return what takes up a call when its coroutine has ended; `waiting` is what is let go then."""

        def resume(outcome: Callable[[], Any]) -> None:
            def finish() -> Outputs | Ended | Expanded:
                with waiting:
                    try:
                        result = outcome()
                    except BaseException as error:
                        if timed is not None:
                            self._in_time(call, timed)
                        self._look_at(call, site, error)
                        raise raised(call.node, site.node_class, error, given(args), self._job.control) from error
                    if timed is not None:
                        self._in_time(call, timed)
                    return self._taken(call, key, site, args, result, began, context)

            finish_later(call, finish)

        return resume

    def _taken(
        self,
        call: Call,
        key: ActionKey | None,
        site: Site,
        args: BaseArgs,
        result: Any,
        began: float,
        context: RunContext,
    ) -> Outputs | Ended | Expanded:
        """Take up what a node's `run` gave."""
        seconds = time.perf_counter() - began
        if isinstance(result, Expansion):
            return self._planned(call, args, result)
        outputs: Outputs | Ended
        if isinstance(result, EndBranch):
            outputs = Ended(result.reason or f"{call.name} ended the branch")
        else:
            outputs = site.values(checked(call.node, site.node_class, result, args))
        self._end(call, key, outputs, seconds, context)
        return outputs

    def _planned(self, call: Call, args: BaseArgs, expansion: Expansion) -> Expanded:
        """Plan the graph that a node returned; its mistakes are the node's."""
        return planned_expansion(self._job, call, args, expansion)

    def _end(
        self,
        call: Call,
        key: ActionKey | None,
        outputs: Outputs | Ended,
        seconds: float,
        context: RunContext | None = None,
    ) -> None:
        """Keep what a call gave, and report it."""
        observed = self._job.reporter.observed
        # Described before it is kept: where another was first, what stays of it is a reference.
        described = described_outputs(outputs) if observed else {}
        if self._cache is not None:
            models = {} if context is None else context.models_used()
            self._cache.remember(key, call, outputs, seconds, models)
        if not observed:
            return
        if isinstance(outputs, Ended):
            self._job.reporter.not_run(call.name, outputs.reason)
        else:
            self._job.reporter.succeeded(call.name, seconds, described)

    def _recalled(self, call: Call, key: ActionKey | None, found: Outputs | Ended) -> Outputs | Ended:
        if isinstance(found, Ended):
            self._job.reporter.not_run(call.name, found.reason)
            return found
        # What is kept for the case that the store loses a value must not keep the inputs in memory.
        origin = call.again({port: referring(value) for port, value in call.inputs.items()})
        for port, value in found.items():
            mark_origin(value, origin, port)
        self._job.reporter.cached(call.name, call.node.type)
        return found

    # ---- data --------------------------------------------------------------------------------------------------------

    def _context(self, call: Call) -> RunContext:
        job = self._job
        item = item_of(call.state.name)
        folder = job.output_dir if item is None else item_folder(job.output_dir, item)
        return RunContext(job.run_id, call.name, folder, job.reporter, job.origin, job.models)

    def _fetched(self, node: PlannedNode, reference: ModelReference) -> Path:
        """Fetch a model that a node declares."""
        job = self._job
        context = RunContext(job.run_id, node.id, job.output_dir, job.reporter, job.origin, job.models)
        return context.fetch(reference).path

    def _data(self, call: Call) -> dict[str, Any]:
        """Return a call's inputs as the node gets them: values in memory, lists without ended items."""
        reader = self.reader
        for value in call.inputs.values():
            if type(value) is Many:
                reader.prepare((value,))
        return {
            port: (data if (data := value.data) is not ABSENT else reader.load(value))
            if type(value) is Held
            else reader.plain(value)
            for port, value in call.inputs.items()
        }

    def _again(self, call: Call) -> Outputs | None:
        """Run a node once more for a call that was recalled, and return its outputs; None where it has none."""
        assert self._cache is not None
        call = call.again(call.inputs)
        ended: SimpleQueue[Callable[[], Any]] = SimpleQueue()
        result = self._run(call, self._cache.key(call), lambda _, finish: ended.put(finish))
        if isinstance(result, Later):
            result = ended.get()()
        return result if isinstance(result, dict) else None
