"""Graphs as people author them: the Python builder, the JSON file, checks that need no packs, and drawings."""

from flowra.dag.graph.checks import structural_problems
from flowra.dag.graph.model import FORMAT, MISSING, Graph, GraphInput, GraphNode
from flowra.dag.graph.reader import Reading, read_graph
from flowra.dag.graph.source import read_graph_file
from flowra.dag.graph.values import InputRef, Link

__all__ = [
    "FORMAT",
    "MISSING",
    "Graph",
    "GraphInput",
    "GraphNode",
    "InputRef",
    "Link",
    "Reading",
    "read_graph",
    "read_graph_file",
    "structural_problems",
]
