"""The keys of calls: made of what a node is, and of the digests of what it is given."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from flowra.dag.key import ActionKey, InputDigest, Keyer, StaticPart, Unkeyable, holds_paths
from flowra.dag.plan.logical import PlannedNode
from flowra.dag.port import Port
from flowra.execute.scheduler.state import Call, item_of
from flowra.execute.stored_values import StoredValues
from flowra.execute.values import Ended, Held, Many
from flowra.type.component_type import component_for
from flowra.type.value.containers import ListOf

__all__ = ["CallKeys"]

#: How many nodes of items are remembered with what they are apart from their inputs.
_REMEMBERED = 4096


class CallKeys:
    """Makes the keys of calls.

    Args:
        keyer: Knows nodes, code and files.
        values: Gives the digests of values.
        unkeyed: Told the reason why a node can't have a key.
    """

    def __init__(self, keyer: Keyer, values: StoredValues, unkeyed: Callable[[PlannedNode, str], None]) -> None:
        self._keyer = keyer
        self._values = values
        self._unkeyed = unkeyed
        self._static: dict[PlannedNode, StaticPart | Unkeyable] = {}
        # By id, each with the port itself so that its id is not given to another.
        self._item_ports: dict[int, tuple[Port, Port]] = {}

    def of(self, call: Call) -> ActionKey | None:
        """Return the key of a call, or None where it can't have one: then its result is used in this run alone."""
        node = call.node
        static = self._static.get(node)
        if static is None:
            if len(self._static) >= _REMEMBERED and item_of(call.state.name) is not None:
                self._static.clear()  # each item may bring nodes of its own
            static = self._static[node] = self._keyer.static_part(node)
        if isinstance(static, Unkeyable):
            if not static.missing:
                self._unkeyed(node, static.reason)
            return None
        inputs: dict[str, InputDigest] = {}
        for port, value in call.inputs.items():
            declared = node.description.input(port)
            assert declared is not None, "unknown ports are refused before"
            digest = self._digest(declared, value, node.links.get(port))
            if isinstance(digest, Unkeyable):
                # Of a value that can't be stored, the node that gave it told.
                if not digest.missing and not isinstance(value, (Held, Many)):
                    self._unkeyed(node, f"{port}: {digest.reason}")
                return None
            inputs[port] = digest
        return static.key(inputs)

    def _digest(self, port: Port, value: Any, binding: Any) -> InputDigest | Unkeyable:
        """Return the digest of one input: a literal, or a value that another node gave."""
        if isinstance(value, Many):
            return self._digest_of_list(port, value, binding)
        if not isinstance(value, Held):
            return self._keyer.literal_digest(port, value)
        if holds_paths(value.type):
            # A path that a node gives counts by what lies there, as one that is written into the graph does.
            return self._keyer.literal_digest(port, self._values.load(value))
        ref = self._values.referenced(value)
        return ref if isinstance(ref, Unkeyable) else self._keyer.linked(ref.digest, binding)

    def _digest_of_list(self, port: Port, value: Many, binding: Any) -> InputDigest | Unkeyable:
        item_port = self._item_port(port)
        hashing = sha256(b"list\0")
        for item in value.items:
            if isinstance(item, Ended):
                continue  # the node gets the list without it
            digest = self._digest(item_port, item, binding)
            if isinstance(digest, Unkeyable):
                return digest
            hashing.update(digest.digest)
        return self._keyer.linked(hashing.digest(), binding)

    def _item_port(self, port: Port) -> Port:
        """Return a port of the items of a list port: one for each, since what is known of a port is kept with it."""
        found = self._item_ports.get(id(port))
        if found is None:
            item_type = port.value_type.item if isinstance(port.value_type, ListOf) else port.value_type
            found = self._item_ports[id(port)] = (port, Port(port.name, item_type, component_for(item_type)))
        return found[1]
