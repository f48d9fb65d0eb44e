"""The links of a graph as arrows from port to port, for drawings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from flowra.dag.graph.model import Graph
from flowra.dag.graph.values import links_in, refs_in

__all__ = ["Arrow", "arrows"]


class Arrow(NamedTuple):
    """An arrow between two things in a drawing.

    Attributes:
        source: What it starts from: `("node", "load")` or `("input", "photo")`.
        source_port: The output port, or an empty text for a graph input.
        target: Where it leads: `("node", "resize")` or `("output", "picture")`.
        target_port: The input port, or an empty text for a graph output.
    """

    source: tuple[str, str]
    source_port: str
    target: tuple[str, str]
    target_port: str

    @property
    def label(self) -> str:
        """What is written at the arrow: the port, or both where they differ."""
        names = dict.fromkeys(name for name in (self.source_port, self.target_port) if name)
        return " → ".join(names)


def arrows(graph: Graph) -> Iterator[Arrow]:
    """Yield an arrow for each link between things that exist, each pair of ports once."""
    yield from dict.fromkeys(_all_arrows(graph))


def _all_arrows(graph: Graph) -> Iterator[Arrow]:
    for node in graph.nodes.values():
        for port, value in node.inputs.items():
            for _, ref in refs_in(value):
                if ref.name in graph.inputs:
                    yield Arrow(("input", ref.name), "", ("node", node.id), port)
            for _, link in links_in(value):
                if link.node in graph.nodes:
                    yield Arrow(("node", link.node), link.port, ("node", node.id), port)
    for name, link in graph.outputs.items():
        if link.node in graph.nodes:
            yield Arrow(("node", link.node), link.port, ("output", name), "")
