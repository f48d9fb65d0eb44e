"""A graph as a Mermaid flowchart, which GitHub, GitLab and many editors draw."""

from __future__ import annotations

from collections.abc import Iterator

from flowra.dag.graph.draw.links import arrows
from flowra.dag.graph.draw.words import declared_text, drawable
from flowra.dag.graph.model import Graph
from flowra.dag.graph.names import subgraph_name

__all__ = ["draw_mermaid"]


def draw_mermaid(graph: Graph) -> str:
    """Return the text of a flowchart; each subgraph stands in a box of its own."""
    lines = ["flowchart LR"]
    if graph.name:
        # A title with a quote or a colon has to be quoted in YAML; JSON text is YAML, too.
        lines = ["---", f'title: "{_plain(graph.name)}"', "---", *lines]
    return "\n".join([*lines, *_graph(graph, "", "  ")])


def _plain(text: str) -> str:
    return drawable(text).replace("\\", "\\\\").replace('"', "'")


def _graph(graph: Graph, prefix: str, indent: str) -> Iterator[str]:
    # Ids of our own: "end" and the like are words of Mermaid's language.
    ids: dict[tuple[str, str], str] = {}
    for index, declared in enumerate(graph.inputs.values()):
        ids["input", declared.name] = f"{prefix}i{index}"
        yield f'{indent}{prefix}i{index}[/"{_escaped(declared.name)}<br>{_escaped(declared_text(declared))}"/]'
    for index, node in enumerate(graph.nodes.values()):
        ids["node", node.id] = f"{prefix}n{index}"
        opening, closing = ("[[", "]]") if subgraph_name(node.type) else ("[", "]")
        yield f'{indent}{prefix}n{index}{opening}"<b>{_escaped(node.id)}</b><br>{_escaped(node.type)}"{closing}'
    for index, name in enumerate(graph.outputs):
        ids["output", name] = f"{prefix}o{index}"
        yield f'{indent}{prefix}o{index}(["{_escaped(name)}"])'
    for arrow in arrows(graph):
        label = f'|"{_escaped(arrow.label)}"|' if arrow.label else ""
        yield f"{indent}{ids[arrow.source]} -->{label} {ids[arrow.target]}"
    for index, (name, inner) in enumerate(graph.subgraphs.items()):
        box = f"{prefix}s{index}"
        yield f'{indent}subgraph {box}["graph/{_escaped(name)}"]'
        yield from _graph(inner, f"{box}_", f"{indent}  ")
        yield f"{indent}end"


def _escaped(text: str) -> str:
    """Return text with everything that means something to Mermaid, Markdown or HTML as `#code;`."""
    return "".join(char if char.isalnum() or char in " ._-/,=→…" else f"#{ord(char)};" for char in drawable(text))
