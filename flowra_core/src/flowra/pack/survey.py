"""Looks at a pack's source tree: what it contributes, where each part stands, and everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flowra.pack.process import run_module
from flowra.pack.project import PackProject
from flowra.pack.tree_checks import tree_problems

__all__ = ["FileProblem", "PackSurvey", "SurveyedNode", "survey"]


@dataclass(frozen=True)
class FileProblem:
    """Something that is wrong with a pack.

    Attributes:
        file: The file, relative to the pack's folder where it is inside.
        line: The line, from 1; None for the file as a whole.
        reason: What is wrong.
        fix: What to do about it, or nothing.
    """

    file: str
    line: int | None
    reason: str
    fix: str = ""

    @property
    def place(self) -> str:
        """The file and line, as editors take them."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def to_json(self) -> dict[str, Any]:
        """Return the problem as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class SurveyedNode:
    """A node of a pack.

    Attributes:
        name: Its name.
        type: `pack/Node`.
        group: The group that lists show it in.
        summary: What it does, in one line.
        version: The version of its arguments; 0 where its class can't be loaded.
        file: The file of its class, relative to the pack's folder; nothing where that is not known.
        line: The line of its class.
    """

    name: str
    type: str
    group: str
    summary: str
    version: int
    file: str
    line: int | None


@dataclass(frozen=True)
class PackSurvey:
    """What there is in a pack's tree.

    Attributes:
        nodes: The nodes, in the pack's own order.
        contributions: How many of each other kind it contributes: `{"value_types": 1}`.
        manifest: Whether the manifest says what the code says.
        problems: What is wrong, by file and line.
    """

    nodes: tuple[SurveyedNode, ...]
    contributions: Mapping[str, int] = field(default_factory=dict)
    manifest: bool = False
    problems: tuple[FileProblem, ...] = ()


def survey(project: PackProject) -> PackSurvey:
    """Look at a pack as its tree lies there; its code runs in a process of its own.

    Every problem is found at once: in `pyproject.toml`, in each module, in each node class, in the manifest, in the
    example graphs, and conflicts that an update left.

    Raises:
        PluginError: The pack's code ends the process that looks at it.
    """
    found = run_module(project, "flowra.pack.survey_process")
    problems = [*tree_problems(project), *(FileProblem(**each) for each in found["problems"])]
    unique = dict.fromkeys(_relative(problem, project.root) for problem in problems)
    return PackSurvey(
        tuple(SurveyedNode(**node) for node in found["nodes"]),
        found["contributions"],
        found["manifest"],
        tuple(sorted(unique, key=lambda problem: (problem.file, problem.line or 0))),
    )


def _relative(problem: FileProblem, root: Path) -> FileProblem:
    path = Path(problem.file)
    if path.is_absolute() and path.is_relative_to(root):
        return FileProblem(path.relative_to(root).as_posix(), problem.line, problem.reason, problem.fix)
    return problem
