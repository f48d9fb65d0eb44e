"""`Keyer`: makes the keys of the nodes of a plan."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowra.dag.catalog import NodeCatalog
from flowra.dag.description import NodeDescription
from flowra.dag.key.code.closure import SHOWN_DIGITS
from flowra.dag.key.code.node_code import NodeCode
from flowra.dag.key.literals import LiteralDigests, is_plain
from flowra.dag.key.parts import (
    ABSENT,
    KEY_FORMAT,
    ActionKey,
    InputDigest,
    StaticPart,
    TypePart,
    Unkeyable,
    digest_of_plain,
)
from flowra.dag.plan.logical import PlannedNode
from flowra.dag.port import Port
from flowra.dag.stand_in import home_of
from flowra.exceptions import FlowraError
from flowra.type.component_type import REQUIRED

if TYPE_CHECKING:
    from flowra.model import ModelIdentity, Models

__all__ = ["Keyer"]


class Keyer:
    """Makes keys for one run: code, libraries and values in memory count as they are when they are first looked at.

    Every method may be called from any thread.

    Args:
        catalog: The node types at hand.
        file_digest: Gives the digest of a file's contents, as `Store.file_digest` does.
        models: Say what references to models mean; those of the settings and packs of this process if None.
    """

    def __init__(
        self, catalog: NodeCatalog, *, file_digest: Callable[[Path], bytes], models: Models | None = None
    ) -> None:
        self._catalog = catalog
        self._code = NodeCode(catalog, file_digest)
        self._models = models
        self._literals = LiteralDigests(file_digest, self.model_identity)
        self._lock = threading.Lock()
        # By the description itself: a notebook makes a type anew each time its cell runs.
        self._types: dict[int, tuple[NodeDescription, TypePart | Unkeyable]] = {}
        # The static parts of nodes that differ in nothing but their inputs, by type and the ports that are given.
        self._alike: dict[tuple[Any, ...], StaticPart] = {}

    def static_part(self, node: PlannedNode) -> StaticPart | Unkeyable:
        """Return what a node is apart from its inputs, or why it can have no key. The pack is not imported for it.

        A node whose class overrides `fingerprint` is the exception: its class is needed.
        """
        description = node.description
        alike = None
        if not description.init and not description.traits.fingerprinted:
            alike = (id(description), *node.links, None, *node.literals)
            if (known := self._alike.get(alike)) is not None:
                return known
        node_type = self._type_of(description)
        if isinstance(node_type, Unkeyable):
            return node_type
        init: dict[str, InputDigest] = {}
        for port in description.init:
            found = self._argument(port, node.init)
            if isinstance(found, Unkeyable):
                return found.at(f"init {port.name}")
            init[port.name] = found
        inputs: dict[str, InputDigest] = {}
        for port in description.inputs:
            found = ABSENT
            if port.name not in node.links and port.name not in node.literals:
                found = self._argument(port, {})
                if port.default is not None and not is_plain(port.value_type):
                    alike = None  # a file, which may change from call to call
            if isinstance(found, Unkeyable):
                return found.at(port.name)
            inputs[port.name] = found
        fingerprint = self._fingerprint(node) if description.traits.fingerprinted else None
        if isinstance(fingerprint, Unkeyable):
            return fingerprint
        own: dict[str, Any] = {"init": {name: digest.to_json() for name, digest in init.items()}} if init else {}
        if fingerprint is not None:
            own["fingerprint"] = fingerprint
        digest = digest_of_plain([fingerprint, {name: digest.digest for name, digest in init.items()}])
        part = StaticPart(sha256(node_type.digest + digest).digest(), node_type, own, inputs)
        if alike is not None:
            self._alike[alike] = part
        return part

    def model_identity(self, reference: str) -> ModelIdentity:
        """Return what a reference to a model means now; raises ModelError where that can't be told."""
        from flowra.model import ModelReference

        with self._lock:
            if self._models is None:
                from flowra.model import Models

                self._models = Models()
        return self._models.identity(ModelReference.parse(reference))

    def with_models(self, key: ActionKey, references: Iterable[str]) -> ActionKey | None:
        """Return the key of a call that used models which only its code names; None where they can't be told."""
        try:
            return key.with_models({each: self.model_identity(each) for each in sorted(references)})
        except (FlowraError, ValueError):
            return None

    def linked(self, digest: bytes, binding: Any = None) -> InputDigest:
        """Return what a key takes of a linked value.

        Args:
            digest: The value's digest.
            binding: Where it comes from, as `PlannedNode.links` has it; for people only.
        """
        return InputDigest(digest, binding)

    def literal_digest(self, port: Port, value: Any) -> InputDigest | Unkeyable:
        """Return what a key takes of a literal, or of a path that a node gave.

        Args:
            port: The port that it is given to; one of `InitArgs` or `InputArgs`.
            value: The literal: plain data, a path, an object in memory.
        """
        return self._literals.of(port, value)

    def _argument(self, port: Port, given: Mapping[str, Any]) -> InputDigest | Unkeyable:
        value = given.get(port.name, port.default)
        return ABSENT if value is REQUIRED else self._literals.of(port, value)

    def _type_of(self, description: NodeDescription) -> TypePart | Unkeyable:
        known = self._types.get(id(description))
        if known is None:
            # Many threads ask for the same type at once, and one look at the files is enough.
            with self._lock:
                known = self._types.get(id(description))
                if known is None:
                    known = self._types[id(description)] = (description, self._describe(description))
        return known[1]

    def _describe(self, description: NodeDescription) -> TypePart | Unkeyable:
        traits = description.traits
        about: dict[str, Any] = {"format": KEY_FORMAT, "type": description.type, "version": description.version}
        parts: list[Any] = [KEY_FORMAT, description.type, description.version]
        ports = [
            [role, port.name, str(port.value_type.to_json())]
            for role in ("init", "inputs", "outputs")
            for port in getattr(description, role)
        ]
        about["ports"] = digest_of_plain(ports).hex()[:SHOWN_DIGITS]
        parts.append(ports)
        if traits.code_version is not None:
            about["code"] = {"version": traits.code_version}
            parts.append(traits.code_version)
        else:
            code = self._code.of_node(description)
            if isinstance(code, Unkeyable):
                return code
            about["code"] = code.to_json()
            parts.append(code.digest)
        values = self._code.of_values(description)
        if isinstance(values, Unkeyable):
            return values
        if values:
            about["values"] = {name: code.to_json() for name, code in values.items()}
        parts.append({name: code.digest for name, code in values.items()})
        libraries = self._code.library_versions(description)
        if libraries:
            about["libraries"] = libraries
        parts.append(libraries)
        return TypePart(digest_of_plain(parts), about)

    def _fingerprint(self, node: PlannedNode) -> str | Unkeyable | None:
        try:
            node_class = self._catalog.class_of(node.description)
            if home_of(node_class) is not None:
                return Unkeyable(
                    "its fingerprint is code of a pack with an environment of its own, and is not run here"
                )
            args: dict[str, Any] = {}
            for name, port in node_class.InputArgs.__ports__.items():
                # What comes over a link is not known, nor the items of a list that is mapped over.
                unknown = name in node.links or name in node.depths
                value = node.literals.get(name, port.default)
                args[name] = None if unknown or value is REQUIRED else self._literals.validated(port, value)
            found: Any = node_class.fingerprint(node_class.InputArgs.model_construct(None, **args))
        except Exception as error:  # noqa: BLE001  a pack's code may raise anything
            return Unkeyable(f"its fingerprint failed: {type(error).__name__}: {error}")
        if found is None or isinstance(found, str):
            return found
        return Unkeyable(f"its fingerprint is a {type(found).__name__}; fingerprint returns text, or None")
