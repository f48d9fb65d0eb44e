"""The nodes of the conformance suite that give back a graph to run in their place."""

# ruff: noqa: D102, D106  what a node's parts are is said by `Node`

from __future__ import annotations

from typing import Any

from flowra.dag.context import RunContext
from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.dag.outcome import Expansion
from flowra.testing.semantics.ledger import write_line
from flowra.testing.semantics.nodes import Add, Broken, Impatient, Keep, Number, Numbers

__all__ = ["Countdown", "Endless", "Fibonacci", "Hasty", "Mistaken", "Twice"]


class _Value(BaseArgs):
    value: float


class Twice(Node):
    """Give a graph that adds a value, which lives in memory, to itself."""

    class InputArgs(BaseArgs):
        value: float
        ledger: str = ""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        graph = Graph("twice")
        value = graph.input("value", float)
        graph.output("value", graph.add(Add, id="add", a=value, b=value, ledger=args.ledger)["value"])
        return Expansion(graph, {"value": args.value})


class Countdown(Node):
    """A loop: add up all numbers from a number down to 0."""

    class InputArgs(BaseArgs):
        number: int
        total: float = 0.0

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        if args.number == 0:
            return self.OutputArgs(value=args.total)
        graph = Graph("step")
        total = graph.add(Add, id="add", a=args.total, b=args.number)
        graph.output("value", graph.add(Countdown, id="next", number=args.number - 1, total=total["value"])["value"])
        return Expansion(graph)


class Fibonacci(Node):
    """A recursion with two branches."""

    class InputArgs(BaseArgs):
        number: int

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        if args.number < 2:
            return self.OutputArgs(value=float(args.number))
        graph = Graph("fibonacci")
        a, b = (graph.add(Fibonacci, id=name, number=args.number - back) for name, back in (("one", 1), ("two", 2)))
        graph.output("value", graph.add(Add, id="add", a=a["value"], b=b["value"])["value"])
        return Expansion(graph)


class Endless(Node):
    """A loop that does not end."""

    class InputArgs(BaseArgs):
        value: float = 0.0

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        graph = Graph("endless")
        graph.output("value", graph.add(Endless, id="next", value=args.value + 1)["value"])
        return Expansion(graph)


class Hasty(Node):
    """Give a graph with a node that takes longer than it may."""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        graph = Graph("hasty")
        graph.output("value", graph.add(Impatient, id="slow", seconds=15)["value"])
        return Expansion(graph)


class Mistaken(Node):
    """Give a graph with a mistake in it."""

    class InputArgs(BaseArgs):
        mistake: str

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        graph = Graph("mistaken")
        one = graph.add(Number, id="one", value=1)
        if args.mistake == "cycle":
            first = graph.add(Add, id="first", a=1)
            second = graph.add(Add, id="second", a=first["value"])
            first.set(b=second["value"])
        elif args.mistake == "unknown type":
            graph.add("nowhere/Nothing", id="lost")
        elif args.mistake == "literal":
            graph.add(Number, id="bad", value="many")
        elif args.mistake == "input":
            graph.input("missing", float)
        elif args.mistake == "other type":
            graph.output("value", graph.add(Numbers, id="many", values=[1, 2])["values"])
        elif args.mistake == "fails":
            one = graph.add(Broken, id="broken")
        elif args.mistake == "ends":
            one = graph.add(Keep, id="keep", value=-1)
        if args.mistake not in ("no output", "other type"):
            graph.output("value", one["value"])
        return Expansion(graph)
