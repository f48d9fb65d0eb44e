"""Nodes of the group {{ cookiecutter.group.replace('_', ' ') }}."""

from __future__ import annotations

from typing import Annotated

from flowra.dag.context import RunContext
from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Placeholder, Slider
from flowra.type.value_type import AnyImage, Image

{% set node = cookiecutter.group.title().replace('_', '') + 'Example' -%}
__all__ = ["{{ node }}"]


class {{ node }}(Node):
    """Mix a picture with its negative."""

    class InputArgs(BaseArgs):
        """The picture, and how much of its negative."""

        image: Annotated[AnyImage, Placeholder(value_type=Image(mode="RGB", dtype="uint8"), description="Made RGB")]
        amount: Annotated[float, Slider(min=0, max=1, step=0.05, description="0: the picture, 1: its negative")] = 1.0

    class OutputArgs(BaseArgs):
        """The mixture."""

        image: Annotated[AnyImage, Placeholder(description="H×W×3, uint8")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Mix the two."""
        mixed = args.image * (1 - args.amount) + (255 - args.image) * args.amount
        return self.OutputArgs(image=mixed.round().astype("uint8"))
