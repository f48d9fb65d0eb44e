"""Failures stay where they are; what is worth another try is tried again; time limits and cancelling hold."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

from flowra.dag.graph import Graph
from flowra.execute.control import RunControl
from flowra.execute.session.events import NodeFailed, NodeSucceeded, Retried
from flowra.testing.semantics.base import GraphSemantics, needs_threads
from flowra.testing.semantics.expanding_nodes import Hasty
from flowra.testing.semantics.nodes import (
    Add,
    Broken,
    Flaky,
    FlakySlowly,
    Impatient,
    Number,
    Numbers,
    Sleep,
    SleepAsync,
    SlowOnce,
    Until,
)

__all__ = ["FailureSemantics"]


class FailureSemantics(GraphSemantics):
    """Failing, retrying, running out of time, being cancelled."""

    def cancels_after(self, line: str, control: RunControl) -> threading.Thread:
        """Return a thread, started, that cancels a run a moment after a line was written into the ledger."""

        def cancel() -> None:
            self.ledger.wait_for(line)
            time.sleep(0.05)
            control.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        return thread

    def test_one_failing_output_never_stops_an_independent_one(self) -> None:
        """Of several outputs those are given that don't depend on what failed, wherever in the graph it stands."""
        graph = Graph("independent")
        for number in range(8):
            one = graph.add(Number, id=f"one{number}", value=1 + number / 10)
            if number % 2:
                node = graph.add(Broken, id=f"n{number}", value=one["value"])
            else:
                node = graph.add(Add, id=f"n{number}", a=one["value"])
            graph.output(f"o{number}", graph.add(Add, id=f"last{number}", a=node["value"], b=number)["value"])
        run = self.run(graph)
        assert run.status == "failed"
        assert run.outputs == {f"o{number}": 1 + number / 10 + number for number in range(0, 8, 2)}
        assert sorted(run.failures) == [f"n{number}" for number in range(1, 8, 2)]
        assert run.not_run == {f"last{number}": f"n{number} failed" for number in range(1, 8, 2)}

    def test_a_declared_error_is_tried_again_with_growing_waits(self) -> None:
        """A node is tried again for the error classes that it declares, subclasses included, after growing waits."""
        graph = Graph("flaky")
        graph.output("value", graph.add(Flaky, id="flaky", value=5, failures=2, ledger=str(self.ledger))["value"])
        assert self.run(graph).raise_for_status()["value"] == 5.0
        times = [float(line.split()[1]) for line in self.ledger.lines()]
        retried = [event for event in self.events if isinstance(event, Retried)]
        assert [event.attempt for event in retried] == [1, 2]
        waits = [after - before for before, after in pairwise(times)]
        assert len(waits) == 2
        for number, (event, wait) in enumerate(zip(retried, waits, strict=True)):
            assert 0.5 * 0.05 * 2**number <= event.seconds <= 1.5 * 0.05 * 2**number
            assert wait >= event.seconds - 0.01
        assert self.told(NodeFailed) == []

    def test_waits_are_not_all_alike(self) -> None:
        """Nodes that fail together don't come back together: the waits have jitter."""
        graph = Graph("jitter")
        for number in range(6):
            graph.add(Flaky, id=f"n{number}", failures=1, ledger=str(self.ledger))
        self.run(graph).raise_for_status()
        assert len({event.seconds for event in self.events if isinstance(event, Retried)}) > 1

    def test_an_error_that_is_not_declared_is_not_tried_again(self) -> None:
        """A mistake in the code is no bad luck: it fails at once."""
        graph = Graph("mistake")
        graph.add(Flaky, id="flaky", failures=9, error="ValueError", ledger=str(self.ledger))
        assert list(self.run(graph).failures) == ["flaky"]
        assert len(self.ledger.lines()) == 1

    def test_tries_come_to_an_end(self) -> None:
        """After the tries that it declares a node fails, saying how often it was tried; others have gone on."""
        graph = Graph("in vain")
        flaky = graph.add(Flaky, id="flaky", failures=9, ledger=str(self.ledger))
        graph.add(Add, id="after", a=flaky["value"])
        graph.output("other", graph.add(Number, id="other", value=1)["value"])
        run = self.run(graph)
        assert "tried 4 times" in run.failures["flaky"].what
        assert len(self.ledger.lines()) == 4
        assert (run.outputs, run.not_run) == ({"other": 1.0}, {"after": "flaky failed"})

    def test_each_item_has_tries_of_its_own(self) -> None:
        """A node that maps tries each item again by itself."""
        graph = Graph("items")
        many = graph.add(Numbers, id="many", values=[1, 2, 3])
        graph.output("values", graph.add(Flaky, id="flaky", value=many["values"], ledger=str(self.ledger))["value"])
        assert self.run(graph).raise_for_status()["values"] == [1.0, 2.0, 3.0]
        assert len(self.ledger.lines()) == 9

    def test_a_node_that_takes_too_long_fails_and_the_rest_goes_on(self) -> None:
        """A node that runs longer than its timeout fails within it and a second; the run does not wait for it."""
        graph = Graph("slow")
        slow = graph.add(Impatient, id="slow", seconds=15)
        graph.add(Add, id="after", a=slow["value"])
        graph.output("other", graph.add(Number, id="other", value=1)["value"])
        began = time.monotonic()
        run = self.run(graph)
        assert time.monotonic() - began < 5
        assert list(run.failures) == ["slow"]
        assert "longer than its 0.2 s" in run.failures["slow"].what
        assert (run.outputs, run.not_run) == ({"other": 1.0}, {"after": "slow failed"})

    def test_a_try_that_took_too_long_is_not_waited_for_by_the_next(self) -> None:
        """A node that ran out of time may be tried again, and the next try waits for nothing that the first holds."""
        graph = Graph("slow once")
        graph.output("value", graph.add(SlowOnce, id="slow", value=4, ledger=str(self.ledger))["value"])
        began = time.monotonic()
        run = self.run(graph).raise_for_status()
        assert time.monotonic() - began < 5
        assert run["value"] == 4.0
        assert [event.attempt for event in self.events if isinstance(event, Retried)] == [1]
        assert self.told(NodeFailed) == []
        assert self.told(NodeSucceeded) == ["slow"]

    def test_time_limits_hold_in_a_returned_graph(self) -> None:
        """A node of a graph that another node returned has its timeout too."""
        graph = Graph("slow inside")
        graph.add(Hasty, id="outer")
        graph.output("other", graph.add(Number, id="other", value=1)["value"])
        began = time.monotonic()
        run = self.run(graph)
        assert time.monotonic() - began < 5
        assert list(run.failures) == ["outer/slow"]
        assert run.outputs == {"other": 1.0}

    def test_a_node_that_is_fast_enough_is_left_alone(self) -> None:
        """A timeout does nothing to a node that ends in time."""
        graph = Graph("fast")
        graph.output("value", graph.add(Impatient, id="fast", seconds=0.0, value=3)["value"])
        assert self.run(graph).raise_for_status()["value"] == 3.0

    def test_a_cancelled_run_starts_nothing_more_and_says_what_was_not_run(self) -> None:
        """A cancelled run ends when the nodes that run have noticed; the rest is not run, and has not failed."""
        graph = Graph("cancelled")
        until = graph.add(Until, id="until", ledger=str(self.ledger))
        graph.add(Add, id="after", a=until["value"], ledger=str(self.ledger))
        control = RunControl()
        canceller = self.cancels_after("until", control)
        run = self.run(graph, control=control)
        canceller.join()
        assert (run.status, run.failures) == ("cancelled", {})
        assert run.not_run == {"until": "the run was cancelled", "after": "the run was cancelled"}
        assert self.ledger.take() == ["until"]

    def test_a_cancelled_run_does_not_wait_for_the_next_try(self) -> None:
        """A node that waits for another try is given up when the run is cancelled."""
        graph = Graph("cancelled retry")
        graph.add(FlakySlowly, id="flaky", ledger=str(self.ledger))
        control = RunControl()
        canceller = self.cancels_after("flaky", control)
        began = time.monotonic()
        run = self.run(graph, control=control)
        canceller.join()
        assert time.monotonic() - began < 10
        assert (run.status, run.not_run) == ("cancelled", {"flaky": "the run was cancelled"})

    def test_async_nodes_overlap(self) -> None:
        """Coroutines wait at the same time, however few threads there are."""
        graph = Graph("async")
        waiting = [graph.add(SleepAsync, id=f"n{number}", seconds=0.5, value=number) for number in range(20)]
        for number, node in enumerate(waiting):
            graph.output(f"o{number}", graph.add(Add, id=f"add{number}", a=node["value"], b=1)["value"])
        began = time.monotonic()
        run = self.run(graph).raise_for_status()
        assert time.monotonic() - began < 5
        assert run.outputs == {f"o{number}": 1.0 + number for number in range(20)}

    def test_an_async_node_fails_like_any_other(self) -> None:
        """What a coroutine raises is its node's failure, and others go on."""
        graph = Graph("async failure")
        bad = graph.add(SleepAsync, id="bad", seconds=0.01, fail=True)
        graph.add(Add, id="after", a=bad["value"])
        graph.output("good", graph.add(SleepAsync, id="good", seconds=0.02, value=2)["value"])
        run = self.run(graph)
        assert (list(run.failures), run.outputs, run.not_run) == (["bad"], {"good": 2.0}, {"after": "bad failed"})
        assert "no such luck" in (run.failures["bad"].why or "")

    def test_async_items_overlap(self) -> None:
        """The items of a list wait at the same time too, and keep their order."""
        graph = Graph("async items")
        graph.output("values", graph.add(SleepAsync, id="all", seconds=0.5, value=list(range(12)))["value"])
        began = time.monotonic()
        assert self.run(graph).raise_for_status()["values"] == [float(number) for number in range(12)]
        assert time.monotonic() - began < 4

    @needs_threads
    def test_ordinary_nodes_overlap(self) -> None:
        """Branches run at the same time."""
        graph = Graph("threads")
        for number in range(4):
            graph.add(Sleep, id=f"n{number}", seconds=1.0, value=number)
        began = time.monotonic()
        self.run(graph).raise_for_status()
        assert time.monotonic() - began < 3
        assert len(self.told(NodeSucceeded)) == 4
