"""Tests of {{ cookiecutter.group.title().replace('_', '') }}Example."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from flowra.testing.running import RunGraph, RunNode
{% set node = cookiecutter.group.title().replace('_', '') + 'Example' %}
from {{ cookiecutter.package }}.nodes.{{ cookiecutter.group }} import {{ node }}

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_negative_of_the_negative_is_the_picture(run_node: RunNode) -> None:
    picture = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    negative = run_node({{ node }}, image=picture).image
    assert not np.array_equal(negative, picture)
    assert np.array_equal(run_node({{ node }}, image=negative).image, picture)


def test_nothing_of_the_negative_leaves_the_picture_as_it_is(run_node: RunNode) -> None:
    picture = np.full((4, 5, 3), 200, dtype=np.uint8)
    assert np.array_equal(run_node({{ node }}, image=picture, amount=0.0).image, picture)


def test_the_example_runs(run_graph: RunGraph) -> None:
    run = run_graph(EXAMPLES / "{{ cookiecutter.group }}_example.json")
    assert run["image"].shape == (48, 64, 3)
