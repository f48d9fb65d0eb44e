"""Turns what went wrong in a node into an error for people: its own frame, its inputs, and what to do."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from flowra.dag.arguments import argument_problems
from flowra.dag.description import NodeDescription
from flowra.dag.plan.logical import PlannedNode
from flowra.exceptions import FlowraError, NodeFailedError
from flowra.type.handler import summarize

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = [
    "failed",
    "invalid_arguments",
    "invalid_result",
    "lengths_differ",
    "named",
    "release_values",
    "retried_in_vain",
    "timed_out",
    "unmet_needs",
]

_FLOWRA = f"{Path(__file__).parent.parent}{os.sep}"  # packs beside it have names that begin like its own
_RUNS_ON = "the code may still run, since a thread can't be stopped from outside"
_VERBOSE = "flowra run … -v shows the whole traceback"


def failed(node: PlannedNode, error: BaseException, module: str, inputs: Mapping[str, Any]) -> NodeFailedError:
    """Return the error for a node whose own code raised.

    Args:
        node: The node.
        error: What it raised.
        module: The module of its class; the frame shown is the deepest in that module's package.
        inputs: Its inputs by port, as it got them.
    """
    if isinstance(error, FlowraError):
        why, fix = "\n".join([error.what, *([error.why] if error.why else [])]), error.fix
    else:
        why, fix = _in_words(error), _fix_for(error)
    place = _own_frame(error.__traceback__, module.partition(".")[0])
    result = NodeFailedError(
        f"node {node.id} failed",
        node=node.id,
        type=node.type,
        where=f"{node.type}" + (f", {place}" if place else ""),
        why=why,
        fix=fix or _VERBOSE,
        inputs=_summaries(inputs, node.description),
        traceback=_own_traceback(error),
    )
    result.__cause__ = error
    return result


def invalid_arguments(
    node: PlannedNode, error: ValidationError, inputs: Mapping[str, Any], role: str
) -> NodeFailedError:
    """Return the error for arguments that a node's class refused when they arrived; `role` is init or inputs."""
    problems = argument_problems(error, role)
    ports = [problem.place.split(".")[1] if "." in problem.place else problem.place for problem in problems]
    givers = [f"{port} ← {node.links[port]}" for port in dict.fromkeys(ports) if port in node.links]
    return NodeFailedError(
        f"node {node.id} got {role} that it can't take",
        node=node.id,
        type=node.type,
        where=f"{node.type}, {role} {', '.join(dict.fromkeys(ports))}" + (f" ({'; '.join(givers)})" if givers else ""),
        why="\n".join(f"{port}: {problem.reason}" for port, problem in zip(ports, problems, strict=True)),
        fix="correct the value, or the node that gives it",
        inputs=_summaries(inputs, node.description),
    )


def invalid_result(
    node: PlannedNode,
    reasons: Mapping[str, str],
    inputs: Mapping[str, Any],
    error: BaseException | None = None,
    module: str = "",
) -> NodeFailedError:
    """Return the error for a node whose `run` gave back something other than its `OutputArgs`.

    Args:
        node: The node.
        reasons: What is wrong, by output port; under an empty name, what is wrong with the whole.
        inputs: Its inputs by port, as it got them.
        error: What was raised when the result was made or checked, if its traceback says more.
        module: The module of the node's class, to find its own frames in that traceback.
    """
    ports = [port for port in reasons if port]
    place = _own_frame(error.__traceback__, module.partition(".")[0], only_own=True) if error is not None else None
    return NodeFailedError(
        f"node {node.id} gave a result that is not what it declares",
        node=node.id,
        type=node.type,
        where=f"{node.type}, outputs {', '.join(ports)}".rstrip() + (f", {place}" if place else ""),
        why="\n".join(f"{port}: {reason}" if port else reason for port, reason in reasons.items()),
        fix=f"correct {node.type}: its run returns self.OutputArgs(…), with values of the types declared there",
        inputs=_summaries(inputs, node.description),
        traceback=_own_traceback(error) if error is not None else "",
    )


def timed_out(node: PlannedNode, limit: float) -> NodeFailedError:
    """Return the error for a call that did not end in its time."""
    isolated = node.description.traits.isolation == "process"
    error = NodeFailedError(
        f"node {node.id} took longer than its {limit:g} s",
        node=node.id,
        type=node.type,
        where=node.type,
        why="its timeout was reached; " + ("its process was stopped" if isolated else _RUNS_ON),
        fix="give it more time (timeout in the class body)"
        + ("" if isolated else ", and have its loops call context.check_cancelled()"),
    )
    error.__cause__ = TimeoutError(f"longer than {limit:g} s")
    return error


def unmet_needs(node: PlannedNode, lacking: str) -> NodeFailedError:
    """Return the error for a node whose graph needs what is not there."""
    return NodeFailedError(
        f"the graph that node {node.id} returned needs what is not there",
        node=node.id,
        type=node.type,
        where=node.type,
        why=lacking,
        fix="run it where there is, or state what there is in the setting resources",
    )


def lengths_differ(node: PlannedNode, error: Exception) -> NodeFailedError:
    """Return the error for a node that was to map over lists of different lengths."""
    return NodeFailedError(
        f"node {node.id} can't go through its lists together",
        node=node.id,
        type=node.type,
        where=node.type,
        why=str(error),
        fix="give it lists of one length; an input that is no list is used for every item",
    )


def retried_in_vain(error: NodeFailedError, attempts: int) -> NodeFailedError:
    """Return a failure with the number of tries that it outlived."""
    error.what = f"{error.what} (tried {attempts + 1} times)"
    return error


def named(error: NodeFailedError, name: str) -> NodeFailedError:
    """Return a failure under the name of the call that failed: one item of a list, a node of an expansion."""
    if name != error.node:
        error.what = error.what.replace(f"node {error.node} ", f"node {name} ", 1)
        error.node = name
    return error


def release_values(error: NodeFailedError) -> None:
    """Let go of the frames of an error, so that a failure that is kept doesn't keep pictures in memory.

    A frame holds its callers, and they hold inputs. What the frames say is in the error as text; where the error is
    raised to a Python program, it stands below its message.
    """
    if error.traceback and hasattr(error, "add_note"):
        error.add_note(error.traceback.rstrip())
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            each.__traceback__ = None
            pending += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]


def _in_words(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    try:
        text = str(error)
    except Exception as second:  # noqa: BLE001  an error that can't say what it is must not hide that there was one
        return f"{name} (its message can't be shown: {type(second).__name__})"
    return f"{name}: {text}" if text else name


def _fix_for(error: BaseException) -> str | None:
    if isinstance(error, ValueError) and "read-only" in str(error):
        return "inputs are shared with other nodes and read-only: work on a copy (image.copy())"
    if isinstance(error, ModuleNotFoundError):
        return f"install what it needs: pip install {error.name}" if error.name else None
    if isinstance(error, MemoryError):
        return "give the node smaller inputs, or the machine more memory"
    return None


def _summaries(inputs: Mapping[str, Any], description: NodeDescription) -> dict[str, str]:
    types = {port.name: port.value_type for port in description.inputs}
    return {name: summarize(value, types[name]) for name, value in inputs.items() if name in types}


def _own_frame(trace: TracebackType | None, package: str, *, only_own: bool = False) -> str | None:
    """Return the deepest frame in the node's own package, else (unless `only_own`) the deepest outside Flowra."""
    frames = [(frame, line) for frame, line in traceback.walk_tb(trace) if not _is_flowras(frame.f_code.co_filename)]
    own = [each for each in frames if each[0].f_globals.get("__name__", "").partition(".")[0] == package]
    if not own and (only_own or not frames):
        return None
    frame, line = (own or frames)[-1]
    code = traceback.extract_stack(frame, limit=1)[0]
    source = traceback.FrameSummary(code.filename, line, code.name).line
    return f"{_short_path(code.filename)}:{line} in {code.name}" + (f": {source}" if source else "")


def _own_traceback(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and _is_flowras(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))


def _is_flowras(filename: str) -> bool:
    return filename.startswith(_FLOWRA)


def _short_path(filename: str) -> str:
    path = Path(filename)
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
