"""The code of a node type, and of what handles the values that it takes and gives."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flowra.dag.catalog import NodeCatalog
from flowra.dag.description import NodeDescription
from flowra.dag.key.code.closure import Code, CodeFinder
from flowra.dag.key.code.live import code_of_class
from flowra.dag.key.libraries import installed_versions
from flowra.dag.key.parts import Unkeyable, digest_of_plain
from flowra.dag.node import Node
from flowra.exceptions import PluginError
from flowra.plugin.conflicts import claimed_name
from flowra.plugin.packs import Pack
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf, OptionalOf, UnionOf

__all__ = ["NodeCode"]


class NodeCode:
    """Finds the code behind node types.

    Args:
        catalog: The node types at hand.
        file_digest: Gives the digest of a file's contents.
    """

    def __init__(self, catalog: NodeCatalog, file_digest: Callable[[Path], bytes]) -> None:
        self._catalog = catalog
        self._finder = CodeFinder(file_digest)
        self._handlers: dict[str, tuple[str, ...]] | None = None

    def of_node(self, description: NodeDescription) -> Code | Unkeyable:
        """Return the code of a node type; its pack is only imported where it does not lie in files."""
        pack = None if description.node_class is not None else self._pack(description.type)
        if pack is not None and pack.python:
            return self._finder.of_package(Path(pack.location))
        loaded = description.node_class or self._catalog.loaded(description.type)
        target = self._target(description.type)
        if target is not None and loaded in (None, _imported(target)):
            code = self._finder.of_module(target.partition(":")[0])
            if code is not None:
                # Which class of the module it is says the pack's entry point, which is not among the files.
                return (
                    code if isinstance(code, Unkeyable) else code.with_code(Code({}, {target: digest_of_plain(target)}))
                )
        try:
            return code_of_class(self._catalog.class_of(description), self._finder)
        except PluginError as error:
            return Unkeyable(f"its class can't be loaded: {error.what}")

    def of_values(self, description: NodeDescription) -> dict[str, Code] | Unkeyable:
        """Return the code that checks, converts, reads and writes the node's values, by value type.

        Only what packs contribute counts; the core's own types are Flowra's code.
        """
        if self._handlers is None:
            self._handlers = {
                claimed_name(entry.kind, entry.name, pack.id, entry.type): tuple(
                    filter(None, (entry.handler, entry.type))
                )
                for pack, entry in self._catalog.manager.entries("value_types")
            }
        ports = (*description.init, *description.inputs, *description.outputs)
        names = {name for port in ports for name in _handled(port.value_type)}
        found: dict[str, Code] = {}
        for name in sorted(names & self._handlers.keys()):
            # Their names count too: a module may hold several handlers.
            found[name] = Code({}, {target: digest_of_plain(target) for target in self._handlers[name]})
            for target in self._handlers[name]:
                code = self._of_target(target)
                if isinstance(code, Unkeyable):
                    return Unkeyable(f"what handles {name}: {code.reason}")
                found[name] = found[name].with_code(code)
        return found

    def _of_target(self, target: str) -> Code | Unkeyable:
        code = self._finder.of_module(target.partition(":")[0])
        return code if code is not None else Unkeyable(f"{target} lies in no file")

    def library_versions(self, description: NodeDescription) -> dict[str, str | None]:
        """Return the versions of the libraries that a node declares, as they are where it runs."""
        libraries = description.traits.libraries
        if not libraries:
            return {}
        pack = None if description.node_class is not None else self._pack(description.type)
        return installed_versions(libraries, Path(pack.location).parent if pack is not None and pack.python else None)

    def _pack(self, type_id: str) -> Pack | None:
        try:
            return self._catalog.manager.node(type_id)[0]
        except PluginError:
            return None

    def _target(self, type_id: str) -> str | None:
        try:
            return self._catalog.manager.node(type_id)[1].target
        except PluginError:
            return None


def _imported(target: str) -> type[Node] | None:
    """Return what a target names, if its module is loaded."""
    module, _, attribute = target.partition(":")
    value: Any = sys.modules.get(module)
    for name in attribute.split("."):
        value = getattr(value, name, None)
    return value if isinstance(value, type) and issubclass(value, Node) else None


def _handled(value_type: ValueType) -> Iterator[str]:
    if isinstance(value_type, (ListOf, OptionalOf)):
        yield from _handled(value_type.item)
    elif isinstance(value_type, UnionOf):
        for item in value_type.items:
            yield from _handled(item)
    else:
        yield str(getattr(value_type, "handled_as", "") or value_type.kind)
