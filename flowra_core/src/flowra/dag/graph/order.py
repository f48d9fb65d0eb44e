"""The order in which nodes can run, and the cycles that keep them from it. Nothing here is recursive."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TypeVar

from flowra.dag.graph.model import Graph
from flowra.dag.graph.values import Link, links_in, refs_in

__all__ = ["cycles", "is_in_order", "layers", "source_ids", "topological_order"]

T = TypeVar("T")


#: Literals that hold no links.
_SCALARS = frozenset({bool, int, float, str, type(None)})


def is_in_order(graph: Graph) -> bool:
    """Tell whether each node takes values only from nodes before it, and from inputs that the graph has.

    Most graphs are written so, and then nothing in them leads nowhere, and there is no cycle.
    """
    seen: set[str] = set()
    for node in graph.nodes.values():
        for value in node.inputs.values():
            kind = type(value)
            if kind is Link:
                if value.node not in seen:
                    return False
            elif kind not in _SCALARS and not (
                all(link.node in seen for _, link in links_in(value))
                and all(ref.name in graph.inputs for _, ref in refs_in(value))
            ):
                return False
        seen.add(node.id)
    return True


def source_ids(graph: Graph) -> dict[str, list[str]]:
    """Return, for each node, the nodes that its inputs come from, each once; links that lead nowhere are left out."""
    nodes = graph.nodes
    return {
        node.id: list(
            dict.fromkeys(
                link.node for value in node.inputs.values() for _, link in links_in(value) if link.node in nodes
            )
        )
        for node in nodes.values()
    }


def topological_order(sources: Mapping[T, Iterable[T]]) -> list[T]:
    """Return what depends on no cycle so that everything comes after its sources, else in the order given."""
    missing = dict.fromkeys(sources, 0)
    targets: dict[T, list[T]] = {key: [] for key in sources}
    for key, needed in sources.items():
        for source in needed:
            targets[source].append(key)
            missing[key] += 1
    ready = deque(key for key, count in missing.items() if count == 0)
    order = []
    while ready:
        key = ready.popleft()
        order.append(key)
        for target in targets[key]:
            missing[target] -= 1
            if missing[target] == 0:
                ready.append(target)
    return order


def layers(sources: Mapping[T, Iterable[T]]) -> dict[T, int]:
    """Return how many steps each item is from the start: 0 without sources, else one more than its latest source."""
    depth: dict[T, int] = {}
    for key in topological_order(sources):
        depth[key] = max((depth[source] + 1 for source in sources[key]), default=0)
    return depth


def cycles(sources: Mapping[T, Iterable[T]]) -> list[list[T]]:
    """Return one shortest cycle of each group of items that depend on each other, in the direction of the data.

    Every item of a cycle is a source of the next, and the last of the first.
    """
    acyclic = set(topological_order(sources))
    rest = {
        key: [each for each in needed if each not in acyclic] for key, needed in sources.items() if key not in acyclic
    }
    return [_shortest_cycle(group, rest) for group in _groups(rest)]


def _groups(sources: Mapping[T, list[T]]) -> list[list[T]]:
    """Return the strongly connected groups that hold a cycle (Tarjan 1972, with a stack of our own)."""
    index: dict[T, int] = {}
    low: dict[T, int] = {}
    path: list[T] = []
    on_path: set[T] = set()
    groups = []
    for start in sources:
        if start in index:
            continue
        work = [(start, iter(sources[start]))]
        index[start] = low[start] = len(index)
        path.append(start)
        on_path.add(start)
        while work:
            key, remaining = work[-1]
            for source in remaining:
                if source not in index:
                    index[source] = low[source] = len(index)
                    path.append(source)
                    on_path.add(source)
                    work.append((source, iter(sources[source])))
                    break
                if source in on_path:
                    low[key] = min(low[key], index[source])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[key])
                if low[key] == index[key]:
                    group: list[T] = []
                    while not group or group[-1] != key:
                        group.append(path.pop())
                        on_path.remove(group[-1])
                    if len(group) > 1 or key in sources[key]:
                        groups.append(group[::-1])
    return groups


def _shortest_cycle(group: list[T], sources: Mapping[T, list[T]]) -> list[T]:
    """Return a shortest cycle through the first item of a group (breadth first, against the data)."""
    start, members = group[0], set(group)
    reached: dict[T, T] = {}
    pending = deque([start])
    while pending:
        key = pending.popleft()
        for source in sources[key]:
            if source == start:
                # From `key` the way back leads to the start: those are what the start's value passes through.
                cycle = [start]
                while key != start:
                    cycle.append(key)
                    key = reached[key]
                return cycle
            if source in members and source not in reached:
                reached[source] = key
                pending.append(source)
    raise AssertionError("a strongly connected group has a cycle")
