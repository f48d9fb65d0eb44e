"""The watcher beside the calls: it measures, and finds the node's own frame."""

from __future__ import annotations

import asyncio
import sys

import pytest

from flowra.cli.debug.watcher import DebugWatcher, parse_breaks
from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.exceptions import UsageError
from flowra.execute.control import RunControl
from flowra.execute.local import LocalExecutor
from flowra.execute.session import Session
from flowra.type.component_type import Number


class Number1(BaseArgs):
    value: Number(value_type=float, description="number", default=1.0)


class Waits(Node):
    """Wait, as what asks a server does."""

    InputArgs = OutputArgs = Number1

    async def run(self, context, args):
        await asyncio.sleep(0.05)
        return self.OutputArgs(value=args.value)


class Grows(Node):
    """Take 64 MiB for a moment."""

    InputArgs = OutputArgs = Number1

    def run(self, context, args):
        block = bytearray(64 * 1024 * 1024)
        return self.OutputArgs(value=float(len(block)))


class FailsToBegin(Node):
    """Fail in `init`, as a model that is not there does."""

    InputArgs = OutputArgs = Number1

    def init(self, context, args):
        raise FileNotFoundError("no model")

    def run(self, context, args):
        raise AssertionError


def run(node_class, watcher):
    graph = Graph("watched")
    graph.add(node_class, id="node")
    with Session(executor=LocalExecutor(threads=1), cache=False) as session:
        return session.run_plan(session.plan(graph), watcher=watcher)


def test_an_async_node_is_measured_until_it_is_done():
    watcher = DebugWatcher(RunControl(), profile=True)
    assert run(Waits, watcher).status == "succeeded"
    assert watcher.measured["node"].seconds >= 0.05


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a part of a process's life")
def test_the_memory_that_a_node_takes_for_a_moment_is_seen():
    watcher = DebugWatcher(RunControl())
    run(Grows, watcher)
    assert watcher.measured["node"].peak >= 60 * 1024 * 1024


def test_a_failure_in_init_is_looked_at_too(monkeypatch):
    seen = []
    watcher = DebugWatcher(RunControl(), post_mortem=True)
    monkeypatch.setattr("pdb.Pdb.interaction", lambda self, frame, trace: seen.append(trace.tb_frame.f_code.co_name))
    assert run(FailsToBegin, watcher).status == "failed"
    assert seen == ["init"]


def test_breaks_are_before_unless_they_say_after():
    assert parse_breaks(["a", "b:after", "b:before"], ["a", "b"]) == {"a": {"before"}, "b": {"before", "after"}}
    with pytest.raises(UsageError, match="its nodes: a"):
        parse_breaks(["c"], ["a"])
    with pytest.raises(UsageError, match="write before or after"):
        parse_breaks(["a:within"], ["a"])
