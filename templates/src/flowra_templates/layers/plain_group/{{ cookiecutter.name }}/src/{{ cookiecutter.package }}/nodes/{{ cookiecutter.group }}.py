"""Nodes of the group {{ cookiecutter.group.replace('_', ' ') }}."""

from __future__ import annotations

from typing import Annotated

from flowra.dag.context import RunContext
from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Number

{% set node = cookiecutter.group.title().replace('_', '') + 'Example' -%}
__all__ = ["{{ node }}"]


class {{ node }}(Node):
    """Multiply a number."""

    class InputArgs(BaseArgs):
        """The number and its factor."""

        value: Annotated[float, Number(description="The number")]
        factor: Annotated[float, Number(min=-1000, max=1000, description="What it is multiplied with")] = 2.0

    class OutputArgs(BaseArgs):
        """The product."""

        value: Annotated[float, Number(description="The number, multiplied")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Multiply the number."""
        return self.OutputArgs(value=args.value * args.factor)
