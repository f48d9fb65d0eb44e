"""`flowra graph`: check, draw and describe graph files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowra.exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowra.dag.graph import Graph, Reading
    from flowra.dag.graph.places import KeyPath
    from flowra.exceptions import Problem

__all__ = ["command"]

_FORMS = ("tree", "mermaid", "dot", "svg")
_FORM_OF_SUFFIX = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid"}
_WIDTH = 100
_COLOURS: dict[str, dict[str, Any]] = {
    "title": {"bold": True},
    "id": {"bold": True},
    "type": {"fg": "cyan"},
    "detail": {"dim": True},
    "lane": {"fg": "blue"},
    "warning": {"fg": "yellow"},
}


@click.group("graph")
def command() -> None:
    """Check, draw and describe graph files."""


@command.command("validate")
@click.argument("path", metavar="GRAPH", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the problems as a list in JSON.")
def validate(path: Path, as_json: bool) -> int:
    """Check the graph in the file GRAPH against the installed packs, and show every mistake with its place.

    The exit code is 0 for a valid graph, and 3 for one with mistakes.
    """
    from flowra.cli.graph_file import located_problems
    from flowra.dag.graph import read_graph_file

    reading = read_graph_file(path)
    problems = located_problems([*reading.problems, *_later_problems(reading)], reading)
    problems.sort(key=lambda problem: problem.line or 0)
    if as_json:
        click.echo(json.dumps([problem.to_json() for problem in problems], ensure_ascii=False, indent=2))
    elif problems:
        _show_problems(path, problems)
    else:
        count = len(reading.graph.nodes)
        click.echo(f"{path} is valid: {count:,} node{'' if count == 1 else 's'}")
    return 3 if problems else 0


def _later_problems(reading: Reading) -> list[Problem]:
    """Return what is wrong with the graph besides the text of its file.

    What could not be read in the file would be missed here again, so nodes with such mistakes are left alone.
    """
    from flowra.dag.catalog import NodeCatalog
    from flowra.dag.graph.places import parse_place
    from flowra.dag.plan.checks import check

    unread = {_owner(parse_place(problem.place)) for problem in reading.problems}
    # Without these parts everything that refers to them would be reported.
    if unread & {("the file",), ("nodes",), ("inputs",), ("subgraphs",)} or (reading.problems and reading.text is None):
        return []
    found = check(reading.graph, NodeCatalog())
    return [problem for problem in found if _owner(parse_place(problem.place)) not in unread]


def _owner(path: KeyPath) -> KeyPath:
    """Return the place of the node, input or output that a place is in: `nodes.resize`, `subgraphs.twice.nodes.a`."""
    start = 0
    while path[start : start + 1] == ("subgraphs",) and len(path) > start + 2:
        start += 2
    return path[: start + 2]


def _show_problems(path: Path, problems: Sequence[Problem]) -> None:
    from itertools import groupby

    from flowra.dag.graph.places import parse_place, render_place

    count = len(problems)
    click.echo(click.style(f"{path}: {count:,} problem{'' if count == 1 else 's'}", bold=True))
    digits = max(len(str(problem.line or "")) for problem in problems)
    for owner, group in groupby(problems, key=lambda problem: _owner(parse_place(problem.place))):
        click.echo(f"\n{click.style(render_place(owner), bold=True)}")
        for problem in group:
            line = f"line {problem.line:>{digits}}" if problem.line is not None else " " * (digits + 5)
            inside = problem.place.removeprefix(render_place(owner)).lstrip(".")
            click.echo(f"  {line if digits else ''}  {f'{inside}: ' if inside else ''}{problem.reason}")
            if problem.fix:
                click.echo(f"  {' ' * (digits + 5 if digits else 0)}  {click.style(problem.fix, fg='green')}")


@command.command("show")
@click.argument("path", metavar="GRAPH", type=click.Path(path_type=Path))
@click.option(
    "--as",
    "form",
    type=click.Choice(_FORMS),
    help="Form of the drawing; without it the ending of FILE decides, or a tree is drawn.",
)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the drawing to FILE instead."
)
@click.option("--json", "as_json", is_flag=True, help="Print inputs, nodes, links and outputs as JSON.")
def show(path: Path, form: str | None, output: Path | None, as_json: bool) -> None:
    """Draw the graph in the file GRAPH: in the terminal, or as Mermaid, DOT or SVG. No pack has to be installed.

    \b
    flowra graph show faces.json
    flowra graph show faces.json -o faces.svg
    """  # noqa: D301  click reads \b as an escape
    from flowra.cli.graph_file import read

    graph = read(path).graph
    graph.name = graph.name or path.stem
    if as_json:
        if form is not None:
            raise UsageError("--json and --as can't be used together", fix="leave one of them out")
        text = json.dumps(_described(graph), ensure_ascii=False, indent=2)
    else:
        form = form or (_FORM_OF_SUFFIX.get(output.suffix.lower()) if output is not None else None) or "tree"
        text = _drawn(graph, form, coloured=output is None)
    if output is None:
        click.echo(text)
    else:
        _write(output, text)


def _drawn(graph: Graph, form: str, *, coloured: bool) -> str:
    from flowra.dag.graph import draw

    if form == "tree":
        return draw.draw_terminal(graph, width=_width(), style=_coloured if coloured else None)
    return {"mermaid": draw.draw_mermaid, "dot": draw.draw_dot, "svg": draw.draw_svg}[form](graph)


def _width() -> int:
    import shutil
    import sys

    return min(_WIDTH, max(40, shutil.get_terminal_size((_WIDTH, 24)).columns)) if sys.stdout.isatty() else _WIDTH


def _coloured(text: str, kind: str) -> str:
    # click takes the colours out again where the output is no terminal.
    return click.style(text, **_COLOURS[kind])


def _described(graph: Graph) -> dict[str, Any]:
    from flowra.dag.graph.draw.links import arrows
    from flowra.dag.graph.order import layers, source_ids

    step = layers(source_ids(graph))
    data = graph.to_json()
    return {
        "name": graph.name,
        "description": graph.description,
        "inputs": data.get("inputs", {}),
        "nodes": [
            {"id": node.id, "type": node.type, "version": node.version, "step": step.get(node.id)}
            for node in graph.nodes.values()
        ],
        "links": [
            {
                "from": {arrow.source[0]: arrow.source[1], "port": arrow.source_port or None},
                "to": {arrow.target[0]: arrow.target[1], "port": arrow.target_port or None},
            }
            for arrow in arrows(graph)
        ],
        "outputs": {name: {"node": link.node, "port": link.port} for name, link in graph.outputs.items()},
        "subgraphs": {name: _described(inner) for name, inner in graph.subgraphs.items()},
    }


@command.command("schema")
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the schema to FILE instead."
)
def schema(output: Path | None) -> None:
    """Print the JSON Schema of graph files, for editors, front ends and other languages."""
    from flowra.dag.graph.schema import graph_schema

    text = json.dumps(graph_schema(), ensure_ascii=False, indent=2)
    if output is None:
        click.echo(text)
    else:
        _write(output, text)


def _write(path: Path, text: str) -> None:
    from flowra.dag.graph.files import write_whole

    try:
        write_whole(path, [text.rstrip("\n"), "\n"])
    except OSError as error:
        raise UsageError(f"{path} can't be written", why=error.strerror or str(error)) from None
