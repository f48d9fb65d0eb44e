"""`Session`: where graphs are run from Python."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from flowra.config.settings import load_settings
from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.plan.logical import LogicalPlan
from flowra.dag.plan.planner import local_classes, outputs_of, plan_graph
from flowra.exceptions import PluginError, RunError
from flowra.execute.control import RunControl, interruptible
from flowra.execute.executor import Executor, Job, Outcome
from flowra.execute.local import LocalExecutor
from flowra.execute.session.export import check_folder, export_outputs
from flowra.execute.session.reporting import EventReporter, Observer
from flowra.execute.session.run import Run, new_run_id
from flowra.plugin.manager import PluginManager

__all__ = ["Session"]


class Session:
    """Runs graphs with one executor and one set of packs; its node instances stay warm from run to run.

    ```python
    with Session() as session:
        run = session.run(Graph.load("faces.json"), inputs={"photo": "me.jpg"})
        print(run["picture"].shape, run.files["picture"])
    ```

    Args:
        manager: The installed packs; the process's own if None.
        executor: What runs the plans; a `LocalExecutor` if None.
        observers: Who is told the events of every run, besides the observers that packs contribute.
    """

    def __init__(
        self,
        *,
        manager: PluginManager | None = None,
        executor: Executor | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.catalog = NodeCatalog(manager)
        self._executor: Executor = executor if executor is not None else LocalExecutor()
        self._observers = list(observers)

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

        Raises:
            GraphInvalidError: The graph has mistakes, or an input is missing; carries all of them.
            UsageError: There is no such input or target, or the folder can't be written to.
            RunError: An output can't be written.
        """
        plan = self.plan(graph, inputs=inputs, targets=targets)
        return self.run_plan(plan, output_dir=output_dir, observers=observers, control=control)

    def run_plan(
        self,
        plan: LogicalPlan,
        *,
        output_dir: str | Path | None = None,
        observers: Sequence[Observer] = (),
        control: RunControl | None = None,
    ) -> Run:
        """Run a plan that `plan` gave; see `run`."""
        run_id = new_run_id(plan.name)
        folder = (
            Path(output_dir).absolute() if output_dir is not None else load_settings().output_dir.absolute() / run_id
        )
        check_folder(folder)
        began = time.perf_counter()
        control = control if control is not None else RunControl()
        contributed, warnings = self._contributed_observers()
        reporter = EventReporter(run_id, [*self._observers, *observers, *contributed], control)
        wanted = outputs_of(plan)
        job = Job(run_id, plan, self.catalog, frozenset(wanted.values()), folder, reporter, control)
        reporter.planned(plan.name, len(plan.nodes), str(folder))
        for warning in warnings:
            reporter.log("", warning, "warning")
        try:
            with interruptible(control):
                outcome = self._executor.execute(job)
        except KeyboardInterrupt:
            reporter.finished("cancelled", time.perf_counter() - began, {})
            raise
        outputs = {name: outcome.values[output] for name, output in wanted.items() if output in outcome.values}
        typed = {
            name: (value, plan.nodes[wanted[name].node].description.output(wanted[name].port))
            for name, value in outputs.items()
        }
        try:
            files = export_outputs(
                {name: (value, port.value_type) for name, (value, port) in typed.items() if port is not None}, folder
            )
        except RunError:
            reporter.finished("failed", time.perf_counter() - began, {})
            raise
        status = _status(outcome, control)
        seconds = time.perf_counter() - began
        reporter.finished(status, seconds, files)
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

    def close(self) -> None:
        """Close the warm node instances and whatever the executor holds."""
        self._executor.close()

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
