"""The steps as nodes of a Flowra graph, with its store."""

import functools
from typing import Any

import steps

from flowra.dag.context import RunContext
from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.execute.session import Session


class Step(Node):
    """Add to a number, by way of a helper."""

    class InputArgs(BaseArgs):
        """A number."""

        x: int

    class OutputArgs(BaseArgs):
        """The next."""

        y: int

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Return the next number."""
        steps.count()
        return self.OutputArgs(y=args.x + steps.amount())


class Large(Node):
    """Make a large value."""

    class OutputArgs(BaseArgs):
        """It."""

        y: bytes

    def run(self, context: RunContext, args: BaseArgs) -> OutputArgs:
        """Return it."""
        return self.OutputArgs(y=steps.large(1))


def build(folder: str, length: int) -> Any:
    """Return what runs a chain of steps, or the large one for no length."""
    session = Session(store=folder)
    graph = Graph("steps")
    if length:
        last = graph.add(Step, x=0)
        for _ in range(length - 1):
            last = graph.add(Step, x=last["y"])
    else:
        last = graph.add(Large)
    graph.output("y", last["y"])
    return functools.partial(_run, session, graph)


def _run(session: Session, graph: Graph) -> int | bytes:
    return session.run(graph).raise_for_status()["y"]
