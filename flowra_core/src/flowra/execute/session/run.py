"""One execution of a graph: its id, what came of it, and where its files lie."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from flowra.dag.plan.logical import LogicalPlan
from flowra.exceptions import NodeFailedError, RunCancelledError, RunError, StoreError

__all__ = ["Run", "new_run_id"]


@dataclass(frozen=True)
class Run:
    """What came of running a graph.

    Attributes:
        id: Its id, which also names its folder.
        plan: What was run.
        status: `succeeded`, `failed` (a node failed) or `cancelled`.
        outputs: The graph's outputs by name, as values; those that could not be had are missing. A graph without
            declared outputs gives each output that no other node takes, as `node.port`.
        files: Where each output lies for people: `{"file": path}`, `{"files": [path, …]}` for a list, or
            `{"value": …}` for plain data.
        failures: What failed, by node.
        not_run: Why a node was not run, by node.
        output_dir: The folder with the files of the run.
        seconds: How long it took.
        warnings: What went wrong without stopping it: an observer that failed, one that could not be loaded.
        not_uploaded: Why not every result is in the remote store, where the run was told to require that.
    """

    id: str
    plan: LogicalPlan
    status: Literal["succeeded", "failed", "cancelled"]
    outputs: Mapping[str, Any]
    files: Mapping[str, Any]
    failures: Mapping[str, NodeFailedError]
    not_run: Mapping[str, str]
    output_dir: Path
    seconds: float
    warnings: tuple[str, ...] = field(default=())
    not_uploaded: StoreError | None = None

    def raise_for_status(self) -> Run:
        """Return the run if it succeeded.

        Raises:
            NodeFailedError: The first failure, if nodes failed.
            RunCancelledError: The run was cancelled.
            StoreError: A result is not in the remote store, and has to be.
        """
        if self.failures:
            raise next(iter(self.failures.values()))
        if self.status == "cancelled":
            raise RunCancelledError(f"run {self.id} was cancelled", why=f"{len(self.not_run)} nodes were not run")
        if self.not_uploaded is not None:
            raise self.not_uploaded
        return self

    def __getitem__(self, name: str) -> Any:
        """Return an output by name; raises the run's failure, or RunError naming the outputs there are."""
        if name in self.outputs:
            return self.outputs[name]
        self.raise_for_status()
        known = ", ".join(self.outputs) or "none"
        raise RunError(f"run {self.id} has no output {name!r}", fix=f"its outputs: {known}")


def new_run_id(name: str) -> str:
    """Return a new id: the graph's name, the time in UTC, and eight random characters; fit for a folder's name."""
    readable = "".join(character if character.isalnum() else "-" for character in name).strip("-")[:40] or "run"
    return f"{readable}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
