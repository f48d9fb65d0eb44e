"""Nodes that do nothing, the shapes in which the benchmarks link them, and the same work for the peers.

A shape is a list with the parents of each node, in topological order; a node without parents gets a literal of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowra.dag.context import RunContext
from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node

__all__ = ["SHAPES", "AddOne", "AddThree", "Shape", "chain", "dask_graph", "flowra_graph", "layered", "plain", "wide"]

Shape = list[tuple[int, ...]]

#: Keeps the numbers of a deep layered graph from growing without end; no two nodes get the same three, lest one be
#: found in the cache that another has filled.
_LIMIT = 1_000_003
#: How many nodes a layer has, and how many of the layer before each of them takes.
_LAYER, _PARENTS = 20, 3


class AddOne(Node):
    """Add one to a number."""

    class InputArgs(BaseArgs):
        """A number."""

        x: int

    class OutputArgs(BaseArgs):
        """The next one."""

        y: int

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Return the next number."""
        return self.OutputArgs(y=args.x + 1)


class AddThree(Node):
    """Mix three numbers."""

    class InputArgs(BaseArgs):
        """Three numbers."""

        a: int
        b: int
        c: int

    class OutputArgs(BaseArgs):
        """A number that hardly any other three give."""

        y: int

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Return the mixture."""
        return self.OutputArgs(y=(31 * args.a + 17 * args.b + 7 * args.c + 1) % _LIMIT)


def chain(nodes: int) -> Shape:
    """Each node takes the one before."""
    return [(number - 1,) if number else () for number in range(nodes)]


def wide(nodes: int) -> Shape:
    """No node takes another."""
    return [() for _ in range(nodes)]


def layered(nodes: int) -> Shape:
    """Layers of 20, each node takes three of the layer before."""
    shape: Shape = []
    for number in range(nodes):
        layer, place = divmod(number, _LAYER)
        before = (layer - 1) * _LAYER
        shape.append(tuple(before + (place + step) % _LAYER for step in range(_PARENTS)) if layer else ())
    return shape


SHAPES: dict[str, Callable[[int], Shape]] = {"chain": chain, "wide": wide, "layered": layered}


def _add_one(x: int) -> int:
    return x + 1


def _add_three(a: int, b: int, c: int) -> int:
    return (31 * a + 17 * b + 7 * c + 1) % _LIMIT


def plain(shape: Shape) -> list[int]:
    """Do the work with a call for each node."""
    values: list[int] = []
    for number, parents in enumerate(shape):
        if not parents:
            values.append(_add_one(number))
        elif len(parents) == 1:
            values.append(_add_one(values[parents[0]]))
        else:
            a, b, c = parents
            values.append(_add_three(values[a], values[b], values[c]))
    return values


def leaves(shape: Shape) -> list[int]:
    """Return the nodes that no other takes."""
    taken = {parent for parents in shape for parent in parents}
    return [number for number in range(len(shape)) if number not in taken]


def dask_graph(shape: Shape) -> tuple[dict[str, Any], list[str]]:
    """Return the graph as dask takes it, and the keys that are asked for."""
    functions = {0: _add_one, 1: _add_one, _PARENTS: _add_three}
    tasks = {
        f"n{number}": (functions[len(parents)], *([f"n{parent}" for parent in parents] or [number]))
        for number, parents in enumerate(shape)
    }
    return tasks, [f"n{number}" for number in leaves(shape)]


def flowra_graph(shape: Shape) -> Graph:
    """Return the graph as Flowra takes it; what no node takes is given back."""
    graph = Graph("benchmark")
    made: list[Any] = []
    for number, parents in enumerate(shape):
        links = [made[parent]["y"] for parent in parents]
        if len(links) == _PARENTS:
            a, b, c = links
            made.append(graph.add(AddThree, id=f"n{number}", a=a, b=b, c=c))
        else:
            made.append(graph.add(AddOne, id=f"n{number}", x=links[0] if links else number))
    return graph
