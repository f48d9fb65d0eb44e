from __future__ import annotations

import asyncio
import json
import sys
import types

import numpy as np
import pytest
from fixtures.run_nodes import Add, Fail, Give, Report

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.execute.session import Session, events
from flowra.plugin import ObserverEntry, hookimpl


def named(seen, name):
    return [event for event in seen if event.name == name]


def story(seen, node):
    """The names of the events of a node, in order."""
    return [event.name for event in seen if getattr(event, "node", None) == node]


@pytest.fixture
def seen(session):
    """The events of a run in which one node fails and another is left out."""
    graph = Graph("story")
    one = graph.add(Give, id="one", value=2)
    graph.add(Report, id="report", a=one["value"])
    broken = graph.add(Fail, id="broken", a=one["value"])
    graph.add(Add, id="after", a=broken["value"])
    found = []
    session.run(graph, observers=[found.append])
    return found


def test_a_run_begins_with_planned_and_ends_with_finished(seen):
    assert [seen[0].name, seen[-1].name] == ["planned", "finished"]
    assert (seen[0].graph, seen[0].nodes) == ("story", 4)
    assert seen[-1].status == "failed"
    assert seen[-1].outputs == {"report.value": {"value": 2.0}}
    assert len({event.run for event in seen}) == 1
    assert [event.time for event in seen] == sorted(event.time for event in seen)


def test_each_node_has_its_events_in_order(seen):
    assert story(seen, "one") == ["queued", "started", "succeeded"]
    assert story(seen, "report") == ["queued", "started", "progress", "log", "preview", "succeeded"]
    assert story(seen, "broken") == ["queued", "started", "failed"]
    assert story(seen, "after") == ["queued", "skipped"]


def test_what_a_node_says_of_itself_is_in_its_events(seen):
    (progress,), (log,), (preview,) = named(seen, "progress"), named(seen, "log"), named(seen, "preview")
    assert (progress.done, progress.total, progress.text) == (1, 4, "reading")
    assert (log.text, log.level) == ("a quarter is done", "debug")
    assert (preview.title, preview.summary, preview.png) == ("so far", "number 2.0", None)


def test_a_failure_is_told_whole(seen):
    (failed,) = named(seen, "failed")
    assert failed.error["why"] == "ValueError: no such luck"
    assert failed.error["inputs"] == {"a": "number 2.0", "message": "text 'no such luck'"}
    assert "in run" in failed.error["traceback"]


def test_every_event_is_plain_data_under_the_name_of_its_class(seen):
    for event in seen:
        data = json.loads(json.dumps(event.to_json(), allow_nan=False))
        assert events.EVENTS[data.pop("event")](**data) == event


def test_a_picture_in_a_preview_is_base64_text():
    event = events.Preview("run", 0.0, "node", "title", "summary", b"\x89PNG")
    assert event.to_json()["png"] == "iVBORw=="


class Numbers(Node):
    """Report with numpy's numbers, and with what is no number and no text."""

    class OutputArgs(BaseArgs):
        pass

    def run(self, context, args):
        context.progress(np.int64(1), np.float32(2), text=3)
        context.progress(float("nan"))
        context.log(np.arange(2))
        context.preview(np.zeros((2, 2, 3), np.uint8), title=4)


def test_reports_are_plain_data_whatever_a_node_gives(run_one):
    found = []
    assert run_one(Numbers, observers=[found.append]).warnings == ()
    for event in found:
        json.dumps(event.to_json(), allow_nan=False)
    assert [(event.done, event.total, event.text) for event in named(found, "progress")] == [
        (1.0, 2.0, "3"),
        (0.0, None, ""),
    ]
    assert "[0 1]" in [event.text for event in named(found, "log")]


def test_a_preview_that_can_not_be_made_is_logged_and_the_node_goes_on(run_one):
    found = []
    assert run_one(Numbers, observers=[found.append]).status == "succeeded"
    assert any("no preview of 4" in event.text for event in named(found, "log"))
    assert named(found, "preview")[0].png is None


class TestObservers:
    def test_one_that_raises_is_told_nothing_more_and_the_run_says_so(self, run_one):
        told = []

        def broken(event):
            told.append(event)
            raise OSError("the disk is full")

        found = []
        run = run_one(Give, observers=[broken, found.append])
        assert run.status == "succeeded"
        assert len(told) == 1
        assert len(run.warnings) == 1
        assert "broken failed and is told nothing more: OSError: the disk is full" in run.warnings[0]
        assert [event.name for event in found][:2] == ["planned", "log"], "the others get the event, then the warning"

    def test_several_that_raise_stop_neither_the_run_nor_those_that_work(self, run_one):
        def broken(event):
            raise RuntimeError

        found = []
        run = run_one(Give, observers=[broken, broken, found.append, lambda event: 1 / 0])
        assert run.status == "succeeded"
        assert len(run.warnings) == 3
        assert found[-1].name == "finished"

    def test_those_of_the_session_are_told_every_run(self, packs):
        found = []
        graph = Graph("twice")
        graph.add(Give)
        with Session(observers=[found.append]) as session:
            runs = [session.run(graph).id for _ in range(2)]
        assert [event.run for event in named(found, "finished")] == runs


class TestContributedObservers:
    @pytest.fixture
    def contribute(self, packs, monkeypatch):
        """Register a pack whose module holds an observer."""

        def register(observer):
            module = types.ModuleType("watching_pack")
            module.watch = observer

            @hookimpl
            def flowra_observers():
                return [ObserverEntry("watch", "watching_pack:watch")]

            module.flowra_observers = flowra_observers
            monkeypatch.setitem(sys.modules, "watching_pack", module)
            packs.register(module, "watching")

        return register

    def test_a_function_is_told_the_events(self, contribute, run_one):
        found = []
        contribute(found.append)
        run_one(Give)
        assert [found[0].name, found[-1].name] == ["planned", "finished"]

    def test_a_class_is_made_for_each_run(self, contribute, run_one):
        made = []

        class Watch:
            def __init__(self):
                made.append(self)

            def __call__(self, event):
                self.last = event.name

        contribute(Watch)
        run_one(Give)
        run_one(Give)
        assert [each.last for each in made] == ["finished", "finished"]

    def test_one_that_can_not_be_made_is_a_warning(self, contribute, run_one):
        class Watch:
            def __init__(self):
                raise OSError("no port is free")

        contribute(Watch)
        run = run_one(Give)
        assert run.status == "succeeded"
        assert len(run.warnings) == 1
        assert "no port is free" in run.warnings[0]


def test_what_a_coroutine_prints_belongs_to_its_node_to_the_last_word(run_one):
    class Says(Node):
        """Print, and leave the last line without a break."""

        async def run(self, context, args):
            sys.stdout.write("first\n")
            await asyncio.sleep(0)
            sys.stdout.write("last")

    found = []
    assert run_one(Says, observers=[found.append]).status == "succeeded"
    assert [(event.node, event.text) for event in found if isinstance(event, events.Log)] == [
        ("it", "first"),
        ("it", "last"),
    ]
