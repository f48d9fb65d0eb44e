"""The JSON Schema of graph files, and the drawing of the example."""

from __future__ import annotations

import json
from pathlib import Path

from flowra.dag.graph import Graph
from flowra.dag.graph.draw import draw_svg
from flowra.dag.graph.schema import graph_schema

__all__ = ["faces", "schema"]

_EXAMPLE = Path(__file__).parents[2] / "examples" / "faces.json"


def schema() -> str:
    """Return what `flowra graph schema` prints."""
    return json.dumps(graph_schema(), ensure_ascii=False, indent=2)


def faces() -> str:
    """Return what `flowra graph show examples/faces.json --as svg` prints."""
    return draw_svg(Graph.load(_EXAMPLE))
