"""What a command is asked to run: a graph from a file or from an earlier run, with inputs, settings and targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowra.exceptions import GraphInvalidError, UsageError

if TYPE_CHECKING:
    from flowra.dag.graph import Graph, Reading
    from flowra.dag.plan.logical import LogicalPlan
    from flowra.execute.session import Session

__all__ = ["Asked", "Request", "asked", "requested"]


@dataclass(frozen=True)
class Request:
    """A plan, and what the journal is to say of where it comes from.

    Attributes:
        plan: The plan.
        header: The graph and its inputs as data.
    """

    plan: LogicalPlan
    header: Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """A graph with what a command line gives it.

    Attributes:
        graph: The graph, its ports set.
        given: Values of its inputs.
        targets: Nodes to run, with all they need.
        reading: Where it stands in its file; None for the graph of an earlier run.
    """

    graph: Graph
    given: Mapping[str, Any]
    targets: Sequence[str]
    reading: Reading | None

    @property
    def header(self) -> dict[str, Any]:
        """What the journal is to say of it."""
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in self.given.items()}
        return {"graph": self.graph.to_json(), "inputs": plain}

    def located(self, error: GraphInvalidError) -> GraphInvalidError:
        """Return an error with the lines of the graph's file."""
        from flowra.cli.graph_file import located_error

        return located_error(error, self.reading) if self.reading is not None else error


def requested(
    session: Session,
    path: Path | None,
    resume: str | None,
    inputs: Sequence[str],
    settings: Sequence[str],
    targets: Sequence[str],
) -> Request:
    """Return the plan that a command line asks for; see `asked`.

    Raises:
        UsageError: There is neither a file nor a run, or something that is named is not there.
        GraphInvalidError: The graph has mistakes; where it has a file, with its lines.
    """
    found = asked(session, path, resume, inputs, settings, targets)
    try:
        plan = session.plan(found.graph, inputs=found.given, targets=found.targets)
    except GraphInvalidError as error:
        raise found.located(error) from None
    return Request(plan, found.header)


def asked(
    session: Session,
    path: Path | None,
    resume: str | None,
    inputs: Sequence[str],
    settings: Sequence[str],
    targets: Sequence[str],
) -> Asked:
    """Return the graph that a command line asks for.

    Args:
        session: Where it will run.
        path: The graph's file; None to take the graph of the run that is resumed.
        resume: An earlier run.
        inputs: `NAME=VALUE` for inputs of the graph.
        settings: `NODE.PORT=VALUE` for ports of nodes.
        targets: Nodes to run, with all they need.

    Raises:
        UsageError: There is neither a file nor a run, or something that is named is not there.
    """
    from flowra.cli.graph_file import read
    from flowra.cli.pack_lock import tell_differences
    from flowra.cli.values import apply_settings, input_values

    reading: Reading | None = None
    given: dict[str, Any] = {}
    if path is not None:
        reading = read(path)
        tell_differences(path)
        graph = reading.graph
        graph.name = graph.name or path.stem
    elif resume is not None:
        graph, given, earlier_targets = _of_earlier_run(session, resume)
        targets = targets or earlier_targets
    else:
        raise UsageError("no graph is named", fix="flowra run GRAPH, or flowra run --resume RUN")
    graph = apply_settings(graph, settings, session.catalog)
    given.update(input_values(graph, inputs))
    return Asked(graph, given, targets, reading)


def _of_earlier_run(session: Session, resume: str) -> tuple[Graph, dict[str, Any], list[str]]:
    from flowra.dag.graph import Graph

    earlier = session.history.find(resume)
    data, inputs = earlier.header.get("graph"), earlier.header.get("inputs")
    if not isinstance(data, dict) or not isinstance(inputs, dict):
        raise UsageError(
            f"the run {earlier.id} can't be resumed from its journal alone",
            why="its graph or its inputs lived in memory, and were not written down",
            fix="name the graph's file: flowra run GRAPH --resume RUN",
        )
    graph = Graph.from_json(data)
    graph.folder = Path(str(earlier.header.get("folder", ".")))
    return graph, dict(inputs), [str(target) for target in earlier.header.get("targets", [])]
