"""Plans a graph for a batch: finds out what varies, and checks the rest once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import MISSING, Graph, InputRef, Link
from flowra.dag.plan.checks import holds_links
from flowra.dag.plan.interface import input_port
from flowra.dag.plan.logical import LogicalPlan, NodeOutput
from flowra.dag.plan.planner import local_classes, plan_graph
from flowra.dag.plan.varying import Varied
from flowra.exceptions import GraphInvalidError, UsageError, printable
from flowra.execute.batch.ports import SHOWN, ports_of
from flowra.execute.batch.source import ItemSource
from flowra.execute.batch.template import BatchTemplate

__all__ = ["OpenedBatch", "open_batch"]


@dataclass(frozen=True)
class OpenedBatch:
    """A planned batch.

    Attributes:
        template: The plan of all items.
        names: What varies from item to item besides the sweep.
    """

    template: BatchTemplate
    names: tuple[str, ...]


def open_batch(
    graph: Graph,
    catalog: NodeCatalog,
    source: ItemSource,
    *,
    inputs: Mapping[str, Any],
    targets: Iterable[str],
    fields: Iterable[str],
    outputs: Iterable[str] = (),
) -> OpenedBatch | None:
    """Plan a graph for items; None if there are none.

    Args:
        graph: The graph.
        catalog: The node types at hand.
        source: The items.
        inputs: Values of the graph's inputs that are the same for all.
        targets: The nodes that are asked for.
        fields: What items may give besides what the first one gives.
        outputs: Outputs of nodes, as `node.port`, that are asked for besides the graph's own.

    Raises:
        GraphInvalidError: The graph has mistakes, or none of the first items can be used.
        UsageError: There is no such input, node or port.
    """
    targets, outputs = list(targets), list(outputs)
    first: GraphInvalidError | None = None
    for sample in source.samples():
        names = tuple(dict.fromkeys([*sample, *fields]))
        try:
            return _opened(graph, catalog, source, sample, names, inputs, targets, outputs)
        except GraphInvalidError as error:
            first = first or error
    problem = first or source.problem
    if problem is not None:
        raise problem
    return None


def _opened(
    graph: Graph,
    catalog: NodeCatalog,
    source: ItemSource,
    sample: Mapping[str, Any],
    names: tuple[str, ...],
    inputs: Mapping[str, Any],
    targets: list[str],
    outputs: list[str],
) -> OpenedBatch:
    sweep = source.sweep
    axis_of = dict.fromkeys(names, 0)
    for number, axis in enumerate(sweep.axes, 1):
        for name in axis[0]:
            if name in axis_of:
                raise UsageError(
                    f"{name} is set twice", why="a sweep sets it, and the items or another part of the sweep do so too"
                )
            axis_of[name] = number
    own = _literals_of(graph, catalog, names)
    source.add_defaults({**_defaults_of(graph), **own})
    values = {**own, **sample, **sweep.at([0] * len(sweep.axes))}
    varied = Varied(
        frozenset(name for name in axis_of if "." not in name),
        frozenset((name.partition(".")[0], name.partition(".")[2]) for name in axis_of if "." in name),
    )
    graph = _with_ports(graph, catalog, values, axis_of)
    given = dict(inputs)
    given.update((name, values[name]) for name in varied.inputs if name in values)
    for local in local_classes(graph):
        catalog.add(local)
    try:
        plan = plan_graph(graph, catalog, inputs=given, targets=targets, varied=varied)
    except GraphInvalidError as error:
        raise _of_what_varies(error, axis_of) from None
    declared = {name: input_port(graph.inputs[name]) for name in varied.inputs if name in graph.inputs}
    template = BatchTemplate(
        plan, (0 if source.streams else 1, *map(len, sweep.axes)), axis_of, declared, _outputs(plan, outputs)
    )
    for number, axis in enumerate(sweep.axes, 1):
        for place in range(len(axis)):
            position = [0] * len(sweep.axes)
            position[number - 1] = place
            try:
                template.fill({**_defaults_of(graph), **inputs, **own, **sample, **sweep.at(position)})
            except GraphInvalidError as error:
                raise _of_what_varies(error, axis_of) from None
    return OpenedBatch(template, names)


def _of_what_varies(error: GraphInvalidError, axis_of: Mapping[str, int]) -> GraphInvalidError:
    """Return a mistake of the items or of the sweep as theirs: the graph, where a stand-in has it, has none."""
    names = {name: name for name in axis_of} | {f"inputs.{name}": name for name in axis_of}
    for name in axis_of:
        node, _, port = name.partition(".")
        names |= {f"nodes.{node}.{role}.{port}": name for role in ("inputs", "init")}
    problems = [dataclasses.replace(each, place=names.get(each.place, "")) for each in error.problems]
    if not all(each.place for each in problems):
        return error
    ofs = {"the sweep" if axis_of[each.place] else "the items" for each in problems}
    where = " and ".join(sorted(ofs))
    return GraphInvalidError(f"the graph can't be run with values of {where}", problems, where=where)


def _outputs(plan: LogicalPlan, names: Iterable[str]) -> dict[str, NodeOutput]:
    found: dict[str, NodeOutput] = {}
    for name in names:
        node_id, _, port = name.partition(".")
        node = plan.nodes.get(plan.merged.get(node_id, node_id))
        if node is None or node.description.output(port) is None:
            known = ", ".join(
                f"{each.id}.{out.name}" for each in plan.nodes.values() for out in each.description.outputs
            )
            raise UsageError(f"the graph has no output {printable(name, SHOWN)!r}", fix=f"outputs: {known}")
        found[name] = NodeOutput(node.id, port)
    return found


def _defaults_of(graph: Graph) -> dict[str, Any]:
    """Return the defaults of the inputs of a graph."""
    return {name: each.default for name, each in graph.inputs.items() if each.default is not MISSING}


def _literals_of(graph: Graph, catalog: NodeCatalog, names: Iterable[str]) -> dict[str, Any]:
    """Return what ports have in the graph that items may set: an item that does not leaves them as they are."""
    literals: dict[str, Any] = {}
    for name in names:
        node_id, dot, port = name.partition(".")
        found = ports_of(graph, node_id, catalog, place=name) if dot else None
        if found is None:
            continue
        node = graph.nodes[node_id]
        written = node.inputs.get(port, node.init.get(port, MISSING))
        declared = found.find(port)
        if written is MISSING and declared is not None and not declared.required:
            written = declared.default
        if written is not MISSING and not isinstance(written, (Link, InputRef)) and not holds_links(written):
            literals[name] = written
    return literals


def _with_ports(graph: Graph, catalog: NodeCatalog, values: Mapping[str, Any], names: Iterable[str]) -> Graph:
    """Return a graph whose nodes have literals at the ports that vary; links there are replaced."""
    ports = [name for name in names if "." in name]
    if not ports:
        return graph
    graph = graph.copy()
    for name in ports:
        node_id, _, port = name.partition(".")
        found = ports_of(graph, node_id, catalog, place=name)
        if found is None:
            continue  # the type is not known; planning says so, with all other mistakes
        node = graph.nodes[node_id]
        if port in found.inputs:
            node.inputs[port] = values.get(name)
        elif port in found.init:
            node.init[port] = values.get(name)
        else:
            raise found.unknown(port, where=name)
    return graph
