"""Values for whoever watches a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Placeholder, Text
from flowra.type.value_type import Anything

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["Show"]


class Show(Node):
    """Show sound, a video, a mesh or anything else to whoever watches the run, as a line and a small picture."""

    # Whoever runs a graph again wants to see the value again.
    effects = True
    idempotent = True

    class InputArgs(BaseArgs):
        """What is shown."""

        value: Annotated[Any, Placeholder(value_type=Anything(), description="Any value")]
        title: Annotated[str, Text(max_length=200, description="A line above the picture")] = ""

    class OutputArgs(BaseArgs):
        """Nothing."""

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Hand the value to the run's watchers."""
        context.preview(args.value, args.title)
        return self.OutputArgs()
