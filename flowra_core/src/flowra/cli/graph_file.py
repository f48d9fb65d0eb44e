"""Graph files as commands take them: read and checked, with the line of each mistake."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from flowra.dag.graph import Reading, read_graph_file
from flowra.dag.graph.locator import lines_of
from flowra.dag.graph.places import parse_place
from flowra.exceptions import GraphInvalidError, Problem

__all__ = ["located_error", "located_problems", "read"]


def read(path: Path) -> Reading:
    """Read a graph file; raises GraphInvalidError with the file's name if it can't be used."""
    reading = read_graph_file(path)
    reading.graph_or_raise()
    return reading


def located_problems(problems: Sequence[Problem], reading: Reading) -> list[Problem]:
    """Return the problems with the lines of the file that they are on; a place that is not in it keeps none."""
    if reading.text is None:
        return list(problems)
    paths = {problem.place: parse_place(problem.place) for problem in problems if problem.line is None}
    lines = lines_of(reading.text, [path for path in paths.values() if path])
    found = []
    for problem in problems:
        at = lines.get(paths.get(problem.place, ()), [])
        found.append(dataclasses.replace(problem, line=at[-1]) if problem.line is None and at else problem)
    return found


def located_error(error: GraphInvalidError, reading: Reading) -> GraphInvalidError:
    """Return the error with the file's name and the line of each problem."""
    return GraphInvalidError(
        error.what, located_problems(error.problems, reading), where=error.where or reading.where, fix=error.fix
    )
