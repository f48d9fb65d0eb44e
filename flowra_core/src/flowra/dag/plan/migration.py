"""Brings the arguments that a graph wrote for an earlier version of a node to the installed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowra.dag.catalog import NodeCatalog
from flowra.dag.description import NodeDescription
from flowra.dag.graph import GraphNode
from flowra.exceptions import PluginError
from flowra.plugin.contributions import Migration

__all__ = ["Migrated", "migrated"]


@dataclass(frozen=True)
class Migrated:
    """A node's arguments as the installed version takes them.

    Attributes:
        init: Its `InitArgs`.
        inputs: Its inputs.
        outputs: The present name of each output that was renamed, by its earlier name.
    """

    init: dict[str, Any]
    inputs: dict[str, Any]
    outputs: dict[str, str] = field(default_factory=dict)


def migrated(node: GraphNode, description: NodeDescription, catalog: NodeCatalog) -> Migrated:
    """Return the arguments of a node as the installed version of its type takes them.

    Raises:
        PluginError: The graph is newer than the installed pack, or the pack declares no way from the graph's version.
    """
    version = node.version if node.version is not None else description.version
    if version == description.version:
        return Migrated(node.init, node.inputs)
    pack = description.type.partition("/")[0]
    if version > description.version:
        raise PluginError(
            f"was made with version {version} of {description.type}; version {description.version} is installed",
            fix=f"update the pack {pack}",
        )
    current = Migrated(dict(node.init), dict(node.inputs))
    steps = {step.from_version: step for step in catalog.migrations(description.type)}
    for earlier in range(version, description.version):
        step = steps.get(earlier)
        if step is None:
            raise PluginError(
                f"was made with version {version} of {description.type}, and the pack {pack} declares no migration "
                f"from version {earlier} to {earlier + 1}",
                fix=f"adapt the arguments by hand and set the node's version to {description.version}",
            )
        current = _step(current, step, catalog)
    return current


def _step(current: Migrated, step: Migration, catalog: NodeCatalog) -> Migrated:
    init, inputs = _renamed(current.init, step.init), _renamed(current.inputs, step.inputs)
    if step.apply is not None:
        apply = catalog.manager.load(step.apply)
        try:
            # Its own copy, so that a migration which changes a list in place doesn't change the graph.
            changed = apply({"init": _copied(init), "inputs": _copied(inputs)})
        except Exception as error:
            raise PluginError(
                f"the migration {step.apply} failed: {type(error).__name__}: {error}",
                fix="adapt the arguments by hand and set the node's version, or report it to the pack's author",
            ) from error
        if not isinstance(changed, Mapping):
            raise PluginError(
                f"the migration {step.apply} gave {type(changed).__name__}, not the node's arguments",
                fix='a migration returns {"init": …, "inputs": …}',
            )
        parts = [changed.get(role, {}) for role in ("init", "inputs")]
        if unknown := [str(key) for key in changed if key not in ("init", "inputs")]:
            raise PluginError(
                f"the migration {step.apply} gave {', '.join(unknown)}, which are no arguments",
                fix='a migration returns {"init": …, "inputs": …}',
            )
        init, inputs = dict(parts[0]), dict(parts[1])
    outputs = {earlier: step.outputs.get(present, present) for earlier, present in current.outputs.items()}
    return Migrated(init, inputs, {**step.outputs, **outputs})


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _renamed(arguments: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in arguments.items()}
