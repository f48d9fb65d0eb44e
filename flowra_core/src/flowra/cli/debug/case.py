"""What is debugged: a graph, one node with inputs from files or samples, or a call of an earlier run."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowra.cli.debug.pack_here import described
from flowra.cli.debug.samples import sample_for
from flowra.cli.debug.values import plain_data
from flowra.cli.request import requested
from flowra.cli.values import parse_value
from flowra.dag.description import NodeDescription
from flowra.dag.graph import Graph
from flowra.dag.graph.builder import base_id
from flowra.dag.plan.logical import LogicalPlan, NodeOutput, PlannedNode
from flowra.dag.port import Port
from flowra.exceptions import GraphError, RunError, UsageError
from flowra.execute.encoding import decode
from flowra.execute.given import Given, read_given
from flowra.execute.session import Session
from flowra.execute.session.history import PastRun
from flowra.execute.stored_values import value_of
from flowra.execute.values import Held
from flowra.plugin.nearest import did_you_mean
from flowra.storage.store import Store

__all__ = ["Case", "case_of_call", "case_of_graph", "case_of_node", "load_value"]

_ITEM = re.compile(r"((?:\[\d+\])*)$")


@dataclass(frozen=True)
class Case:
    """What is to be run.

    Attributes:
        plan: The plan.
        graph: The graph, for its drawing.
        header: What the journal is to say of it.
        fresh: The nodes that are to run whatever is known of them.
        notes: What a person should know of the inputs.
    """

    plan: LogicalPlan
    graph: Graph
    header: Mapping[str, Any]
    fresh: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def undisturbed(self) -> Case:
        """Return the case for a person who stops in it: without time limits and retries, and all in this process."""
        return dataclasses.replace(
            self,
            plan=dataclasses.replace(
                self.plan, nodes={name: _undisturbed(node) for name, node in self.plan.nodes.items()}
            ),
        )


def case_of_graph(
    session: Session, path: Path, inputs: Sequence[str], settings: Sequence[str], targets: Sequence[str]
) -> Case:
    """Return a graph file as it is to be run; arguments and errors are those of `flowra run`."""
    request = requested(session, path, None, inputs, settings, targets)
    graph = Graph.from_json(request.header["graph"])
    return Case(request.plan, graph, request.header)


def case_of_node(session: Session, type_id: str, inputs: Sequence[str], settings: Sequence[str]) -> Case:
    """Return a node with its inputs: those that are given, its defaults, and samples for the rest.

    Args:
        session: Where it will run.
        type_id: The node's type id.
        inputs: `PORT=VALUE` for its inputs and init arguments.
        settings: Likewise.

    Raises:
        PluginError: There is no such node.
        UsageError: There is no such port, or no sample of an input that was not given.
        GraphInvalidError: A value is none of its port's.
    """
    description = described(session.catalog, type_id)
    given = _given([*inputs, *settings], description)
    init = {port.name: given[port.name] for port in description.init if port.name in given}
    values, notes = {}, []
    for port in description.inputs:
        if port.name in given:
            values[port.name] = given[port.name]
        elif port.required:
            values[port.name] = sample_for(port)
            notes.append(f"{port.name} is a sample; give your own: --input {port.name}=…")
    graph = Graph(type_id.rpartition("/")[2])
    node = graph.add(type_id, init=init, inputs=values)
    graph.folder = Path.cwd()
    plan = session.plan(graph)
    return Case(plan, graph, {"graph": _as_data(graph), "inputs": {}}, frozenset({node.id}), tuple(notes))


def case_of_call(session: Session, run: str, name: str, settings: Sequence[str]) -> Case:
    """Return a call of an earlier run with exactly the inputs that it had.

    Args:
        session: Where it will run; its store has the values.
        run: The run: an id, the beginning of one, or `last`.
        name: The call: a node, an item of one (`node[3]`), a node of an expansion.
        settings: `PORT=VALUE` for inputs that are to be others this time.

    Raises:
        UsageError: There is no such run, or no such call in it.
        RunError: What the call was given is not known any more.
    """
    past = session.history.find(run)
    store = session.store
    assert store is not None, "a debug session keeps values"
    given = read_given(past.given[name]) if past.given.get(name) else _given_to(session, past, name)
    description = session.catalog.describe(given.type)
    if given.lost:
        port, reason = next(iter(given.lost.items()))
        raise RunError(
            f"the input {port} of {name} was not kept",
            where=f"run {past.id}",
            why=reason,
            fix=f"debug the graph instead: flowra debug GRAPH --pdb --target {name.partition('[')[0]}",
        )
    literals: dict[str, Any] = dict(given.literals)
    for name_of_input, ref in given.refs.items():
        declared = description.input(name_of_input)
        if declared is not None:  # a later version of the node may lack it
            value = value_of(ref, declared.value_type)
            literals[name_of_input] = plain_data(value, lambda held: load_value(store, held, past.id))
    changed = _given(settings, description)
    literals.update({each.name: changed[each.name] for each in description.inputs if each.name in changed})
    init = {**given.init, **{each.name: changed[each.name] for each in description.init if each.name in changed}}
    node_id = base_id(given.type)
    planned = PlannedNode(node_id, description, init, literals, {})
    outputs = {port.name: NodeOutput(node_id, port.name) for port in description.outputs}
    plan = LogicalPlan(f"replay-{name}", {node_id: planned}, outputs, Path.cwd())
    notes = (f"{name} of {past.id}, with the inputs that it had" + (", but for what was set" if settings else ""),)
    return Case(plan, _drawing(plan.name, planned), {}, frozenset({node_id}), notes)


def load_value(store: Store, held: Held, run: str) -> Any:
    """Return the data of a value of an earlier run; raises RunError if the store has lost it."""
    assert held.ref is not None
    stored = store.get(held.ref)
    if stored is None:
        raise RunError(
            "the store no longer has a value of that run",
            where=store.location,
            why="it was collected, or another store was used",
            fix=f"have it computed again: flowra run --resume {run}",
        )
    return decode(held.ref.codec, stored, held.type)


def _given(texts: Sequence[str], description: NodeDescription) -> dict[str, Any]:
    """Return the values that `PORT=VALUE` gives to ports of a node."""
    ports: dict[str, Port] = {port.name: port for port in (*description.init, *description.inputs)}
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        # `--set node.port=value`, as `flowra run` has it, means the same here: there is one node.
        name = name.rpartition(".")[2]
        if not equals or not name:
            raise UsageError(f"{text!r} is not of the form PORT=VALUE")
        if name not in ports:
            raise UsageError(
                f"{description.type} has no port {name!r}{did_you_mean(name, ports)}",
                fix=f"its ports: {', '.join(ports) or 'none'}",
            )
        found[name] = parse_value(value, ports[name])
    return found


def _given_to(session: Session, past: PastRun, name: str) -> Given:
    """Return what a call that succeeded was given: the outputs of the calls before it, and its literals."""
    from flowra.cli.debug.report import RunValues

    node_id = _ITEM.sub("", name)
    if name in past.failures:
        raise RunError(
            f"what {name} was given is not known",
            where=f"run {past.id}",
            why=f"it failed before it was called: {past.failures[name].get('why') or past.failures[name].get('what')}",
            fix="debug the graph: flowra debug GRAPH",
        )
    if name not in past.calls:
        known = [*past.failures, *past.calls]
        raise UsageError(
            f"the run {past.id} has no call {name!r} that ended{did_you_mean(name, known)}",
            fix=f"flowra runs show {past.id} lists them",
        )
    graph = _graph_of(past)
    plan = session.plan(graph, inputs=past.header.get("inputs") or {}) if graph is not None else None
    if plan is None or node_id not in plan.nodes:
        raise RunError(
            f"what {name} was given is not known",
            where=f"run {past.id}",
            why="its graph was made in memory, or by another node; only what failed is written down then",
            fix="debug the graph: flowra debug GRAPH",
        )
    values = RunValues(session, plan, past)
    inputs = values.inputs_of(node_id).get(name, {})
    node = plan.nodes[node_id]
    refs, literals, lost = {}, {}, {}
    for port, value in inputs.items():
        ref = values.ref_of(value)
        if isinstance(ref, str):
            lost[port] = ref
        elif ref is not None:
            refs[port] = ref
        else:
            literals[port] = value
    return Given(node.type, node.init, refs, literals, lost)


def _graph_of(past: PastRun) -> Graph | None:
    data = past.header.get("graph")
    if not isinstance(data, Mapping):
        return None
    graph = Graph.from_json(data)
    graph.folder = Path(str(past.header.get("folder", ".")))
    return graph


def _drawing(name: str, node: PlannedNode) -> Graph:
    """Return a graph of one node, for its drawing alone: with the literals that a graph can hold."""
    graph = Graph(name)
    for port, value in _drawable(node):
        try:
            Graph().add(node.type, id=node.id, inputs={port: value})
        except GraphError:
            continue
        if node.id in graph.nodes:
            graph.nodes[node.id].set({port: value})
        else:
            graph.add(node.type, id=node.id, inputs={port: value})
    if node.id not in graph.nodes:
        graph.add(node.type, id=node.id)
    return graph


def _drawable(node: PlannedNode) -> Iterator[tuple[str, Any]]:
    for port, value in node.literals.items():
        if isinstance(value, (bool, int, float, str)):
            yield port, value


def _undisturbed(node: PlannedNode) -> PlannedNode:
    traits = dataclasses.replace(node.description.traits, timeout=None, retries=None, isolation="thread")
    return dataclasses.replace(node, description=dataclasses.replace(node.description, traits=traits))


def _as_data(graph: Graph) -> dict[str, Any] | None:
    try:
        return graph.to_json()
    except GraphError:
        return None
