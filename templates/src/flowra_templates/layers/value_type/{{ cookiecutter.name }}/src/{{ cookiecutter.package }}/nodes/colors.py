"""Nodes of the group colors."""

from __future__ import annotations

from typing import Annotated

from flowra.dag.context import RunContext
from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Placeholder, Text

from {{ cookiecutter.package }}.palette import Palette

__all__ = ["Brightest", "MakePalette"]


class MakePalette(Node):
    """Make a palette of colours."""

    class InputArgs(BaseArgs):
        """The colours."""

        colors: Annotated[str, Text(description="Colours like #ff8800, with spaces between them")]

    class OutputArgs(BaseArgs):
        """The palette."""

        palette: Annotated[Palette, Placeholder(description="The colours in their order")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Make the palette."""
        return self.OutputArgs(palette=Palette.of(args.colors.split()))


class Brightest(Node):
    """Find the brightest colour."""

    class InputArgs(BaseArgs):
        """The palette."""

        palette: Annotated[Palette, Placeholder(description="At least one colour")]

    class OutputArgs(BaseArgs):
        """The colour."""

        color: Annotated[str, Text(description="A colour like #ff8800")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Find the colour."""
        brightest = max(args.palette.colors, key=sum)
        return self.OutputArgs(color=Palette((brightest,)).names()[0])
