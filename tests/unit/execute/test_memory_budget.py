"""What a run keeps in memory stays within its budget: the oldest values are left to the store, and read again."""

from typing import Any

import numpy as np
import pytest

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.execute.local import LocalExecutor
from flowra.execute.session import Session
from flowra.execute.values import ABSENT, Held

MIB = 1024 * 1024


class Fill(Node):
    """Give a mebibyte of one number."""

    class InputArgs(BaseArgs):
        number: int

    class OutputArgs(BaseArgs):
        array: Any

    def run(self, context, args):
        return self.OutputArgs(array=np.full(MIB, args.number, dtype=np.uint8))


class Gather(Node):
    """Add up one number of each array."""

    class InputArgs(BaseArgs):
        arrays: list[Any]

    class OutputArgs(BaseArgs):
        total: int

    def run(self, context, args):
        return self.OutputArgs(total=sum(int(array[0]) for array in args.arrays))


@pytest.fixture
def graph():
    graph = Graph("wide")
    parts = [graph.add(Fill, number=number) for number in range(20)]
    graph.output("total", graph.add(Gather, arrays=[part["array"] for part in parts])["total"])
    return graph


@pytest.fixture
def spilled(monkeypatch):
    """The values that were left to the store."""
    from flowra.execute.runner import CallRunner

    spill, found = CallRunner.spill, []

    def noting(self, value):
        spill(self, value)
        found.append(value)

    monkeypatch.setattr(CallRunner, "spill", noting)
    return found


def test_more_than_the_budget_is_left_to_the_store_and_read_again(packs, graph, spilled):
    with Session(executor=LocalExecutor(threads=1, memory=4 * MIB)) as session:
        assert session.run(graph)["total"] == sum(range(20))
    assert len(spilled) >= 15
    assert all(isinstance(value, Held) for value in spilled)


def test_within_the_budget_nothing_is(packs, graph, spilled):
    with Session(executor=LocalExecutor(threads=1, memory=64 * MIB)) as session:
        assert session.run(graph)["total"] == sum(range(20))
    assert spilled == []


def test_without_a_cache_there_is_nowhere_to_leave_values(packs, graph, spilled):
    with Session(executor=LocalExecutor(threads=1, memory=4 * MIB), cache=False) as session:
        assert session.run(graph)["total"] == sum(range(20))
    assert all(value.data is not ABSENT for value in spilled)
