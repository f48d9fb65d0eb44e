"""Tests of {{ cookiecutter.group.title().replace('_', '') }}Example."""

from __future__ import annotations

from pathlib import Path

from flowra.testing.running import RunGraph, RunNode
{% set node = cookiecutter.group.title().replace('_', '') + 'Example' %}
from {{ cookiecutter.package }}.nodes.{{ cookiecutter.group }} import {{ node }}

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_a_number_is_multiplied(run_node: RunNode) -> None:
    assert run_node({{ node }}, value=3.0, factor=-2.0).value == -6.0


def test_the_example_runs(run_graph: RunGraph) -> None:
    run = run_graph(EXAMPLES / "{{ cookiecutter.group }}_example.json")
    assert run["value"] == 42.0
