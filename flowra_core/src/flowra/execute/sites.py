"""What all calls of a node share: its class, where its instances are, and its output ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowra.dag.catalog import NodeCatalog
from flowra.dag.context import NodeCancelledError
from flowra.dag.node import Node
from flowra.dag.plan.logical import PlannedNode
from flowra.exceptions import FlowraError, PluginError
from flowra.execute.failure import failed
from flowra.execute.instances import InstancePool, InstanceSlot
from flowra.execute.node_call import prepared
from flowra.execute.values import Ended, Held, Many, Value
from flowra.type.component_type import inner_type
from flowra.type.handler import summarize
from flowra.type.model_reference import ModelReference, is_model_reference
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf, OptionalOf
from flowra.type.value.model import Model

__all__ = ["Site", "Sites", "described_outputs"]

Outputs = dict[str, Value]
#: How many are remembered: each item of a batch may bring `InitArgs` of its own.
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Site:
    """What all calls of a node share.

    Attributes:
        node_class: Its class.
        slot: Where its instances are.
        outputs: Its output ports: names and types, and whether what they give is taken item by item if it is a list.
    """

    node_class: type[Node]
    slot: InstanceSlot
    outputs: tuple[tuple[str, ValueType, bool], ...]

    def values(self, found: dict[str, Any]) -> Outputs:
        """Return what a call gave as values."""
        outputs: Outputs = {}
        for name, value_type, is_list in self.outputs:
            outputs[name] = _value(found[name], value_type) if is_list else Held(value_type, found[name])
        return outputs


class Sites:
    """The sites of one job.

    Args:
        catalog: Where the node classes come from.
        pool: Where their instances are.
        fetch: Fetches a model for a node, and returns its path.
    """

    def __init__(
        self, catalog: NodeCatalog, pool: InstancePool, fetch: Callable[[PlannedNode, ModelReference], Path]
    ) -> None:
        self._catalog = catalog
        self._fetch = fetch
        self._pool = pool
        self._sites: dict[PlannedNode | type[Node] | str, Site] = {}

    def of(self, node: PlannedNode) -> Site:
        """Return the site of a node; raises NodeFailedError where its class or its `InitArgs` are of no use."""
        # Most nodes have no InitArgs of their own, and share all of this with every other of their type.
        shared: Any = node if node.init else node.description.node_class or node.type
        site = self._sites.get(shared)
        if site is None:
            try:
                node_class = self._catalog.class_of(node.description)
            except PluginError as error:
                raise failed(node, error, "", {}) from error
            init = prepared(node, node_class.InitArgs, self._init_values(node, node_class), "init")
            outputs = tuple(
                (port.name, port.value_type, _is_list(port.value_type)) for port in node.description.outputs
            )
            if len(self._sites) >= _REMEMBERED:
                self._sites.clear()
            site = self._sites[shared] = Site(node_class, self._pool.slot(node_class, init), outputs)
        return site

    def _init_values(self, node: PlannedNode, node_class: type[Node]) -> Mapping[str, Any]:
        """Return a node's `InitArgs` with the paths of models in place of the references to them."""
        paths = {}
        for name, port in node_class.InitArgs.__ports__.items():
            value = node.init.get(name, port.default)
            if not isinstance(inner_type(port.value_type), Model) or not is_model_reference(value):
                continue
            try:
                paths[name] = self._fetch(node, ModelReference.parse(value))
            except NodeCancelledError:
                raise
            except FlowraError as error:
                raise failed(node, error, node_class.__module__, {name: value}) from error
        return {**node.init, **paths} if paths else node.init


def described_outputs(outputs: Outputs | Ended) -> dict[str, str]:
    """Return each output in a line for people."""
    return {} if isinstance(outputs, Ended) else {port: _described(value) for port, value in outputs.items()}


def _is_list(value_type: ValueType) -> bool:
    inner = value_type.item if isinstance(value_type, OptionalOf) else value_type
    return isinstance(inner, ListOf)


def _value(data: Any, value_type: ValueType) -> Value:
    """Return what a node gave as a value: a list as one value for each item."""
    inner = value_type.item if isinstance(value_type, OptionalOf) else value_type
    if isinstance(inner, ListOf) and isinstance(data, list):
        return Many([_value(item, inner.item) for item in data])
    return Held(value_type, data)


def _described(value: Value) -> str:
    if isinstance(value, Held):
        return summarize(value.data, value.type)
    if isinstance(value, Many):
        inside = ", ".join(map(_described, value.items[:3]))
        return f"{len(value.items)} items: {inside}" + (", …" if len(value.items) > 3 else "")
    return value.reason
