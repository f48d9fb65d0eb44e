"""Tests of the value type, and of the nodes that make and take it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from flowra.exceptions import NodeFailedError
from flowra.testing import ValueTypeSuite
from flowra.testing.running import RunGraph, RunNode

from {{ cookiecutter.package }}.nodes.colors import Brightest, MakePalette
from {{ cookiecutter.package }}.palette import Palette, PaletteType

EXAMPLES = Path(__file__).parents[1] / "examples"


class TestPalette(ValueTypeSuite):
    """The promises of `flowra.testing.ValueTypeSuite`, each a test."""

    value_type = PaletteType()

    def samples(self) -> Sequence[Any]:
        """Return values, no two of them equal."""
        return [Palette(()), Palette.of(["#000000"]), ["#000000", "#ff8800"]]

    def refused(self) -> Sequence[Any]:
        """Return what is no palette."""
        return [7, ["red"], ["#12345"], "no such file"]


def test_the_brightest_colour_is_found(run_node: RunNode) -> None:
    palette = run_node(MakePalette, colors="#101010 #ffee00 #0000ff").palette
    assert run_node(Brightest, palette=palette).color == "#ffee00"


@pytest.mark.parametrize("color", ["red", "#12345", "ff8800f", "#gggggg"])
def test_what_is_no_colour_is_named(run_node: RunNode, color: str) -> None:
    with pytest.raises(NodeFailedError, match="expected a colour"):
        run_node(MakePalette, colors=color)


def test_the_example_runs(run_graph: RunGraph) -> None:
    assert run_graph(EXAMPLES / "brightest.json")["color"] == "#ffee00"
