"""Plans the graph that a node returned to have it run in its place; its mistakes are the node's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowra.dag.node import BaseArgs
from flowra.dag.outcome import Expansion
from flowra.dag.plan.logical import LogicalPlan, NodeOutput
from flowra.dag.plan.planner import local_classes, plan_graph
from flowra.exceptions import FlowraError
from flowra.execute.executor import Job
from flowra.execute.failure import invalid_result
from flowra.execute.node_call import given
from flowra.execute.scheduler.state import Call
from flowra.type.fit import fit

__all__ = ["EXPANSION_LIMIT", "Expanded", "planned_expansion"]

#: Expansions inside expansions beyond this are a loop that does not end.
EXPANSION_LIMIT = 200


@dataclass(frozen=True)
class Expanded:
    """A graph runs in the call's place.

    Attributes:
        plan: Its plan.
        outputs: Which of its outputs each output of the node is.
    """

    plan: LogicalPlan
    outputs: Mapping[str, NodeOutput]


def planned_expansion(job: Job, call: Call, args: BaseArgs, expansion: Expansion) -> Expanded:
    """Plan the graph that a call returned; raises NodeFailedError where it can't run, or lacks an output."""
    if call.state.depth >= EXPANSION_LIMIT:
        reason = f"expansions lie {EXPANSION_LIMIT} deep: a loop that does not end?"
        raise invalid_result(call.node, {"": reason}, given(args))
    try:
        for local in local_classes(expansion.graph):
            job.catalog.add(local)
        plan = plan_graph(expansion.graph, job.catalog, inputs=expansion.inputs)
    except FlowraError as error:
        reason = "the graph that it returned can't run: " + "\n".join(
            [error.what, *map(str, getattr(error, "problems", ()))]
        )
        raise invalid_result(call.node, {"": reason}, given(args)) from error
    ports = [port.name for port in call.node.description.outputs]
    if missing := [port for port in ports if port not in plan.outputs]:
        reason = f"the graph that it returned has no output {', '.join(missing)}"
        raise invalid_result(call.node, {"": reason}, given(args))
    reasons = {}
    for port in call.node.description.outputs:
        gives = plan.output_type(plan.outputs[port.name])
        found = fit(gives, port.value_type)
        if found.kind == "refused":
            reasons[port.name] = f"the graph that it returned gives {gives}, not {port.value_type}: {found.why}"
    if reasons:
        raise invalid_result(call.node, reasons, given(args))
    return Expanded(plan, {port: plan.outputs[port] for port in ports})
