"""Nodes of the group classification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from flowra.dag.context import RunContext
from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import ModelFile, Number, Placeholder, Text
from flowra.type.value_type import AnyImage, Image

from {{ cookiecutter.package }}.model import Model

__all__ = ["Classify"]


class Classify(Node):
    """Say what a picture shows.

    The model is loaded once, when the first picture comes, and stays loaded while the session lives.
    """

    class InitArgs(BaseArgs):
        """What the model is made of."""

        weights: Annotated[
            Path,
            ModelFile(
                "example/linear",  # put the name of your own model here, and the hub that it is at
                revision="v1.0",
                file="linear.json",
                hub="modelscope",
                description="The weights: a model at a hub, or the path of a file",
            ),
        ]

    class InputArgs(BaseArgs):
        """The picture."""

        image: Annotated[AnyImage, Placeholder(value_type=Image(mode="RGB", dtype="uint8"), description="Made RGB")]

    class OutputArgs(BaseArgs):
        """What it shows."""

        label: Annotated[str, Text(description="The likeliest class")]
        score: Annotated[float, Number(min=0, max=1, description="How likely it is")]

    def init(self, context: RunContext, args: InitArgs) -> None:
        """Load the model."""
        self.model = Model.load(args.weights)

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Classify the picture."""
        label, score = self.model.classify(args.image)
        return self.OutputArgs(label=label, score=score)
