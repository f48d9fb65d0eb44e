"""Runs in the background: waited for, cancelled, awaited."""

import asyncio
import threading

import pytest

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.exceptions import GraphInvalidError


class Wait(Node):
    effects = True
    gate = threading.Event()

    class OutputArgs(BaseArgs):
        waited: bool

    def run(self, context, args):
        while not self.gate.wait(0.01):
            context.check_cancelled()
        return self.OutputArgs(waited=True)


@pytest.fixture
def waiting():
    Wait.gate = threading.Event()
    graph = Graph("waiting")
    graph.output("waited", graph.add(Wait)["waited"])
    return graph


def test_a_started_run_is_waited_for(session, waiting):
    running = session.start(waiting)
    assert not running.done
    with pytest.raises(TimeoutError):
        running.wait(0.05)
    Wait.gate.set()
    assert running.wait(10)["waited"] is True
    assert running.done


def test_a_started_run_is_cancelled(session, waiting):
    running = session.start(waiting)
    running.cancel()
    assert running.wait(10).status == "cancelled"


def test_the_mistakes_of_a_graph_are_raised_where_it_is_started(session):
    graph = Graph("wrong")
    graph.add(Wait, nothing=1)
    with pytest.raises(GraphInvalidError):
        session.start(graph)


def test_an_awaited_run_leaves_the_event_loop_to_others(session, waiting):
    async def both():
        run = asyncio.ensure_future(session.run_async(waiting))
        await asyncio.sleep(0.05)
        assert not run.done()
        Wait.gate.set()
        return await run

    assert asyncio.run(both())["waited"] is True


def test_a_cancelled_task_cancels_its_run(session, waiting):
    async def give_up():
        task = asyncio.ensure_future(session.run_async(waiting))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(give_up(), 10))
