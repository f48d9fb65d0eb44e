"""The parts of a key: what a node is apart from its inputs, what each input is, and the key of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from flowra.dag.plan.logical import Constant, NodeOutput
from flowra.storage.codec import canonical
from flowra.type.value.base import short

if TYPE_CHECKING:
    from flowra.model import ModelIdentity

__all__ = [
    "ABSENT",
    "KEY_FORMAT",
    "ActionKey",
    "InputDigest",
    "StaticPart",
    "TypePart",
    "Unkeyable",
    "digest_of_plain",
]

#: Named in every key: raise it when the same node and inputs are to have other keys, because what is computed from
#: them has changed (how values are coerced, how they are hashed).
KEY_FORMAT = "flowra-key/1"


@dataclass(frozen=True, slots=True)
class Unkeyable:
    """There is no key, so that nothing is taken from the cache and nothing put there.

    Attributes:
        reason: Why, in words, with what to do about it.
        missing: Whether a file is missing that is given: then the node fails of it, and that is told once.
    """

    reason: str
    missing: bool = False

    def at(self, place: str) -> Unkeyable:
        """Return the same, with the place named."""
        return Unkeyable(f"{place}: {self.reason}", self.missing)


class InputDigest(NamedTuple):
    """An argument of a node, by its digest.

    Attributes:
        digest: 32 bytes; equal digests are equal values.
        origin: What people are shown: for a link, the output it comes from (or a tuple of them); for a short plain
            literal its canonical bytes; for any other literal, plain data that says what it is.
    """

    digest: bytes
    origin: Any = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data: enough to see whether two arguments differ, and to say in words how."""
        found: dict[str, Any] = json.loads(self.json_text())
        return found

    def json_text(self) -> str:
        """Return the same as JSON."""
        origin = self.origin
        if type(origin) is NodeOutput:
            return f'{{"from":{_text(f"{origin.node}.{origin.port}")},"digest":"{self.digest.hex()}"}}'
        if isinstance(origin, bytes):
            return f'{{"value":{origin.decode()}}}'
        digest = self.digest.hex()
        if isinstance(origin, Mapping):
            return _dumps({**origin, "digest": digest})
        return f'{{"from":{_dumps(_source(origin))},"digest":"{digest}"}}' if origin else f'{{"digest":"{digest}"}}'


#: An input that has neither a value nor a default.
ABSENT = InputDigest(sha256(b"$absent").digest(), {"about": "nothing"})


@dataclass(frozen=True)
class TypePart:
    """What all nodes of a type have in common.

    Attributes:
        digest: 32 bytes over all of it.
        about: Type, version, ports, code, values and libraries as plain data.
    """

    digest: bytes
    about: Mapping[str, Any] = field(repr=False)

    @cached_property
    def json_text(self) -> str:
        """The plain data as JSON."""
        return _dumps(self.about)


@dataclass(frozen=True)
class StaticPart:
    """What a node is, apart from its inputs: the same for all its calls.

    Attributes:
        digest: 32 bytes over all of it.
        type: What it has in common with all nodes of its type.
        own: `InitArgs` and fingerprint as plain data.
        inputs: What each input port counts as where a call gives no value, in the order of the ports.
    """

    digest: bytes
    type: TypePart
    own: Mapping[str, Any]
    inputs: Mapping[str, InputDigest]

    def key(self, inputs: Mapping[str, InputDigest]) -> ActionKey:
        """Return the key of a call.

        Args:
            inputs: The node's inputs by port, as `Keyer.linked` and `Keyer.literal_digest` give them; ports left out
                have their defaults.

        Raises:
            KeyError: The node has no such port.
        """
        # Each digest has 32 bytes and each port its place, so nothing stands between them.
        digests = self._digests.copy()
        places = self._places
        for name, given in inputs.items():
            digests[places[name]] = given[0]
        return ActionKey(sha256(b"".join(digests)).digest(), self, inputs)

    @cached_property
    def json_beginning(self) -> str:
        """The type and its own part as JSON, without the brace that closes the object."""
        own = f",{_dumps(self.own)[1:-1]}" if self.own else ""
        return self.type.json_text[:-1] + own

    @cached_property
    def _digests(self) -> list[bytes]:
        return [self.digest, *(default.digest for default in self.inputs.values())]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.inputs, 1)}


class ActionKey:
    """Names "this node class, this code, these inputs".

    Attributes:
        digest: The key itself, 32 bytes.
    """

    __slots__ = ("_inputs", "_models", "_static", "digest")

    def __init__(
        self,
        digest: bytes,
        static: StaticPart,
        inputs: Mapping[str, InputDigest],
        models: Mapping[str, ModelIdentity] | None = None,
    ) -> None:
        self.digest = digest
        self._static = static
        self._inputs = inputs
        self._models = models or {}

    def with_models(self, models: Mapping[str, ModelIdentity]) -> ActionKey:
        """Return the key of a call that used these models besides, which nobody knew before it ran.

        Args:
            models: What each reference meant, by reference.
        """
        named = digest_of_plain([[each, models[each].digest] for each in sorted(models)])
        return ActionKey(sha256(b"$models\0" + self.digest + named).digest(), self._static, self._inputs, models)

    def preimage(self) -> dict[str, Any]:
        """Return what the key was made of, as plain data that `differences` compares."""
        found: dict[str, Any] = json.loads(self.preimage_json())
        return found

    def preimage_json(self) -> bytes:
        """Return the same as JSON in UTF-8, for the record."""
        static, given = self._static, self._inputs
        inputs = [f'"{name}":{given.get(name, default).json_text()}' for name, default in static.inputs.items()]
        models = {
            each: {"model": found.pinned, "digest": found.digest.hex()} for each, found in sorted(self._models.items())
        }
        used = f',"models":{_dumps(models)}' if models else ""
        text = f'{static.json_beginning},"inputs":{{{",".join(inputs)}}}{used}}}'
        return text.encode(errors="backslashreplace")

    def __repr__(self) -> str:
        return f"ActionKey({self.digest.hex()})"


_text = json.encoder.encode_basestring
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def digest_of_plain(value: Any) -> bytes:
    """Return the digest of plain data; raises as `canonical.encode` does."""
    return sha256(canonical.encode(value)).digest()


def _source(binding: Any) -> str:
    if isinstance(binding, Constant):
        return short(binding.value)
    if isinstance(binding, tuple) and not isinstance(binding, NodeOutput):
        return f"[{', '.join(map(_source, binding))}]"
    return str(binding)
