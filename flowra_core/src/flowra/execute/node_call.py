"""One call of one node: its arguments validated, its instance had, its result checked."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from pydantic import ValidationError

from flowra.dag.arguments import argument_problems
from flowra.dag.context import NodeCancelledError, RunContext
from flowra.dag.node import BaseArgs, Node
from flowra.dag.plan.logical import PlannedNode
from flowra.exceptions import NodeFailedError
from flowra.execute.control import RunControl
from flowra.execute.failure import failed, invalid_arguments, invalid_result
from flowra.execute.instances import InstancePool
from flowra.type.value.base import short

__all__ = ["call_node"]


def call_node(
    node: PlannedNode,
    node_class: type[Node],
    inputs: Mapping[str, Any],
    context: RunContext,
    pool: InstancePool,
    control: RunControl,
) -> dict[str, Any]:
    """Run a node on its inputs and return its outputs by port.

    Args:
        node: The node.
        node_class: Its class.
        inputs: Its inputs by port, literals and linked values, not validated yet.
        context: What it may ask of the engine.
        pool: Where its instance comes from.
        control: Whether the run is being stopped.

    Raises:
        NodeFailedError: An argument, the node's own code or its result is off.
        NodeCancelledError: The node noticed that the run was cancelled.
    """
    init = _arguments(node, node_class.InitArgs, node.init, "init")
    args = _arguments(node, node_class.InputArgs, inputs, "inputs")
    given = {name: getattr(args, name) for name in node_class.InputArgs.__ports__}
    try:
        result = pool.get(node_class, init, context).run(context, args)
        if inspect.iscoroutine(result):
            result = _awaited(result)
    except BaseException as error:
        if isinstance(error, NodeCancelledError) and control.cancelled:
            raise
        if isinstance(error, ValidationError) and error.title == node_class.OutputArgs.__name__:
            raise invalid_result(node, _reasons(error), given, error, node_class.__module__) from error
        # A node that calls sys.exit, or raises KeyboardInterrupt by itself, fails like any other; only a person who
        # interrupts for the second time ends the run here.
        if control.immediate and isinstance(error, KeyboardInterrupt):
            raise
        raise failed(node, error, node_class.__module__, given) from error
    return _outputs(node, node_class, result, given)


def _arguments(node: PlannedNode, args_class: type[BaseArgs], values: Mapping[str, Any], role: str) -> BaseArgs:
    try:
        return args_class(**values)
    except ValidationError as error:
        raise invalid_arguments(node, error, values, role) from error
    except NodeFailedError:
        raise
    except Exception as error:  # a handler of a pack that fails in any other way is the pack's mistake, not a crash
        raise failed(node, error, args_class.__module__, values) from error


def _outputs(node: PlannedNode, node_class: type[Node], result: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    args_class = node_class.OutputArgs
    if result is None and not args_class.__ports__:
        return {}
    if isinstance(result, Mapping):
        try:
            result = args_class(**result)
        except ValidationError as error:
            raise invalid_result(node, _reasons(error), given, error, node_class.__module__) from error
        except Exception as error:  # a key that is no text, a handler of a pack that fails: the node's or the pack's
            raise failed(node, error, node_class.__module__, given) from error
    if not isinstance(result, args_class):
        reason = f"run returned {short(result)}, not {args_class.__qualname__}"
        raise invalid_result(node, {"": reason}, given, None, node_class.__module__)
    return {name: getattr(result, name) for name in args_class.__ports__}


def _reasons(error: ValidationError) -> dict[str, str]:
    return {problem.place.partition(".")[2]: problem.reason for problem in argument_problems(error, "outputs")}


def _awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine gives."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    # In a notebook this thread has a loop that runs already, and loops can't be nested.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, asyncio.run, coroutine).result()
