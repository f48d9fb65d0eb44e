"""`Session`: where graphs are run from Python."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

from flowra.config.settings import load_settings
from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.plan.logical import LogicalPlan, NodeOutput
from flowra.dag.plan.physical import PhysicalPlan, physical_plan
from flowra.dag.plan.planner import local_classes, outputs_of, plan_graph
from flowra.exceptions import GraphError, PluginError, UsageError
from flowra.execute.capture import capturing
from flowra.execute.control import RunControl, interruptible
from flowra.execute.executor import Executor, Job, Outcome, Watcher
from flowra.execute.local import LocalExecutor
from flowra.execute.policy import CachePolicy
from flowra.execute.session.export import check_folder, export_outputs
from flowra.execute.session.history import PastRun, RunHistory
from flowra.execute.session.journal import Journal
from flowra.execute.session.reporting import EventReporter, Observer
from flowra.execute.session.run import Run, new_run_id
from flowra.execute.session.running import RunningRun
from flowra.execute.values import Value
from flowra.plugin.manager import PluginManager, manager_in_context
from flowra.storage.address import open_store
from flowra.storage.store import Store

if TYPE_CHECKING:
    from flowra.execute.cache import ResultCache

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
        self._observers = list(observers)
        self._cache = cache
        self._address = store
        self._store: Store | None = store if isinstance(store, Store) else None
        self._opening = threading.Lock()

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
        return RunHistory(load_settings().cache_dir / "runs")

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
        """
        run_id = new_run_id(plan.name)
        settings = load_settings()
        folder = Path(output_dir).absolute() if output_dir is not None else settings.output_dir.absolute() / run_id
        check_folder(folder)
        earlier = self._earlier(resume)
        began = time.perf_counter()
        control = control if control is not None else RunControl()
        contributed, warnings = self._contributed_observers()
        reporter = EventReporter(run_id, [*self._observers, *observers, *contributed], control)
        wanted = outputs_of(plan)
        origin = "" if earlier is None else str(earlier.header.get("origin") or earlier.id)
        journal = self._journal(run_id, plan, folder, {**(header or {}), **({"origin": origin} if origin else {})})
        reporter.planned(plan.name, len(plan.nodes), str(folder))
        for warning in warnings:
            reporter.log("", warning, "warning")
        cache = self._result_cache(reporter, policy, journal, earlier)
        if cache is not None and earlier is not None:
            cache.goes_on = _is_same(earlier, plan, header)
        physical, known = _asked(plan, cache, wanted.values())
        job = Job(
            run_id=run_id,
            plan=physical,
            known=known,
            catalog=self.catalog,
            wanted=frozenset(wanted.values()),
            output_dir=folder,
            reporter=reporter,
            control=control,
            cache=cache,
            watcher=watcher,
            origin=origin,
        )
        try:
            with interruptible(control), capturing() if reporter.observed else nullcontext():
                outcome = self._executor.execute(job)
            outputs = {name: outcome.values[output] for name, output in wanted.items() if output in outcome.values}
            files = export_outputs(
                {name: (value, plan.output_type(wanted[name])) for name, value in outputs.items()}, folder
            )
        except (KeyboardInterrupt, Exception) as error:
            _finish(
                reporter,
                journal,
                "cancelled" if isinstance(error, KeyboardInterrupt) else "failed",
                time.perf_counter() - began,
                {},
            )
            raise
        status = _status(outcome, control)
        seconds = time.perf_counter() - began
        if cache is not None:
            cache.flush()
            warnings += [cache.broken] if cache.broken else []
        if journal is not None and journal.broken:
            reporter.log("", journal.broken, "warning")
            warnings.append(journal.broken)
        _finish(reporter, journal, status, seconds, files)
        return Run(
            id=run_id,
            plan=plan,
            status=status,
            outputs=outputs,
            files=files,
            failures=outcome.failures,
            not_run=outcome.not_run,
            output_dir=folder,
            seconds=seconds,
            warnings=(*warnings, *reporter.broken),
        )

    @_with_own_packs
    def physical_plan(self, plan: LogicalPlan, *, policy: CachePolicy | None = None) -> PhysicalPlan:
        """Ask the cache what of a plan has to run; nothing runs, and no value is read."""
        reporter = EventReporter("", [], RunControl())
        return _asked(plan, self._result_cache(reporter, policy, None, None), outputs_of(plan).values())[0]

    def _result_cache(
        self, reporter: EventReporter, policy: CachePolicy | None, journal: Journal | None, earlier: PastRun | None
    ) -> ResultCache | None:
        store = self.store
        if store is None:
            return None
        from flowra.dag.key import Keyer
        from flowra.execute.cache import ResultCache

        return ResultCache(
            store=store,
            # One for each run: it takes code, libraries and files as it sees them first.
            keyer=Keyer(self.catalog, file_digest=store.file_digest),
            policy=policy if policy is not None else CachePolicy(),
            warn=lambda node, reason: reporter.log(node, reason, "warning"),
            journal=journal,
            resumed=earlier.calls if earlier is not None else {},
        )

    def _earlier(self, resume: str | None) -> PastRun | None:
        if resume is None:
            return None
        if not self._cache:
            raise UsageError("a run can only be resumed with a cache", fix="open the session without cache=False")
        return self.history.find(resume)

    def _journal(
        self, run_id: str, plan: LogicalPlan, folder: Path, header: Mapping[str, Any] | None
    ) -> Journal | None:
        if not self._cache:
            return None
        about = {
            "name": plan.name,
            "folder": str(plan.folder),
            "targets": sorted(plan.targets),
            "output_dir": str(folder),
        }
        return Journal(self.history.path_of(run_id), {"run": run_id, **about, **(header or {})})

    def close(self) -> None:
        """Close the warm node instances, whatever the executor holds, and a store that the session opened."""
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

    def _contributed_observers(self) -> tuple[list[Observer], list[str]]:
        observers: list[Observer] = []
        warnings = []
        for pack, entry in self.catalog.manager.entries("observers"):
            try:
                loaded = self.catalog.manager.load(entry.target, pack)
                observers.append(loaded() if isinstance(loaded, type) else loaded)
            except Exception as error:  # noqa: BLE001  a pack's observer is no reason for a run not to begin
                said = error.what if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
                warnings.append(f"observer {entry.name} of {pack} can't be used: {said}")
        return observers, warnings


def _status(outcome: Outcome, control: RunControl) -> Literal["succeeded", "failed", "cancelled"]:
    if outcome.failures:
        return "failed"
    return "cancelled" if control.cancelled and outcome.not_run else "succeeded"


def _asked(
    plan: LogicalPlan, cache: ResultCache | None, wanted: Iterable[NodeOutput]
) -> tuple[PhysicalPlan, Mapping[str, Mapping[str, Value]]]:
    """Return the physical plan, and the values of what is known."""
    if cache is None:
        return physical_plan(plan, frozenset(), frozenset(), wanted), {}
    from flowra.execute.planning import ask_cache

    return ask_cache(plan, cache, wanted)


def _is_same(earlier: PastRun, plan: LogicalPlan, header: Mapping[str, Any] | None) -> bool:
    """Tell whether a run runs what an earlier one ran: the same graph, with the same inputs and folder."""
    now = json.loads(json.dumps({**(header or {}), "folder": str(plan.folder)}, default=str))
    return all(
        now.get(part) is not None and now[part] == earlier.header.get(part) for part in ("graph", "inputs", "folder")
    )


def _finish(
    reporter: EventReporter, journal: Journal | None, status: str, seconds: float, files: dict[str, Any]
) -> None:
    if journal is not None:
        journal.finish(status, seconds, files)
    reporter.finished(status, seconds, files)


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
