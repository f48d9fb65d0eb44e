"""`Session`: where graphs are run from Python."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar
from weakref import WeakSet

from flowra.config.settings import load_settings
from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.plan.logical import LogicalPlan
from flowra.dag.plan.physical import PhysicalPlan
from flowra.dag.plan.planner import local_classes, outputs_of, plan_graph
from flowra.exceptions import GraphError, UsageError
from flowra.execute.batch.opening import open_batch
from flowra.execute.batch.source import Given, ItemSource
from flowra.execute.batch.sweep import Sweep
from flowra.execute.control import RunControl
from flowra.execute.executor import Executor, Outcome, Watcher
from flowra.execute.local import LocalExecutor
from flowra.execute.policy import CachePolicy
from flowra.execute.session.batch import Batch
from flowra.execute.session.export import export_outputs
from flowra.execute.session.history import RunHistory
from flowra.execute.session.opening import RunOpener, RunOptions, asked_of
from flowra.execute.session.reporting import EventReporter, Observer
from flowra.execute.session.run import Run
from flowra.execute.session.running import RunningRun
from flowra.execute.session.settling import AfterRun
from flowra.model.models import Models
from flowra.plugin.manager import PluginManager, manager_in_context
from flowra.storage.address import open_store
from flowra.storage.store import Store

__all__ = ["Session"]


P = ParamSpec("P")
T = TypeVar("T")


def _with_own_packs(method: Callable[Concatenate[Session, P], T]) -> Callable[Concatenate[Session, P], T]:
    """Have value types, their handlers and components come from the session's packs while a method runs."""

    @wraps(method)
    def run(session: Session, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with manager_in_context(session.catalog.manager):
            return method(session, *args, **kwargs)

    return run


class Session:
    """Runs graphs with one executor and one set of packs; its node instances stay warm from run to run.

    ```python
    with Session() as session:
        run = session.run(Graph.load("faces.json"), inputs={"photo": "me.jpg"})
        print(run["picture"].shape, run.files["picture"])
    ```

    Args:
        manager: The packs: their nodes, value types, components, observers and stores; those that are installed if
            None.
        executor: What runs the plans; a `LocalExecutor` if None.
        store: Where results are kept and looked up: a folder, an address, an open store; None for the one in the
            settings. It is opened with the first run.
        cache: Whether results are kept at all. Without, nothing is looked up or stored, and no run can be resumed.
        observers: Who is told the events of every run, besides the observers that packs contribute.
    """

    def __init__(
        self,
        *,
        manager: PluginManager | None = None,
        executor: Executor | None = None,
        store: Store | str | Path | None = None,
        cache: bool = True,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.catalog = NodeCatalog(manager)
        self._executor: Executor = executor if executor is not None else LocalExecutor()
        self._cache = cache
        self._opener = RunOpener(self.catalog, lambda: self.store, cache=cache, observers=observers)
        self._address = store
        self._store: Store | None = store if isinstance(store, Store) else None
        self._opening = threading.Lock()
        self._batches: WeakSet[Batch] = WeakSet()

    @property
    @_with_own_packs
    def store(self) -> Store | None:
        """The store, opened if it is not open yet; None for a session without a cache.

        Raises:
            StoreError: It can't be opened.
        """
        with self._opening:
            if self._store is None and self._cache:
                settings = load_settings()
                address = self._address or settings.store or settings.cache_dir / "store"
                assert not isinstance(address, Store)
                self._store = open_store(address)
            return self._store

    @property
    def history(self) -> RunHistory:
        """The journals of earlier runs."""
        return self._opener.history

    @_with_own_packs
    def plan(
        self, graph: Graph, *, inputs: Mapping[str, Any] | None = None, targets: Iterable[str] = ()
    ) -> LogicalPlan:
        """Check a graph and return its logical plan; raises GraphInvalidError with every mistake."""
        for node_class in local_classes(graph):
            self.catalog.add(node_class)
        return plan_graph(graph, self.catalog, inputs=inputs, targets=targets)

    def run(
        self,
        graph: Graph,
        *,
        inputs: Mapping[str, Any] | None = None,
        targets: Iterable[str] = (),
        output_dir: str | Path | None = None,
        observers: Sequence[Observer] = (),
        control: RunControl | None = None,
        policy: CachePolicy | None = None,
        resume: str | None = None,
        uploads: AfterRun = "later",
    ) -> Run:
        """Run a graph to its end and return what came of it.

        Args:
            graph: The graph.
            inputs: Values of the graph's inputs by name.
            targets: Ids of the nodes to run, with all they need; all nodes if there are none.
            output_dir: The folder for the files of the run; a folder named after the run in the setting `output_dir`
                (`flowra-output`) if None.
            observers: Who is told the events of this run.
            control: With it another thread can cancel the run.
            policy: Which nodes are not to be looked up, or not to be recorded.
            resume: The id of an earlier run, from which what succeeded is taken over, nodes that are not cached
                included.
            uploads: What of the results that are on their way to a remote store when the run has ended: `later` leaves
                them to the background, and to `close`; `wait` waits for them some seconds; `require` until every result
                of the run is there, except where a node states that they stay on this machine (`Run.not_uploaded`).

        Raises:
            GraphInvalidError: The graph has mistakes, or an input is missing; carries all of them.
            UsageError: There is no such input, target or run, or the folder can't be written to.
            StoreError: The store can't be opened.
            RunError: An output can't be written.
        """
        plan = self.plan(graph, inputs=inputs, targets=targets)
        return self.run_plan(
            plan,
            output_dir=output_dir,
            observers=observers,
            control=control,
            policy=policy,
            resume=resume,
            uploads=uploads,
            header={"graph": _as_data(graph), "inputs": _plain_inputs(inputs)},
        )

    def start(self, graph: Graph, **options: Any) -> RunningRun:
        """Run a graph in the background; `options` are those of `run`.

        Raises:
            GraphInvalidError: The graph has mistakes, or an input is missing; carries all of them.
            UsageError: There is no such input or target.
        """
        control = options.pop("control", None) or RunControl()
        # Mistakes in the graph are the caller's, and raised here rather than when the run is waited for.
        self.plan(graph, inputs=options.get("inputs"), targets=options.get("targets", ()))
        return RunningRun(lambda: self.run(graph, control=control, **options), control)

    async def run_async(self, graph: Graph, **options: Any) -> Run:
        """Run a graph without blocking the event loop; `options` are those of `run`, and so is what is raised.

        A task that is cancelled cancels the run, and waits for the nodes that are running to end.
        """
        import asyncio

        running = self.start(graph, **options)
        waiting = asyncio.ensure_future(asyncio.to_thread(running.wait))
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            running.cancel()
            await waiting
            raise

    @_with_own_packs
    def map(
        self,
        graph: Graph,
        items: Iterable[Given] | None = None,
        *,
        sweep: Sweep | Mapping[str, Sequence[Any]] | None = None,
        inputs: Mapping[str, Any] | None = None,
        targets: Iterable[str] = (),
        fields: Iterable[str] = (),
        outputs: Iterable[str] = (),
        label: Callable[[Mapping[str, Any]], str] | None = None,
        ordered: bool = False,
        in_flight: int | None = None,
        stop_after: int | None = None,
        output_dir: str | Path | None = None,
        export: bool | None = None,
        observers: Sequence[Observer] = (),
        control: RunControl | None = None,
        policy: CachePolicy | None = None,
        resume: str | None = None,
        uploads: AfterRun = "later",
        header: Mapping[str, Any] | None = None,
    ) -> Batch:
        """Run a graph for many items in one run, and give what comes of each as soon as it is there.

        ```python
        for result in session.map(graph, ({"photo": path} for path in paths), sweep={"detect.confidence": [0.2, 0.4]}):
            print(result.name, result.status, result.outputs)
        ```

        The graph is checked once. What does not depend on an item or a setting runs once, and what depends on a part
        of them once for each value of that part. An item that fails fails alone.

        Args:
            graph: The graph.
            items: What each item gives, by `input` or `node.port`; taken one by one as they are needed, so there may be
                any number of them. None for one item that gives nothing, to run a sweep alone.
            sweep: The settings that each item is run with; every combination of the values of a mapping.
            inputs: Values of the graph's inputs that are the same for all.
            targets: Ids of the nodes to run, with all they need; all nodes if there are none.
            fields: What items may give besides what the first one gives.
            outputs: Outputs of nodes, as `node.port`, that results have besides the graph's own.
            label: What people know an item by; the one text or path that it gives if None.
            ordered: Whether results come in the order of the items rather than as they end.
            in_flight: How many items are under way at once, those whose results wait to be taken included; what suits
                the executor if None.
            stop_after: Begin no more items once so many have failed.
            output_dir: The folder for the files of the run, as for `run`.
            export: Whether outputs are written as files, each item's in a folder of its own; if `output_dir` is given
                if None.
            observers: Who is told the events of the run.
            control: With it another thread can cancel it.
            policy: Which nodes are not to be looked up, or not to be recorded.
            resume: The id of an earlier run, from which what succeeded is taken over.
            uploads: See `run`; what is required and not there is said by `Batch.not_uploaded`.
            header: What the journal says of the batch besides its graph.

        Raises:
            GraphInvalidError: The graph has mistakes, or none of the first items can be used.
            UsageError: There is no such input, node, port, target or run, or the folder can't be written to.
            StoreError: The store can't be opened.
        """
        for name, number in (("in_flight", in_flight), ("stop_after", stop_after)):
            if number is not None and number < 1:
                raise UsageError(f"{name} is a number from 1, not {number}")
        sweep = sweep if isinstance(sweep, Sweep) else Sweep.matrix(sweep or {})
        source = ItemSource(items, sweep, inputs or {}, label)
        batch = Batch(
            source,
            control=control if control is not None else RunControl(),
            ordered=ordered,
            stop_after=stop_after,
            export=export if export is not None else output_dir is not None,
        )
        planned = open_batch(
            graph, self.catalog, source, inputs=inputs or {}, targets=targets, fields=fields, outputs=outputs
        )
        if planned is None:
            return batch
        self._batches.add(batch)
        template = planned.template
        about = {"graph": _as_data(graph), "inputs": _plain_inputs(inputs), "batch": {}, **(header or {})}
        options = RunOptions(output_dir, observers, batch.control, policy, resume, about, uploads=uploads)
        batch.start(
            template,
            source.items(planned.names),
            in_flight if in_flight is not None else self._executor.in_flight,
            self._executor,
            lambda feed: self._opener.open(template.plan, options, feed=feed, asked=template.closed),
        )
        return batch

    @_with_own_packs
    def run_plan(
        self,
        plan: LogicalPlan,
        *,
        output_dir: str | Path | None = None,
        observers: Sequence[Observer] = (),
        control: RunControl | None = None,
        policy: CachePolicy | None = None,
        resume: str | None = None,
        header: Mapping[str, Any] | None = None,
        watcher: Watcher | None = None,
        uploads: AfterRun = "later",
    ) -> Run:
        """Run a plan that `plan` gave; see `run`.

        Args:
            plan: The plan.
            output_dir: See `run`; so are `observers`, `control`, `policy` and `resume`.
            observers: Who is told the events of this run.
            control: With it another thread can cancel the run.
            policy: Which nodes are not to be looked up, or not to be recorded.
            resume: The id of an earlier run.
            header: What the journal says of the graph besides its name.
            watcher: Who stands beside the calls of the nodes, as a debugger does.
            uploads: See `run`.
        """
        options = RunOptions(output_dir, observers, control, policy, resume, header, watcher, uploads)
        opened = self._opener.open(plan, options)
        job = opened.job
        wanted = outputs_of(plan)
        with opened.running():
            outcome = self._executor.execute(job)
            outputs = {name: outcome.values[output] for name, output in wanted.items() if output in outcome.values}
            files = export_outputs(
                {name: (value, plan.output_type(wanted[name])) for name, value in outputs.items()}, job.output_dir
            )
        status = _status(outcome, job.control)
        seconds = opened.close(status, files)
        return Run(
            id=job.run_id,
            plan=plan,
            status=status,
            outputs=outputs,
            files=files,
            failures=outcome.failures,
            not_run=outcome.not_run,
            output_dir=job.output_dir,
            seconds=seconds,
            warnings=tuple(opened.warnings),
            not_uploaded=opened.not_uploaded,
        )

    @_with_own_packs
    def physical_plan(self, plan: LogicalPlan, *, policy: CachePolicy | None = None) -> PhysicalPlan:
        """Ask the cache what of a plan has to run; nothing runs, and no value is read."""
        reporter = EventReporter("", [], RunControl())
        models = Models(load_settings(), self.catalog.manager)
        return asked_of(
            plan, self._opener.result_cache(reporter, policy, None, None, models), outputs_of(plan).values()
        )[0]

    def close(self) -> None:
        """Cancel batches that go on; close warm node instances, what the executor holds, a store that it opened."""
        for batch in list(self._batches):
            batch.close()
        self._executor.close()
        if self._store is not None and not isinstance(self._address, Store):
            self._store.close()
            self._store = None

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _status(outcome: Outcome, control: RunControl) -> Literal["succeeded", "failed", "cancelled"]:
    if outcome.failures:
        return "failed"
    return "cancelled" if control.cancelled and outcome.not_run else "succeeded"


def _as_data(graph: Graph) -> dict[str, Any] | None:
    """Return the graph as its file has it; None for one with values that live in memory."""
    try:
        return graph.to_json()
    except GraphError:
        return None


def _plain_inputs(inputs: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the inputs of a run as plain data; None if one lives in memory."""
    try:
        text = json.dumps(
            {name: str(value) if isinstance(value, Path) else value for name, value in (inputs or {}).items()}
        )
    except (TypeError, ValueError):
        return None
    plain: dict[str, Any] = json.loads(text)
    return plain
