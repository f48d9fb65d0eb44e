"""Refuses to run what could only wait forever: nodes that need more than there is."""

from __future__ import annotations

from flowra.dag.plan.physical import PhysicalPlan
from flowra.exceptions import GraphInvalidError, Problem
from flowra.execute.resources.offer import Offer

__all__ = ["check_needs"]


def check_needs(plan: PhysicalPlan, offer: Offer) -> None:
    """Check that what the nodes of a plan state in `resources` can be had, as far as they have to run.

    Args:
        plan: The plan; what it knows the result of may need what it likes.
        offer: What there is, on the one machine that runs all of it.

    Raises:
        GraphInvalidError: It can't; carries each node that needs too much.
    """
    problems = [
        Problem(f"node {node.id} ({node.type})", f"needs {lacking}")
        for node in plan.logical.nodes.values()
        if node.description.traits.resources and node.id not in plan.known
        for lacking in offer.lacking(node.description.traits.resources)
    ]
    if problems:
        raise GraphInvalidError(
            f"the graph {plan.logical.name or '(without a name)'} needs what is not there",
            problems,
            fix="run it where there is, or state what there is in the setting resources: FLOWRA_RESOURCES=NAME=AMOUNT",
        )
