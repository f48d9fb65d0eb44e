"""A graph in the DOT language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from flowra.dag.graph.draw.links import arrows
from flowra.dag.graph.draw.words import declared_text, drawable
from flowra.dag.graph.model import Graph
from flowra.dag.graph.names import subgraph_name

__all__ = ["draw_dot"]


def draw_dot(graph: Graph) -> str:
    """Return the text of a digraph; each subgraph stands in a cluster of its own."""
    return "\n".join(
        [
            f"digraph {_quoted(graph.name or 'graph')} {{",
            "  rankdir=LR;",
            '  node [shape=box, style=rounded, fontname="sans-serif", fontsize=11];',
            '  edge [fontname="sans-serif", fontsize=9];',
            *_graph(graph, "", "  "),
            "}",
        ]
    )


def _graph(graph: Graph, prefix: str, indent: str) -> Iterator[str]:
    def id_of(thing: tuple[str, str]) -> str:
        kind, name = thing
        return _quoted(f"{prefix}{name}" if kind == "node" else f"{prefix}{kind} {name}")

    for declared in graph.inputs.values():
        label = _label(declared.name, declared_text(declared))
        yield f"{indent}{id_of(('input', declared.name))} [shape=cds, label={label}];"
    for node in graph.nodes.values():
        border = ", peripheries=2" if subgraph_name(node.type) else ""
        yield f"{indent}{id_of(('node', node.id))} [label={_label(node.id, node.type)}{border}];"
    for name in graph.outputs:
        yield f"{indent}{id_of(('output', name))} [shape=ellipse, label={_label(name)}];"
    for arrow in arrows(graph):
        yield f"{indent}{id_of(arrow.source)} -> {id_of(arrow.target)} [label={_label(arrow.label)}];"
    for name, inner in graph.subgraphs.items():
        yield f"{indent}subgraph {_quoted(f'cluster_{prefix}{name}')} {{"
        yield f"{indent}  label={_label(f'graph/{name}')};"
        yield from _graph(inner, f"{prefix}{name}/", f"{indent}  ")
        yield f"{indent}}}"


def _quoted(text: str) -> str:
    escaped = drawable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _label(*lines: str) -> str:
    return '"' + "\\n".join(_quoted(line)[1:-1] for line in lines) + '"'
