"""What a call was given, as plain data: written into the journal when it fails, so that it can be made again.

Values are named by their references in the store; they are there already, since the key of a call is made of them. A
picture that was given as a path is kept as the picture: the file may be another by then.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowra.dag.key import Unkeyable
from flowra.dag.port import jsonable
from flowra.exceptions import RunError
from flowra.execute.values import Held, Many, Value
from flowra.storage.refs import Ref, ref_from_json
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf, OptionalOf
from flowra.type.value.media import MediaType

if TYPE_CHECKING:
    from flowra.execute.scheduler.state import Call
    from flowra.execute.stored_values import StoredValues

__all__ = ["Given", "given_inputs", "read_given", "replay_command"]


@dataclass(frozen=True)
class Given:
    """What a call was given.

    Attributes:
        type: The node's type id.
        init: Its `InitArgs`, as plain data.
        refs: Its inputs by port, as references.
        literals: Its inputs by port that no store could keep as values, as plain data.
        lost: Why an input was not kept, by port.
    """

    type: str
    init: Mapping[str, Any]
    refs: Mapping[str, Ref]
    literals: Mapping[str, Any]
    lost: Mapping[str, str]


def given_inputs(values: StoredValues, call: Call) -> dict[str, Any]:
    """Return what a call was given as plain data, its values kept in the store."""
    inputs: dict[str, Any] = {}
    for port, value in call.inputs.items():
        declared = call.node.description.input(port)
        assert declared is not None, "unknown ports are refused before"
        inputs[port] = _kept(values, value, declared.value_type)
    return {
        "type": call.node.type,
        "init": {port: jsonable(value) for port, value in call.node.init.items()},
        "inputs": inputs,
    }


def replay_command(run: str, name: str, given: Mapping[str, Any]) -> str:
    """Return the command that makes a call again; nothing where it can't, since an input of it was not kept.

    Args:
        run: The run's id.
        name: The call's name.
        given: What `given_inputs` returned.
    """
    # The class of a program or notebook is not there for a command.
    if given["type"].startswith("local/") or any("lost" in each for each in given["inputs"].values()):
        return ""
    return f"flowra debug replay {shlex.quote(f'{run}:{name}')}"


def read_given(data: Mapping[str, Any]) -> Given:
    """Return what `given_inputs` wrote; raises RunError if that is not what it is."""
    try:
        inputs: Mapping[str, Mapping[str, Any]] = data["inputs"]
        return Given(
            type=str(data["type"]),
            init=dict(data["init"]),
            refs={port: ref_from_json(each["ref"]) for port, each in inputs.items() if "ref" in each},
            literals={port: each["literal"] for port, each in inputs.items() if "literal" in each},
            lost={port: str(each["lost"]) for port, each in inputs.items() if "lost" in each},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            "the journal does not say what the node was given",
            why=f"{type(error).__name__}: {error}",
            fix="run the graph again: flowra run --resume RUN",
        ) from error


def _kept(values: StoredValues, value: Any, value_type: ValueType) -> dict[str, Any]:
    try:
        try:
            ref = values.referenced(_as_value(value, value_type))
        except ValueError:
            # A literal that is no value of the port: that may be why the node failed, and it is to fail so again.
            return {"literal": jsonable(value)}
    except Exception as error:  # noqa: BLE001  a handler that fails is why the node failed; the run goes on without it
        return {"lost": f"{type(error).__name__}: {error}"}
    return {"lost": ref.reason} if isinstance(ref, Unkeyable) else {"ref": ref.to_json()}


def _as_value(value: Any, value_type: ValueType) -> Value:
    """Return a literal, or what a node gave, as a value."""
    if isinstance(value, (Held, Many)):
        return value
    inner = value_type.item if isinstance(value_type, OptionalOf) else value_type
    if isinstance(inner, ListOf) and isinstance(value, list):
        return Many([_as_value(item, inner.item) for item in value])
    if isinstance(inner, MediaType) and value is not None:
        value = inner.coerce(value)
    return Held(value_type, value)
