"""Nodes whose values can be watched: which of them live while another node runs.

The classes remember in this process; an executor that runs nodes elsewhere has nothing to show here.
"""

# ruff: noqa: D102, D106  what a node's parts are is said by `Node`

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from flowra.dag.context import RunContext
from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Placeholder

__all__ = ["Big", "Look", "Make", "Pick", "Weigh"]


class Big:
    """Stands for a picture: something that can be watched."""


class Make(Node):
    """Give a new value, and watch it."""

    made: ClassVar[dict[str, weakref.ref[Big]]] = {}

    class InputArgs(BaseArgs):
        name: str
        after: list[object] | None = None

    class OutputArgs(BaseArgs):
        value: object

    def run(self, context: RunContext, args: Any) -> Any:
        big = Big()
        type(self).made[args.name] = weakref.ref(big)
        return self.OutputArgs(value=big)


class Look(Node):
    """Note which of the values that were made live."""

    alive: ClassVar[dict[str, list[str]]] = {}

    class InputArgs(BaseArgs):
        values: list[object] | None = None
        after: object = None

    class OutputArgs(BaseArgs):
        done: bool

    def run(self, context: RunContext, args: Any) -> Any:
        gc.collect()
        type(self).alive[context.node_id] = sorted(name for name, made in Make.made.items() if made() is not None)
        return self.OutputArgs(done=True)


class Weigh(Node):
    """Take a value."""

    class InputArgs(BaseArgs):
        value: object

    class OutputArgs(BaseArgs):
        weight: float

    def run(self, context: RunContext, args: Any) -> Any:
        return self.OutputArgs(weight=1.0)


class Pick(Node):
    """Never ask for the weight."""

    class InputArgs(BaseArgs):
        after: object
        weight: Annotated[float, Placeholder(lazy=True)]

    class OutputArgs(BaseArgs):
        done: bool

    def needs(self, context: RunContext, args: Any) -> Iterable[str]:
        return []

    def run(self, context: RunContext, args: Any) -> Any:
        return self.OutputArgs(done=True)
