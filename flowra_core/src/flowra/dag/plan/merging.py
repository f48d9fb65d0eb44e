"""Merges equal calls: nodes of one type with the same arguments, of which one is enough."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from flowra.dag.plan.logical import Constant, NodeOutput, PlannedNode
from flowra.dag.plan.varying import Varying

__all__ = ["is_plain", "merged"]

_PLAIN = (bool, int, float, str, type(None), PurePath)


def merged(nodes: Mapping[str, PlannedNode], keep: frozenset[str]) -> tuple[dict[str, PlannedNode], dict[str, str]]:
    """Return the nodes without those that repeat another, and for each left out the one that stands for it.

    Only nodes whose results may be shared are merged: those that are cacheable. Arguments
    that live in memory alone (arrays) are never compared.

    Args:
        nodes: The nodes in topological order.
        keep: Nodes that stay in any case: they were asked for by name. So do those that nobody takes anything from.
    """
    kept: dict[str, PlannedNode] = {}
    instead: dict[str, str] = {}
    seen: dict[Any, str] = {}
    taken = {output.node for node in nodes.values() for output in node.sources()}
    for node in nodes.values():
        if instead and any(output.node in instead for output in node.sources()):
            links = {port: _renamed(binding, instead) for port, binding in node.links.items()}
            node = dataclasses.replace(node, links=links)  # noqa: PLW2901  the same node, with its sources' new names
        repeatable = node.id in taken and node.description.traits.cacheable and node.id not in keep
        signature = _signature(node) if repeatable else None
        if signature is None:
            kept[node.id] = node
            continue
        first = seen.setdefault(signature, node.id)
        if first == node.id:
            kept[node.id] = node
        else:
            instead[node.id] = first
    return kept, instead


def _signature(node: PlannedNode) -> tuple[Any, ...] | None:
    """Return what two nodes have in common that do the same; None if it holds values that are not compared."""
    kind = node.description.node_class or node.type
    links: Any = tuple(node.links.items())
    if len(links) > 1:
        links = tuple(sorted(links))
    if not (node.literals or node.init) and all(type(binding) is NodeOutput for _, binding in links):
        return kind, links
    if not all(map(is_plain, (*node.literals.values(), *node.init.values(), *node.links.values()))):
        return None
    # As text, since 1, 1.0 and True would be equal.
    return kind, repr(links), repr(sorted(node.literals.items())), repr(node.init)


def is_plain(value: Any) -> bool:
    """Tell whether a value's text says all of it: no array, nothing that lives in memory alone."""
    if isinstance(value, NodeOutput):
        return True
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(map(is_plain, value.values()))
    if isinstance(value, Varying):
        return is_plain(value.sample)
    return isinstance(value, _PLAIN)


def _renamed(binding: Any, instead: Mapping[str, str]) -> Any:
    if isinstance(binding, NodeOutput):
        return NodeOutput(instead.get(binding.node, binding.node), binding.port)
    if isinstance(binding, Constant):
        return binding
    return tuple(_renamed(item, instead) for item in binding)
