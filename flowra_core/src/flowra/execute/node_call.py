"""One call of one node: its arguments validated, what it raised put into words, its result checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from flowra.dag.arguments import argument_problems
from flowra.dag.context import NodeCancelledError
from flowra.dag.node import BaseArgs, Node
from flowra.dag.plan.logical import PlannedNode
from flowra.exceptions import NodeFailedError
from flowra.execute.control import RunControl
from flowra.execute.failure import failed, invalid_arguments, invalid_result
from flowra.type.value.base import short

__all__ = ["checked", "given", "prepared", "raised"]


def given(args: BaseArgs) -> dict[str, Any]:
    """Return the arguments of a call by port, for messages."""
    return {name: getattr(args, name) for name in type(args).__ports__}


def prepared(
    node: PlannedNode, args_class: type[BaseArgs], values: Mapping[str, Any], role: str = "inputs"
) -> BaseArgs:
    """Return a call's arguments, validated; raises NodeFailedError for the ones that the node can't take."""
    try:
        # What the class's own call does, without its detour through keyword arguments.
        made: BaseArgs = args_class.__pydantic_validator__.validate_python(values)
    except ValidationError as error:
        raise invalid_arguments(node, error, values, role) from error
    except NodeFailedError:
        raise
    except Exception as error:  # a handler of a pack that fails in any other way is the pack's mistake, not a crash
        raise failed(node, error, args_class.__module__, values) from error
    return made


def raised(
    node: PlannedNode, node_class: type[Node], error: BaseException, inputs: Mapping[str, Any], control: RunControl
) -> NodeFailedError:
    """Return the failure for what a node's code raised.

    Raises:
        NodeCancelledError: The node noticed that the run was cancelled.
        KeyboardInterrupt: A person ends the run at once.
    """
    if isinstance(error, NodeFailedError):
        return error
    if isinstance(error, NodeCancelledError) and control.cancelled:
        raise error
    if isinstance(error, ValidationError) and error.title == node_class.OutputArgs.__name__:
        return invalid_result(node, _reasons(error), inputs, error, node_class.__module__)
    # A node that calls sys.exit, or raises KeyboardInterrupt by itself, fails like any other; only a person who
    # interrupts for the second time ends the run here.
    if control.immediate and isinstance(error, KeyboardInterrupt):
        raise error
    return failed(node, error, node_class.__module__, inputs)


def checked(node: PlannedNode, node_class: type[Node], result: Any, args: BaseArgs) -> dict[str, Any]:
    """Return what a node's `run` gave, by output port; raises NodeFailedError if it is not what the node declares."""
    args_class = node_class.OutputArgs
    if type(result) is args_class:
        made: dict[str, Any] = result.__dict__
        return made
    if result is None and not args_class.__ports__:
        return {}
    if isinstance(result, Mapping):
        try:
            result = args_class(**result)
        except ValidationError as error:
            raise invalid_result(node, _reasons(error), given(args), error, node_class.__module__) from error
        except Exception as error:  # a key that is no text, a handler of a pack that fails: the node's or the pack's
            raise failed(node, error, node_class.__module__, given(args)) from error
    if not isinstance(result, args_class):
        reason = f"run returned {short(result)}, not {args_class.__qualname__}"
        raise invalid_result(node, {"": reason}, given(args))
    return {name: getattr(result, name) for name in args_class.__ports__}


def _reasons(error: ValidationError) -> dict[str, str]:
    return {problem.place.partition(".")[2]: problem.reason for problem in argument_problems(error, "outputs")}
