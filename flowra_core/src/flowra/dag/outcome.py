"""What a node's `run` may give back besides its outputs: the end of a branch, or a graph that runs in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowra.dag.graph import Graph

__all__ = ["EndBranch", "Expansion"]


@dataclass(frozen=True)
class EndBranch:
    """Returned by `run` to end the branch here: what depends on the outputs does not run, and nothing has failed.

    In a node that maps over a list it ends the branch of the one item; a node that takes the whole list gets it
    without that item.

    Args:
        reason: Why, for people who look at the run.
    """

    reason: str = ""


@dataclass(frozen=True)
class Expansion:
    """Returned by `run` to have a graph run in the node's place: loops, recursion, work that depends on values.

    Args:
        graph: The graph; each output of the node is the graph's output of that name.
        inputs: Values of the graph's inputs.
    """

    graph: Graph
    inputs: Mapping[str, Any] = field(default_factory=dict)
