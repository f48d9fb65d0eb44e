"""Mistakes in a graph that show without any pack: links to nowhere, cycles, subgraphs that contain themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from flowra.dag.graph.model import Graph, GraphNode
from flowra.dag.graph.names import nearest, subgraph_name
from flowra.dag.graph.order import cycles, is_in_order, source_ids
from flowra.dag.graph.places import KeyPath, render_place
from flowra.dag.graph.scope import Scope
from flowra.dag.graph.values import MAX_DEPTH, Link, links_in, refs_in
from flowra.exceptions import Problem

__all__ = ["structural_problems"]

#: How many cycles of a graph are shown; each mended link usually mends several.
MAX_CYCLES = 10

#: How many nodes of a cycle are named at its start, and at its end.
_NAMED = 8

# Looking for the nearest name is slow; after this many, the others are reported without one.
_GUESSES = 100


def structural_problems(graph: Graph) -> list[Problem]:
    """Return the mistakes of a graph that show without its packs, each with its place.

    Looked for are links to nodes and references to inputs that don't exist, cycles, unknown subgraphs, and subgraphs
    that contain themselves.
    """
    return _Checker().check(graph)


class _Checker:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.uses: dict[KeyPath, dict[KeyPath, KeyPath]] = {}
        self.guesses = 0

    def check(self, graph: Graph) -> list[Problem]:
        pending = [Scope(graph, (), None)]
        while pending:
            scope = pending.pop()
            if not is_in_order(scope.graph):
                self.check_links(scope)
                self.check_cycles(scope)
            self.check_outputs(scope)
            self.check_subgraphs(scope)
            inner = [scope.find(name) for name in scope.graph.subgraphs]
            if len(scope.path) < 2 * MAX_DEPTH:
                pending.extend(each for each in reversed(inner) if each is not None)
            elif inner:
                self.report((*scope.path, "subgraphs"), f"subgraphs nested more than {MAX_DEPTH} levels deep")
        self.check_recursion()
        return self.problems

    def report(self, path: KeyPath, reason: str, fix: str | None = None) -> None:
        self.problems.append(Problem(render_place(path), reason, fix))

    def report_dangling(self, path: KeyPath, link: Link, nodes: Collection[str]) -> None:
        reason = f"linked to {link}, but there is no node {link.node!r}"
        self.report(path, reason, self.guess(link.node, nodes, "the graph has no nodes"))

    def guess(self, name: str, known: Collection[str], none: str) -> str | None:
        self.guesses += 1
        near = nearest(name, known) if self.guesses <= _GUESSES else None
        return f"did you mean {near!r}?" if near else none if not known else None

    def check_links(self, scope: Scope) -> None:
        graph, nodes = scope.graph, scope.graph.nodes
        for node in nodes.values():
            for port, value in node.inputs.items():
                for inside, link in links_in(value):
                    if link.node not in nodes:
                        place = (*scope.path, "nodes", node.id, "inputs", port, *inside)
                        self.report_dangling(place, link, nodes)
                for inside, ref in refs_in(value):
                    if ref.name not in graph.inputs:
                        place = (*scope.path, "nodes", node.id, "inputs", port, *inside)
                        fix = self.guess(ref.name, graph.inputs, "the graph has no inputs")
                        self.report(place, f"the graph has no input {ref.name!r}", fix)

    def check_outputs(self, scope: Scope) -> None:
        nodes = scope.graph.nodes
        for name, link in scope.graph.outputs.items():
            if link.node not in nodes:
                place = (*scope.path, "outputs", name)
                self.report_dangling(place, link, nodes)

    def check_cycles(self, scope: Scope) -> None:
        found = cycles(source_ids(scope.graph))
        for cycle in found[:MAX_CYCLES]:
            first, last = scope.graph.nodes[cycle[0]], cycle[-1]
            place = (*scope.path, "nodes", first.id, "inputs", *_port_from(first, last))
            self.report(place, f"cycle: {_shown(cycle)}", "remove one of these links")
        if len(found) > MAX_CYCLES:
            self.report((*scope.path, "nodes"), f"{len(found) - MAX_CYCLES:,} more cycles")

    def check_subgraphs(self, scope: Scope) -> None:
        uses = self.uses.setdefault(scope.path, {})
        for node in scope.graph.nodes.values():
            name = subgraph_name(node.type)
            if name is None:
                continue
            place = (*scope.path, "nodes", node.id, "type")
            used = scope.find(name)
            if used is not None:
                uses.setdefault(used.path, place)
            else:
                fix = self.guess(name, scope.known(), "the graph has no subgraphs")
                self.report(place, f"there is no subgraph {name!r}", fix)

    def check_recursion(self) -> None:
        # The outermost graph can't be used, so it is in no cycle.
        sources = {path: [used for used in uses if used in self.uses] for path, uses in self.uses.items()}
        for cycle in cycles(sources)[:MAX_CYCLES]:
            names = [str(path[-1]) for path in (cycle[0], *reversed(cycle[1:]))]
            place = self.uses[cycle[0]][cycle[-1]]
            self.report(place, f"a subgraph contains itself: {_shown(names)}", "a graph must end somewhere")


def _port_from(node: GraphNode, source: str) -> Iterator[str | int]:
    for port, value in node.inputs.items():
        for inside, link in links_in(value):
            if link.node == source:
                return iter((port, *inside))
    return iter(())


def _shown(cycle: list[str]) -> str:
    if len(cycle) <= 2 * _NAMED + 1:
        return " → ".join([*cycle, cycle[0]])
    hidden = f"({len(cycle) - 2 * _NAMED:,} more)"
    return " → ".join([*cycle[:_NAMED], hidden, *cycle[-_NAMED:], cycle[0]])
