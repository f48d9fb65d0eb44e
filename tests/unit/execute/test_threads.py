"""How many nodes the local executor runs at once."""

import threading
import time

import pytest

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.execute.local import LocalExecutor
from flowra.execute.resources.limits import usable_cores
from flowra.execute.scheduler import load as module
from flowra.execute.scheduler.load import Load
from flowra.execute.session import Session


class Clocks:
    """Stands for the clocks that `Load` reads."""

    def __init__(self):
        self.wall = 100.0
        self.process = 0.0

    def perf_counter(self):
        return self.wall

    def process_time(self):
        return self.process

    def go_on(self, seconds, used):
        self.wall += seconds
        self.process += used


@pytest.fixture
def clocks(monkeypatch):
    clocks = Clocks()
    monkeypatch.setattr(module, "time", clocks)
    return clocks


def test_a_process_that_hardly_computes_is_idle(clocks):
    load = Load(2)
    clocks.go_on(0.02, 0.001)
    assert load.is_idle()
    clocks.go_on(0.02, 0.02)
    assert not load.is_idle()


def test_a_look_that_follows_at_once_says_what_the_last_one_said(clocks):
    load = Load(2)
    clocks.go_on(0.02, 0.0)
    assert load.is_idle()
    clocks.go_on(0.001, 0.002)
    assert load.is_idle()


def noted(load, computed, threads, times=1):
    for _ in range(times):
        load.note("node", seconds=1.0, computed=computed, threads=threads)
    return load.waits("node")


def test_a_node_whose_calls_hardly_compute_is_taken_for_one_that_waits_and_one_call_says_little(clocks):
    load = Load(2)
    assert not load.waits("node"), "nobody has seen it yet"
    assert not noted(load, computed=0.05, threads=2)
    assert noted(load, computed=0.05, threads=2, times=3)


def test_calls_that_others_may_have_kept_waiting_say_nothing(clocks):
    assert not noted(Load(2), computed=0.05, threads=6, times=20)


def test_a_node_that_is_seen_to_compute_after_all_is_no_longer_taken_for_one_that_waits(clocks):
    load = Load(2)
    assert noted(load, computed=0.05, threads=2, times=9)
    assert not noted(load, computed=0.9, threads=6)


class Wait(Node):
    """Wait until so many wait, or for a while."""

    class InputArgs(BaseArgs):
        number: int

    class OutputArgs(BaseArgs):
        most: int

    lock = threading.Lock()
    now = 0
    most = 0

    def run(self, context, args):
        with self.lock:
            Wait.now += 1
            Wait.most = max(Wait.most, Wait.now)
        time.sleep(0.1)
        with self.lock:
            Wait.now -= 1
        return self.OutputArgs(most=Wait.most)


def test_more_nodes_wait_at_once_than_there_are_processors():
    graph = Graph("waiting")
    for number in range(60):
        graph.add(Wait, number=number)
    Wait.most = 0
    with Session(cache=False) as session:
        session.run(graph).raise_for_status()
    assert Wait.most > usable_cores()


class Spin(Node):
    """Compute for ever, nearly."""

    timeout = 0.2
    ended = threading.Event()

    class OutputArgs(BaseArgs):
        text: str

    def run(self, context, args):
        while not Spin.ended.is_set():
            pass
        return self.OutputArgs(text="")


def test_a_node_that_ran_out_of_time_and_goes_on_computing_keeps_no_other_from_running():
    graph = Graph("spinning")
    graph.add(Spin, id="spin")
    for number in range(5):
        graph.add(Wait, id=f"wait{number}", number=number)
    Spin.ended.clear()
    with Session(cache=False, executor=LocalExecutor(threads=1)) as session:
        try:
            run = session.run(graph)
        finally:
            Spin.ended.set()
    assert set(run.failures) == {"spin"}
