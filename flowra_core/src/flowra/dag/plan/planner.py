"""Makes the logical plan of a graph: checked, expanded, given its inputs, pruned to its targets, in order."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import MISSING, Graph
from flowra.dag.graph.order import topological_order
from flowra.dag.graph.scope import Scope
from flowra.dag.node import Node
from flowra.dag.plan.checks import checked
from flowra.dag.plan.expansion import expand
from flowra.dag.plan.garbage import collection_paused
from flowra.dag.plan.interface import input_port
from flowra.dag.plan.logical import LogicalPlan, NodeOutput, PlannedNode
from flowra.dag.plan.mapping import typed
from flowra.dag.plan.merging import merged
from flowra.dag.plan.varying import NOTHING_VARIES, Varied
from flowra.exceptions import GraphInvalidError, Problem, UsageError

__all__ = ["local_classes", "outputs_of", "plan_graph"]


def plan_graph(
    graph: Graph,
    catalog: NodeCatalog,
    *,
    inputs: Mapping[str, Any] | None = None,
    targets: Iterable[str] = (),
    varied: Varied = NOTHING_VARIES,
) -> LogicalPlan:
    """Make the logical plan of a graph.

    Args:
        graph: The graph.
        catalog: The node types at hand.
        inputs: Values of the graph's inputs; relative paths in them are taken from the working directory.
        targets: Ids of the nodes that are to be run, with all they need; all nodes if there are none.
        varied: What varies from item to item of a batch; what is given for it here is a sample, and a stand-in with
            that sample is what the plan has.

    Raises:
        GraphInvalidError: The graph has mistakes, or an input is missing or can't be used; carries all of them.
        UsageError: There is no such input or target.
    """
    with collection_paused():
        return _planned(graph, catalog, dict(inputs or {}), list(targets), varied)


def _planned(
    graph: Graph, catalog: NodeCatalog, given: dict[str, Any], targets: list[str], varied: Varied
) -> LogicalPlan:
    found = checked(graph, catalog)
    problems = found.problems or _input_problems(graph, given)
    if problems:
        raise _invalid(graph, problems)
    folder = graph.folder or Path.cwd()
    nodes, outputs = expand(Scope(graph, (), None), found.interfaces, folder, given, varied)
    asked = _asked(nodes, targets)
    wanted = _needed(nodes, asked) if asked else nodes.keys()
    ordered = _in_order(nodes, wanted)
    as_written = not (graph.inputs or graph.subgraphs)
    if found.maps or not as_written:
        ordered, problems = typed(ordered, as_written=as_written)
        if problems:
            raise _invalid(graph, problems)
    single, instead = merged(ordered, frozenset(asked))
    kept = {
        name: NodeOutput(instead.get(output.node, output.node), output.port)
        for name, output in outputs.items()
        if output.node in wanted
    }
    return LogicalPlan(graph.name, single, kept, folder, frozenset(asked), instead)


def _invalid(graph: Graph, problems: list[Problem]) -> GraphInvalidError:
    count = f"{len(problems):,} mistakes" if len(problems) > 1 else "a mistake"
    return GraphInvalidError(f"the graph {graph.name or '(without a name)'} has {count}", problems)


def _input_problems(graph: Graph, given: Mapping[str, Any]) -> list[Problem]:
    for name in given:
        if name not in graph.inputs:
            near = difflib.get_close_matches(name, graph.inputs, n=1)
            known = f"it has {', '.join(graph.inputs)}" if graph.inputs else "it has none"
            raise UsageError(
                f"the graph has no input {name!r}",
                where=graph.name or None,
                fix=f"did you mean {near[0]}?" if near else known,
            )
    problems = []
    for name, declared in graph.inputs.items():
        if name in given:
            reason = input_port(declared).reason_against(given[name])
            if reason:
                problems.append(Problem(f"inputs.{name}", reason))
        elif declared.default is MISSING:
            about = f": {declared.description}" if declared.description else ""
            problems.append(Problem(f"inputs.{name}", f"is not given{about}", f"--input {name}=VALUE"))
    return problems


def _asked(nodes: Mapping[str, PlannedNode], targets: list[str]) -> list[str]:
    """Return the ids of the nodes that the targets name; one that names a subgraph means all of its nodes."""
    asked: list[str] = []
    for target in targets:
        inside = [target] if target in nodes else [node for node in nodes if node.startswith(f"{target}/")]
        if not inside:
            near = difflib.get_close_matches(target, nodes, n=1)
            raise UsageError(
                f"the graph has no node {target!r}",
                fix=f"did you mean {near[0]}?" if near else "flowra graph show lists the nodes",
            )
        asked += inside
    return asked


def _needed(nodes: Mapping[str, PlannedNode], asked: list[str]) -> set[str]:
    """Return the ids of nodes and of all they need."""
    pending = list(asked)
    needed: set[str] = set()
    while pending:
        node = pending.pop()
        if node not in needed:
            needed.add(node)
            pending += [source.node for source in nodes[node].sources()]
    return needed


def _in_order(nodes: Mapping[str, PlannedNode], wanted: Set[str]) -> dict[str, PlannedNode]:
    """Return the wanted nodes so that each comes after those it takes values from, otherwise as the graph has them."""
    ordered: dict[str, PlannedNode] = {}
    for node in nodes.values():
        if node.id in wanted:
            if any(source.node not in ordered for source in node.sources()):
                break
            ordered[node.id] = node
    else:
        return ordered
    sources = {node: dict.fromkeys(source.node for source in nodes[node].sources()) for node in nodes if node in wanted}
    return {node: nodes[node] for node in topological_order(sources)}


def outputs_of(plan: LogicalPlan) -> dict[str, NodeOutput]:
    """Return what a run of the plan gives back: the graph's outputs, or each output nobody takes where it has none."""
    if plan.outputs:
        return dict(plan.outputs)
    taken = {source for node in plan.nodes.values() for source in node.sources()}
    return {
        str(output): output
        for node in plan.nodes.values()
        for port in node.description.outputs
        if (output := NodeOutput(node.id, port.name)) not in taken
    }


def local_classes(graph: Graph) -> list[type[Node]]:
    """Return the node classes that the nodes of a graph and of its subgraphs were added with."""
    found: dict[type[Node], None] = {}
    pending = [graph]
    while pending:
        current = pending.pop()
        found.update(dict.fromkeys(node.node_class for node in current.nodes.values() if node.node_class is not None))
        pending.extend(current.subgraphs.values())
    return list(found)
