"""Stands beside the calls of nodes: measures them, profiles them, and stops where a person wants to look."""

from __future__ import annotations

import inspect
import os
import pdb  # noqa: T100  it is what this module opens
import sys
import time
import traceback
from bdb import BdbQuit
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Literal

import flowra
from flowra.dag.context import NodeCancelledError, RunContext
from flowra.dag.node import BaseArgs, Node
from flowra.exceptions import UsageError
from flowra.execute.capture import unheard
from flowra.execute.control import RunControl

__all__ = ["DebugWatcher", "Measured", "ProfileRow", "parse_breaks"]

When = Literal["before", "after"]

#: The rows of a profile that are kept.
PROFILE_ROWS = 15
_FLOWRA = f"{Path(flowra.__file__).parent}{os.sep}"


@dataclass(frozen=True)
class ProfileRow:
    """A function in the profile of a call.

    Attributes:
        function: Its name and place.
        calls: How often it was called.
        own: Seconds in itself.
        cumulative: Seconds in it and what it called.
    """

    function: str
    calls: int
    own: float
    cumulative: float


@dataclass
class Measured:
    """What was measured of a call.

    Attributes:
        seconds: How long the node's `run` took.
        peak: By how many bytes the process grew at most meanwhile; None where the system does not tell.
        profile: The functions that took longest, all together; empty unless it was asked for.
    """

    seconds: float = 0.0
    peak: int | None = None
    profile: list[ProfileRow] = field(default_factory=list)


class DebugWatcher:
    """Watches the calls of a run, which has to make them one at a time.

    Args:
        control: Cancels the run when the person ends the debugger.
        breaks: Where to stop, by the id of the node.
        post_mortem: Whether to stop where a node raised.
        profile: Whether to profile each call.

    Attributes:
        measured: What was measured, by the name of the call.
    """

    def __init__(
        self,
        control: RunControl,
        *,
        breaks: Mapping[str, Collection[When]] | None = None,
        post_mortem: bool = False,
        profile: bool = False,
    ) -> None:
        self._control = control
        self._breaks = breaks or {}
        self._post_mortem = post_mortem
        self._profile = profile
        self.measured: dict[str, Measured] = {}

    def watched(self, name: str, instance: Node) -> Callable[[RunContext, BaseArgs], Any]:
        """Return what is called in place of the instance's `run`."""

        def run(context: RunContext, args: BaseArgs) -> Any:
            measured = self.measured[name] = Measured()
            stops = self._breaks.get(name.partition("[")[0], ())
            call: Callable[[RunContext, BaseArgs], Any] = instance.run
            if "before" in stops:
                call = self._stopping_in(name, call)
            with _measuring(measured, profile=self._profile):
                result = call(context, args)
            if inspect.iscoroutine(result):
                return self._awaited(name, result, measured, args, stops)
            if "after" in stops:
                self._stop_after(name, args, result)
            return result

        return run

    def raised(self, name: str, node_class: type[Node], error: BaseException) -> None:
        """Open the debugger at the frame of the node's own code that raised."""
        if not self._post_mortem or isinstance(error, (NodeCancelledError, KeyboardInterrupt)):
            return
        trace = error.__traceback__
        while trace is not None and _is_flowras(trace.tb_frame):
            trace = trace.tb_next
        if trace is None:
            return  # nothing of the node's own is on the way
        with self._at_the_keyboard():
            print(f"\nnode {name} raised {traceback.format_exception_only(error)[-1].strip()}")
            print("u and d go to the frames above and below, q leaves the debugger")
            debugger = pdb.Pdb()
            debugger.reset()
            if up := _frames_below_own(trace, node_class):
                debugger.rcLines.append(f"up {up}")
            debugger.interaction(None, trace)

    async def _awaited(
        self, name: str, result: Any, measured: Measured, args: BaseArgs, stops: Collection[When]
    ) -> Any:
        with _measuring(measured, profile=self._profile):
            found = await result
        if "after" in stops:
            self._stop_after(name, args, found)
        return found

    def _stopping_in(
        self, name: str, call: Callable[[RunContext, BaseArgs], Any]
    ) -> Callable[[RunContext, BaseArgs], Any]:
        def run(context: RunContext, args: BaseArgs) -> Any:
            with self._at_the_keyboard():
                print(f"\nbefore {name}: c goes on, n goes a line further, q ends the run")
                debugger = pdb.Pdb()
                debugger.reset()
                # As its runcall does, which would take the end of the debugger for a result.
                sys.settrace(debugger.trace_dispatch)
                try:
                    return call(context, args)
                finally:
                    sys.settrace(None)

        return run

    def _stop_after(self, name: str, args: BaseArgs, outputs: Any) -> None:
        with self._at_the_keyboard():
            print(f"\nafter {name}: its args and outputs are at hand; c goes on, q ends the run")
            _look(args, outputs)

    @contextmanager
    def _at_the_keyboard(self) -> Iterator[None]:
        """Give the terminal to the person, whose lines and those of the debugger are no node's; `q` ends the run."""
        streams = sys.stdout, sys.stderr
        with unheard():
            sys.stdout, sys.stderr = (getattr(stream, "original", stream) for stream in streams)
            try:
                yield
            except BdbQuit:
                self._control.cancel()
                raise NodeCancelledError("the run was ended in the debugger") from None
            finally:
                sys.stdout, sys.stderr = streams


def _look(args: BaseArgs, outputs: Any) -> None:  # noqa: ARG001  they are what the person looks at
    pdb.Pdb(nosigint=True).set_trace()


def _is_flowras(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_FLOWRA)


def _frames_below_own(trace: TracebackType, node_class: type[Node]) -> int:
    """Return how many frames lie below the deepest one in the node's own package."""
    package = node_class.__module__.partition(".")[0]
    names = [frame.f_globals.get("__name__", "").partition(".")[0] for frame, _ in traceback.walk_tb(trace)]
    own = [position for position, name in enumerate(names) if name == package]
    return len(names) - 1 - own[-1] if own else 0


def parse_breaks(texts: Collection[str], nodes: Collection[str]) -> dict[str, set[When]]:
    """Return where `--break NODE[:before|after]` says to stop.

    Raises:
        UsageError: There is no such node, or it says neither before nor after.
    """
    breaks: dict[str, set[When]] = {}
    for text in texts:
        node, colon, when = text.partition(":")
        if node not in nodes:
            known = ", ".join(list(nodes)[:8]) or "none"
            raise UsageError(
                f"there is no node {node!r} to stop at", where=f"--break {text}", fix=f"its nodes: {known}"
            )
        if colon and when not in ("before", "after"):
            raise UsageError(f"{when!r} is no place to stop", where=f"--break {text}", fix="write before or after")
        breaks.setdefault(node, set()).add("after" if when == "after" else "before")
    return breaks


@contextmanager
def _measuring(measured: Measured, *, profile: bool) -> Iterator[None]:
    import cProfile

    before = _begin_peak()
    profiler = cProfile.Profile() if profile else None
    began = time.perf_counter()
    if profiler is not None:
        profiler.enable()
    try:
        yield
    finally:
        if profiler is not None:
            profiler.disable()
        measured.seconds += time.perf_counter() - began
        measured.peak = _peak_since(before)
        if profiler is not None:
            measured.profile = _rows(profiler)


def _rows(profiler: Any) -> list[ProfileRow]:
    import pstats

    statistics: Any = pstats.Stats(profiler)
    rows = [
        ProfileRow(f"{name} ({Path(file).name}:{line})" if line else name, calls, own, cumulative)
        for (file, line, name), (_, calls, own, cumulative, _) in statistics.stats.items()
        if "_lsprof" not in name
    ]
    return sorted(rows, key=lambda row: -row.cumulative)[:PROFILE_ROWS]


def _begin_peak() -> int | None:
    """Return the process's memory now, and have Linux begin to note its peak anew; None on another system."""
    with suppress(OSError, ValueError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return _memory("VmRSS")
    return None


def _peak_since(before: int | None) -> int | None:
    with suppress(OSError, ValueError):
        return max(0, _memory("VmHWM") - before) if before is not None else None
    return None


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"no {name} in /proc/self/status")
