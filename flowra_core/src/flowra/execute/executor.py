"""What an executor is: it takes a plan and runs it, reporting as it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flowra.dag.catalog import NodeCatalog
from flowra.dag.context import RunContext, RunServices
from flowra.dag.node import BaseArgs, Node
from flowra.dag.plan.logical import NodeOutput
from flowra.dag.plan.physical import PhysicalPlan
from flowra.exceptions import NodeFailedError
from flowra.execute.control import RunControl
from flowra.execute.values import Value
from flowra.model.models import Models

if TYPE_CHECKING:
    from flowra.execute.batch.feed import BatchFeed
    from flowra.execute.cache import ResultCache

__all__ = ["Executor", "Job", "Outcome", "Reporter", "Watcher"]


class Reporter(RunServices, Protocol):
    """What an executor tells of a run. Calls come in order for each node, from any thread.

    A node is named by its id; an item of one that maps over a list has its position in brackets behind it, and a node
    of a graph that another node returned has that node's name before it.
    """

    @property
    def observed(self) -> bool:
        """Whether anybody listens; if not, what is costly to describe need not be."""

    def queued(self, node: str, type_id: str) -> None:
        """Report that a node waits for its inputs."""

    def started(self, node: str, type_id: str, worker: str = "") -> None:
        """Report that a node runs, on a worker of a cluster if one is named."""

    def succeeded(self, node: str, seconds: float, outputs: Mapping[str, str], worker: str = "") -> None:
        """Report that a node has run, on a worker if one is named; `outputs` describes each output in a line."""

    def cached(self, node: str, type_id: str, worker: str = "") -> None:
        """Report that the result of an earlier run stands in for running a node; a worker is named if one found it."""

    def shown(self, node: str, title: str, summary: str, png: bytes | None) -> None:
        """Report a value to look at that was described where the node runs."""

    def retried(self, node: str, attempt: int, seconds: float, error: NodeFailedError) -> None:
        """Report that a node failed and is tried again after so many seconds, for the `attempt`-th time."""

    def mapped(self, node: str, items: int, failures: int, seconds: float) -> None:
        """Report that a node has gone through its list; its items were reported one by one."""

    def failed(self, node: str, error: NodeFailedError) -> None:
        """Report that a node failed."""

    def not_run(self, node: str, reason: str) -> None:
        """Report that a node won't run, because of a failure before it or because the run was cancelled."""


class Watcher(Protocol):
    """Stands beside the calls of nodes, as a debugger or a profiler does; called from the thread of the call."""

    def watched(self, name: str, instance: Node) -> Callable[[RunContext, BaseArgs], Any]:
        """Return what is called in place of the instance's `run`; it calls that, and gives what it gives."""

    def raised(self, name: str, node_class: type[Node], error: BaseException) -> None:
        """Look at what a node's `init` or `run` raised; the error goes on as it would have."""


@dataclass(frozen=True)
class Job:
    """A plan and all that running it needs.

    Attributes:
        run_id: The run's id.
        plan: What is to be run.
        known: The outputs of the nodes that the plan knows the results of.
        catalog: Where the node classes come from.
        wanted: The outputs that are asked for; others are let go when their last taker has run.
        output_dir: The folder for files that nodes write for people.
        reporter: Who is told.
        control: Whether the run is to stop.
        cache: Where results are looked up and kept; None to keep nothing.
        watcher: Who stands beside the calls; None as a rule.
        models: Where models come from.
        origin: The run that this one goes on with, or that one did, from the first; empty if none.
        batch: The items that the plan is run for; None to run it once.
    """

    run_id: str
    plan: PhysicalPlan
    known: Mapping[str, Mapping[str, Value]]
    catalog: NodeCatalog
    wanted: frozenset[NodeOutput]
    output_dir: Path
    reporter: Reporter
    control: RunControl
    cache: ResultCache | None = None
    watcher: Watcher | None = None
    models: Models = field(default_factory=Models)
    origin: str = ""
    batch: BatchFeed | None = None


@dataclass
class Outcome:
    """What came of a job.

    Attributes:
        values: The outputs that were asked for and could be had.
        failures: What failed, by node, in the order in which it failed.
        not_run: Why a node was not run, by node.
    """

    values: dict[NodeOutput, Any] = field(default_factory=dict)
    failures: dict[str, NodeFailedError] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)


class Executor(Protocol):
    """Runs plans. An executor is used by one session, for one run after another.

    Attributes:
        in_flight: How many items of a batch are best under way at once.
    """

    in_flight: int = 64

    def execute(self, job: Job) -> Outcome:
        """Run a plan and return what came of it; a node's failure is part of the outcome, never raised."""

    def close(self) -> None:
        """Free what the executor holds: warm instances, threads, processes."""
