"""What came of a run, node by node, with every value that is still known: what the terminal and the page show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from flowra.cli.debug.case import Case, load_value
from flowra.cli.debug.values import ValueReport, absent_report, plain_data, playable, report_value
from flowra.cli.debug.watcher import Measured
from flowra.dag.description import NodeDescription
from flowra.dag.graph import Graph
from flowra.dag.plan.logical import Constant, LogicalPlan, NodeOutput, PlannedNode
from flowra.dag.port import Port
from flowra.exceptions import FlowraError, PluginError
from flowra.execute.given import read_given, replay_command
from flowra.execute.scheduler.items import LengthsDifferError, split
from flowra.execute.session import Session
from flowra.execute.session.explanation import Explanation, explain
from flowra.execute.session.history import PastRun, RunHistory
from flowra.execute.stored_values import value_of
from flowra.execute.values import Ended, Failed, Held, Many
from flowra.storage.refs import ListRef, Ref
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf

__all__ = ["NodeReport", "RunReport", "RunValues", "report_run"]

Status = Literal["ran", "cached", "resumed", "failed", "not run"]

#: Of a node that maps over a list, the items that are shown.
ITEMS = 12
#: The calls of a run that are shown and explained; a page of more helps nobody.
CALLS = 300
_ITEM = re.compile(r"((?:\[\d+\])*)$")


@dataclass(frozen=True)
class NodeReport:
    """What came of one call of a node.

    Attributes:
        name: Its name in the run.
        node: The node of the graph that it belongs to.
        type: The node's type id.
        status: Whether it ran, its result was there, it failed, or was not run.
        why: Why so, in a sentence.
        reasons: What changed since the run before, where it ran for that.
        seconds: How long it ran.
        peak: By how many bytes the process grew meanwhile; None if that is not known.
        inputs: Its inputs.
        outputs: Its outputs.
        error: What it failed with, as plain data; empty if it did not.
        replay: The command that makes the call again with the inputs that it had; empty where it did not fail.
        logs: The lines that it printed and logged.
        measured: Its profile, if one was taken.
    """

    name: str
    node: str
    type: str
    status: Status
    why: str = ""
    reasons: tuple[str, ...] = ()
    seconds: float | None = None
    peak: int | None = None
    inputs: tuple[ValueReport, ...] = ()
    outputs: tuple[ValueReport, ...] = ()
    error: Mapping[str, Any] = field(default_factory=dict)
    replay: str = ""
    logs: tuple[str, ...] = ()
    measured: Measured = field(default_factory=Measured)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.name, "node": self.node, "type": self.type, "status": self.status, "why": self.why,
            "reasons": list(self.reasons), "seconds": self.seconds, "peak_bytes": self.peak,
            "inputs": [value.to_json() for value in self.inputs],
            "outputs": [value.to_json() for value in self.outputs],
            "error": dict(self.error) or None, "replay": self.replay or None, "logs": list(self.logs),
            "profile": [vars(row) for row in self.measured.profile],
        }  # fmt: skip


@dataclass(frozen=True)
class RunReport:
    """What came of a run.

    Attributes:
        id: The run's id.
        name: The graph's name.
        status: How it ended.
        seconds: How long it took.
        graph: The graph, for its drawing.
        nodes: The calls, in the order of the plan.
        hidden: How many calls are left out.
        notes: What a person should know of it.
    """

    id: str
    name: str
    status: str
    seconds: float
    graph: Graph
    nodes: tuple[NodeReport, ...]
    hidden: int = 0
    notes: tuple[str, ...] = ()

    def without_known(self) -> RunReport:
        """Return the report without the calls whose results were known before."""
        return replace(self, nodes=tuple(node for node in self.nodes if node.status not in ("cached", "resumed")))

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "run": self.id, "name": self.name, "status": self.status, "seconds": self.seconds,
            "nodes": [node.to_json() for node in self.nodes], "hidden": self.hidden, "notes": list(self.notes),
        }  # fmt: skip


def report_run(
    session: Session,
    case: Case,
    past: PastRun,
    *,
    measured: Mapping[str, Measured] | None = None,
    logs: Mapping[str, Sequence[str]] | None = None,
    not_run: Mapping[str, str] | None = None,
    seconds: float | None = None,
    keep_data: bool = False,
    play: bool = False,
) -> RunReport:
    """Gather what is known of a run.

    Args:
        session: Where it ran; its store has the values.
        case: What was run.
        past: Its journal.
        measured: What was measured of its calls.
        logs: What they logged.
        not_run: Why some were not made.
        seconds: How long it took, if the journal does not say.
        keep_data: Whether the report keeps the outputs themselves, to compare them; it may be far more than is shown.
        play: Whether files are made of the outputs that browsers play.
    """
    builder = _Builder(session, case, past, measured or {}, logs or {}, not_run or {}, keep_data, play)
    names = builder.names()
    return RunReport(
        id=past.id,
        name=past.name,
        status=past.status,
        seconds=past.seconds if seconds is None else seconds,
        graph=case.graph,
        nodes=tuple(builder.report(name) for name in names[:CALLS]),
        hidden=builder.left_out + max(0, len(names) - CALLS),
        notes=case.notes,
    )


class RunValues:
    """The values of a run, by what its journal says: outputs of calls, and from them the inputs of others."""

    def __init__(self, session: Session, plan: LogicalPlan, past: PastRun) -> None:
        self._session = session
        self._plan = plan
        self._past = past
        self._inputs: dict[str, dict[str, dict[str, Any]]] = {}

    def outputs_of(self, name: str, description: NodeDescription) -> dict[str, Any]:
        """Return the outputs of a call, as values that are not read yet; nothing where they are not known."""
        entry = self._past.calls.get(name)
        if entry is None:
            return {}
        refs = entry.outputs
        store = self._session.store
        if refs is None and entry.key is not None and store is not None:
            record = store.lookup(entry.key)
            refs = record.outputs if record is not None else None
        types = {port.name: port.value_type for port in description.outputs}
        return {port: value_of(ref, types[port]) for port, ref in (refs or {}).items() if port in types}

    def inputs_of(self, node_id: str) -> dict[str, dict[str, Any]]:
        """Return the inputs of each call of a node, by the call's name: literals, and values that are not read yet."""
        found = self._inputs.get(node_id)
        if found is None:
            found = self._inputs[node_id] = self._find_inputs(self._plan.nodes[node_id])
        return found

    def _find_inputs(self, node: PlannedNode) -> dict[str, dict[str, Any]]:
        inputs = {**node.literals, **{port: self._bound(binding) for port, binding in node.links.items()}}
        if not node.depths:
            return {node.id: inputs}
        try:
            items = split(inputs, node.depths)
        except (LengthsDifferError, TypeError):
            return {node.id: inputs}
        if isinstance(items, (Ended, Failed)):
            return {node.id: inputs}
        return {node.id + "".join(f"[{index}]" for index in item): each for item, each in items[0]}

    def _bound(self, binding: Any) -> Any:
        if isinstance(binding, NodeOutput):
            return self._output(binding.node, binding.port)
        if isinstance(binding, Constant):
            return binding.value
        return Many([self._bound(item) for item in binding])

    def _output(self, node_id: str, port: str) -> Any:
        """Return an output of a node: a list where it maps over one."""
        node = self._plan.nodes[node_id]
        if not node.depths:
            found = self.outputs_of(node_id, node.description)
            return found.get(port, self._missing(node_id))
        prefix = f"{node_id}["
        names = sorted(
            (name for name in (*self._past.calls, *self._past.failures) if name.startswith(prefix)), key=_position
        )
        return Many([self.outputs_of(name, node.description).get(port, self._missing(name)) for name in names])

    def _missing(self, name: str) -> Failed:
        return Failed(f"{name} failed" if name in self._past.failures else f"what {name} gave is not known")

    def load(self, value: Any) -> Any:
        """Return a value's data; raises LookupError or RunError where there is none."""
        store = self._session.store
        assert store is not None, "a debug session keeps values"
        return plain_data(value, lambda held: load_value(store, held, self._past.id))

    def ref_of(self, value: Any) -> Ref | str | None:
        """Return the reference of a value of the run; why there is none; None for a literal."""
        if isinstance(value, Held):
            return value.ref
        if isinstance(value, Many):
            refs = [self.ref_of(item) for item in value.items]
            lost = next((ref for ref in refs if isinstance(ref, str)), None)
            return lost if lost is not None else ListRef(tuple(ref for ref in refs if not isinstance(ref, str) and ref))
        return value.reason if isinstance(value, (Ended, Failed)) else None


class _Builder:
    def __init__(
        self,
        session: Session,
        case: Case,
        past: PastRun,
        measured: Mapping[str, Measured],
        logs: Mapping[str, Sequence[str]],
        not_run: Mapping[str, str],
        keep_data: bool,
        play: bool,
    ) -> None:
        self._keep_data = keep_data
        self._play = play
        self._session = session
        self._case = case
        self._past = past
        self._measured = measured
        self._logs = logs
        self._not_run = not_run
        self._values = RunValues(session, case.plan, past)
        self._history = _RememberingHistory(session.history.folder)
        self.left_out = 0

    def names(self) -> list[str]:
        """Return the calls to show: nodes in the order of the plan, the first items of each list, then expansions."""
        ended = dict.fromkeys([*self._past.calls, *self._past.failures, *self._not_run])
        by_node: dict[str, list[str]] = {}
        for name in ended:
            by_node.setdefault(_ITEM.sub("", name), []).append(name)
        found: list[str] = []
        for node_id in dict.fromkeys([*self._case.plan.nodes, *by_node]):
            calls = sorted(by_node.get(node_id, [node_id]), key=_position)
            # What failed is what people look for, wherever in the list it is.
            chosen = [name for name in calls if name in self._past.failures][:ITEMS]
            chosen += [name for name in calls if name not in chosen][: ITEMS - len(chosen)]
            found += sorted(chosen, key=_position)
            self.left_out += len(calls) - len(chosen)
        return found

    def report(self, name: str) -> NodeReport:
        """Return what came of a call."""
        node_id = _ITEM.sub("", name)
        node = self._case.plan.nodes.get(node_id)
        entry, error = self._past.calls.get(name), self._past.failures.get(name)
        type_id = (
            entry.type if entry is not None else node.type if node is not None else str((error or {}).get("type", ""))
        )
        description = node.description if node is not None else self._described(type_id)
        measured = self._measured.get(name, Measured())
        status: Status = "not run"
        if error is not None:
            status = "failed"
        elif entry is not None:
            status = "cached" if entry.how == "cached" else "resumed" if entry.how == "resumed" else "ran"
        elif name in self._measured:
            status = "ran"  # and gave what can't be kept, or a graph
        why = self._why(name) if status in ("ran", "cached", "resumed") else None
        return NodeReport(
            name=name,
            node=node_id,
            type=type_id,
            status=status,
            why=why.verdict if why is not None else self._not_run.get(name, ""),
            reasons=why.reasons if why is not None else (),
            seconds=measured.seconds or (entry.seconds if entry is not None and status == "ran" else None),
            peak=measured.peak,
            inputs=tuple(self._inputs(name, node_id, description)),
            outputs=tuple(self._outputs(name, description)),
            error=error or {},
            replay=self._replay(name),
            logs=tuple(self._logs.get(name, ())),
            measured=measured,
        )

    def _replay(self, name: str) -> str:
        given = self._past.given.get(name)
        return replay_command(self._past.id, name, given) if given and name in self._past.failures else ""

    def _described(self, type_id: str) -> NodeDescription:
        try:
            return self._session.catalog.describe(type_id)
        except PluginError:
            return NodeDescription(type_id)

    def _why(self, name: str) -> Explanation | None:
        if name in self._case.fresh:
            return None  # it was asked for
        try:
            return explain(self._history, self._session.store, self._past.id, name)
        except FlowraError:
            return None

    def _inputs(self, name: str, node_id: str, description: NodeDescription) -> Iterator[ValueReport]:
        values: Mapping[str, Any] = {}
        if node_id in self._case.plan.nodes:
            values = self._values.inputs_of(node_id).get(name, {})
        if given := self._past.given.get(name):
            try:
                known = read_given(given)
            except FlowraError:
                known = None
            if known is not None:
                types = {port.name: port.value_type for port in description.inputs}
                refs = {port: value_of(ref, types[port]) for port, ref in known.refs.items() if port in types}
                values = {**values, **refs, **known.literals}
        for port in description.inputs:
            if port.name in values:
                yield replace(self._value(port, port.value_type, values[port.name]), data=None)
            elif not port.required:
                found = report_value(port.name, port.value_type, port.default)
                yield replace(found, summary=f"{found.summary} (default)")

    def _outputs(self, name: str, description: NodeDescription) -> Iterator[ValueReport]:
        values = self._values.outputs_of(name, description)
        for port in description.outputs:
            if port.name in values:
                found = self._value(port, port.value_type, values[port.name])
                if self._play:
                    found = replace(found, played=playable(port.value_type, found.data))
                yield found if self._keep_data else replace(found, data=None)

    def _value(self, port: Port, value_type: ValueType, value: Any) -> ValueReport:
        if isinstance(value, Many) and not isinstance(value_type, ListOf):
            value_type = ListOf(value_type)
        ref = self._values.ref_of(value)
        try:
            data = self._values.load(value)
            if data is value:
                data = _as_taken(data, value_type)
        except Exception as error:  # noqa: BLE001  a value that its handler can't read is described, the others shown
            reason = error.what if isinstance(error, FlowraError) else str(error)
            return absent_report(port.name, value_type, f"not there: {reason}")
        digest = ref.digest if ref is not None and not isinstance(ref, str) else None
        return report_value(port.name, value_type, data, digest=digest)


def _as_taken(literal: Any, value_type: ValueType) -> Any:
    """Return a literal as the node got it: `3` is 3.0 at a port of type Float; one that is refused stays as it is."""
    from pydantic_core import SchemaValidator, ValidationError

    try:
        return SchemaValidator(value_type.core_schema()).validate_python(literal)
    except ValidationError:
        return literal


class _RememberingHistory(RunHistory):
    """Reads each journal once: the explanations of the nodes of a run look at the same ones."""

    def __init__(self, folder: Any) -> None:
        super().__init__(folder)
        self._runs: dict[str, PastRun] = {}
        self._ids: list[str] | None = None

    def ids(self) -> list[str]:
        if self._ids is None:
            self._ids = super().ids()
        return self._ids

    def read(self, run_id: str) -> PastRun:
        if run_id not in self._runs:
            self._runs[run_id] = super().read(run_id)
        return self._runs[run_id]


def _position(name: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", _ITEM.search(name)[1])))  # type: ignore[index]
