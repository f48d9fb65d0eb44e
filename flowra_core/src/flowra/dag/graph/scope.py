"""Which subgraph a name means: one of a graph's own, or of the nearest graph around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flowra.dag.graph.model import Graph
from flowra.dag.graph.places import KeyPath

__all__ = ["Scope", "scopes"]


@dataclass(frozen=True)
class Scope:
    """A graph, and the graphs around it whose subgraphs it can use.

    Attributes:
        graph: The graph.
        path: The place of the graph in the outermost one.
        outer: The graph around it, or None for the outermost.
    """

    graph: Graph
    path: KeyPath
    outer: Scope | None

    def find(self, name: str) -> Scope | None:
        """Return the subgraph that a name means here, or None if there is none."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.graph.subgraphs:
                return Scope(scope.graph.subgraphs[name], (*scope.path, "subgraphs", name), scope)
            scope = scope.outer
        return None

    def known(self) -> list[str]:
        """Return the names of all subgraphs that can be used here."""
        names: list[str] = []
        scope: Scope | None = self
        while scope is not None:
            names.extend(scope.graph.subgraphs)
            scope = scope.outer
        return names


def scopes(graph: Graph) -> Iterator[Scope]:
    """Yield a graph and every subgraph in it, each with its surroundings."""
    pending = [Scope(graph, (), None)]
    while pending:
        scope = pending.pop()
        yield scope
        inner = [scope.find(name) for name in scope.graph.subgraphs]
        pending.extend(each for each in reversed(inner) if each is not None)
