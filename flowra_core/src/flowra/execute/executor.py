"""What an executor is: it takes a plan and runs it, reporting as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from flowra.dag.catalog import NodeCatalog
from flowra.dag.context import RunServices
from flowra.dag.plan.logical import LogicalPlan, NodeOutput
from flowra.exceptions import NodeFailedError
from flowra.execute.control import RunControl

__all__ = ["Executor", "Job", "Outcome", "Reporter"]


class Reporter(RunServices, Protocol):
    """What an executor tells of a run. Calls come in order for each node, from any thread."""

    def queued(self, node: str, type_id: str) -> None:
        """Report that a node waits for its inputs."""

    def started(self, node: str, type_id: str) -> None:
        """Report that a node runs."""

    def succeeded(self, node: str, seconds: float, outputs: Mapping[str, str]) -> None:
        """Report that a node has run; `outputs` describes each output in a line."""

    def failed(self, node: str, error: NodeFailedError) -> None:
        """Report that a node failed."""

    def not_run(self, node: str, reason: str) -> None:
        """Report that a node won't run, because of a failure before it or because the run was cancelled."""


@dataclass(frozen=True)
class Job:
    """A plan and all that running it needs.

    Attributes:
        run_id: The run's id.
        plan: What is to be run.
        catalog: Where the node classes come from.
        wanted: The outputs that are asked for; others are let go when their last taker has run.
        output_dir: The folder for files that nodes write for people.
        reporter: Who is told.
        control: Whether the run is to stop.
    """

    run_id: str
    plan: LogicalPlan
    catalog: NodeCatalog
    wanted: frozenset[NodeOutput]
    output_dir: Path
    reporter: Reporter
    control: RunControl


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
    """Runs plans. An executor is used by one session, for one run after another."""

    def execute(self, job: Job) -> Outcome:
        """Run a plan and return what came of it; a node's failure is part of the outcome, never raised."""

    def close(self) -> None:
        """Free what the executor holds: warm instances, threads, processes."""
