"""The nodes of isolation.py; in a module of their own, since a child process has to import them."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowra.dag.context import RunContext
from flowra.dag.node import BaseArgs, Node

__all__ = ["Apart", "Inside"]


class Inside(Node):
    """Make an array one step brighter, in the process that runs the graph."""

    class InputArgs(BaseArgs):
        """An array."""

        array: Any

    class OutputArgs(BaseArgs):
        """The brighter one."""

        array: Any

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Return the brighter array."""
        return self.OutputArgs(array=args.array + np.uint8(1))


class Apart(Inside):
    """The same, in a process of its own."""

    isolation = "process"
