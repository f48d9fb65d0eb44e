"""What nodes declare of themselves, cached runs beside fresh ones, and what a run holds for how long."""

from __future__ import annotations

import threading
from typing import Any

from flowra.dag.graph import Graph
from flowra.execute.policy import CachePolicy
from flowra.execute.session.events import (
    Cached,
    Finished,
    NodeEvent,
    NodeSkipped,
    NodeSucceeded,
    Planned,
    Queued,
    Started,
)
from flowra.testing.semantics.base import GraphSemantics, needs_cache, needs_one_process
from flowra.testing.semantics.expanding_nodes import Twice
from flowra.testing.semantics.nodes import Add, Draw, Join, Keep, Number, Numbers, Send, Sum, Warm
from flowra.testing.semantics.watched_nodes import Big, Look, Make, Pick, Weigh

__all__ = ["ResultSemantics"]


class ResultSemantics(GraphSemantics):
    """The cache, as far as it is a promise of graphs; values; warm instances."""

    def small_graph(self) -> Graph:
        """Return a graph with a bit of everything."""
        graph = Graph("small")
        one = graph.add(Number, id="one", value=1, ledger=str(self.ledger))
        many = graph.add(Numbers, id="many", values=[1, -2, 3], ledger=str(self.ledger))
        kept = graph.add(Keep, id="kept", value=many["values"], ledger=str(self.ledger))
        plus = graph.add(Add, id="plus", a=kept["value"], b=one["value"], ledger=str(self.ledger))
        twice = graph.add(Twice, id="twice", value=one["value"], ledger=str(self.ledger))
        graph.output("text", graph.add(Join, id="join", values=plus["value"], ledger=str(self.ledger))["text"])
        graph.output("plus", plus["value"])
        graph.output("twice", twice["value"])
        return graph

    @needs_cache
    def test_a_cached_run_gives_what_a_fresh_one_gives_and_runs_nothing(self) -> None:
        """A second run gives the same outputs, status and files, and no node runs."""
        graph = self.small_graph()
        first = self.run(graph).raise_for_status()
        self.ledger.take()
        with self.open_session() as other:
            for session in (self.session, other):
                self.events = []
                run = session.run(graph, observers=[self.events.append])
                assert (run.outputs, run.status, run.files) == (first.outputs, first.status, first.files)
                assert self.ledger.take() == []

    @needs_cache
    def test_a_cached_run_tells_of_the_same_nodes_as_a_fresh_one(self) -> None:
        """Each node is told of in a cached run as in a fresh one: as cached where it had succeeded."""

        def ended(kind: type[NodeEvent]) -> set[str]:
            # Items and parts of a node that is known as a whole need not be told one by one.
            return {node.partition("[")[0].partition("/")[0] for node in self.told(kind)}

        graph = self.small_graph()
        self.run(graph)
        assert (type(self.events[0]), type(self.events[-1])) == (Planned, Finished)
        queued, succeeded = self.told(Queued), ended(NodeSucceeded)
        self.run(graph)
        assert (type(self.events[0]), type(self.events[-1])) == (Planned, Finished)
        assert [node for node in self.told(Queued) if "/" not in node] == [node for node in queued if "/" not in node]
        assert ended(Cached) == succeeded
        assert self.told(Started) == []

    def test_events_of_a_node_come_in_order_and_once(self) -> None:
        """A node is queued, started and ends, in this order, each once."""
        self.run(self.small_graph())
        assert not {node for node in self.told(Queued) if self.told(Queued).count(node) != 1}
        for node in self.told(Queued):
            kinds = [type(event) for event in self.events if getattr(event, "node", None) == node]
            assert kinds[0] is Queued
            if NodeSucceeded in kinds:
                assert kinds.index(Started) < kinds.index(NodeSucceeded)
                assert kinds.count(NodeSucceeded) == 1
                assert NodeSkipped not in kinds

    @needs_cache
    def test_a_node_with_effects_runs_every_time(self) -> None:
        """What a node with effects does is not left out because it was done before; what comes after is cached."""
        graph = Graph("effects")
        sent = graph.add(Send, id="send", value=1, ledger=str(self.ledger))
        graph.add(Add, id="after", a=sent["value"], ledger=str(self.ledger))
        for expected in (["after", "send"], ["send"]):
            self.run(graph).raise_for_status()
            assert self.ledger.take() == expected

    @needs_cache
    def test_a_node_that_is_not_deterministic_runs_every_time(self) -> None:
        """A node that says that it is not deterministic is run again, and so is what takes its new result."""
        graph = Graph("draw")
        drawn = graph.add(Draw, id="draw", ledger=str(self.ledger))
        graph.output("value", graph.add(Add, id="after", a=drawn["value"], ledger=str(self.ledger))["value"])
        first, second = self.run(graph)["value"], self.run(graph)["value"]
        assert first != second
        assert self.ledger.take() == ["after", "after", "draw", "draw"]

    @needs_cache
    def test_a_node_that_gives_the_same_again_stops_the_recomputation(self) -> None:
        """Early cutoff: what takes the result of a node that ran again with the same result does not run."""
        graph = Graph("cutoff")
        sent = graph.add(Send, id="send", value=1, ledger=str(self.ledger))
        after = graph.add(Add, id="after", a=sent["value"], ledger=str(self.ledger))
        graph.add(Add, id="last", a=after["value"], b=1, ledger=str(self.ledger))
        self.run(graph)
        self.ledger.take()
        self.run(graph)
        assert self.ledger.take() == ["send"]

    @needs_cache
    def test_the_cache_can_be_left_aside_and_written_anew(self) -> None:
        """A run may leave the cache aside for all nodes or some, or compute a node anew and keep that."""
        graph = Graph("policy")
        one = graph.add(Number, id="one", value=1, ledger=str(self.ledger))
        graph.add(Add, id="two", a=one["value"], b=1, ledger=str(self.ledger))
        self.run(graph)
        for policy, expected in [
            (CachePolicy(everything_off=True), ["one", "two"]),
            (CachePolicy(off=frozenset(["one"])), ["one"]),
            (CachePolicy(refresh=frozenset(["two"])), ["two"]),
            (None, []),
        ]:
            self.ledger.take()
            self.run(graph, policy=policy).raise_for_status()
            assert self.ledger.take() == expected

    @needs_cache
    def test_of_a_changed_graph_only_what_depends_on_the_change_runs(self) -> None:
        """A changed literal runs its node, and what takes a changed result."""

        def graph_of(a: float, b: float) -> Graph:
            graph = Graph("edited")
            first = graph.add(Number, id="first", value=a, ledger=str(self.ledger))
            second = graph.add(Number, id="second", value=b, ledger=str(self.ledger))
            left = graph.add(Add, id="left", a=first["value"], b=1, ledger=str(self.ledger))
            right = graph.add(Add, id="right", a=second["value"], b=2, ledger=str(self.ledger))
            both = graph.add(Sum, id="sum", values=[left["value"], right["value"]], ledger=str(self.ledger))
            graph.output("value", both["value"])
            return graph

        assert self.run(graph_of(1, 2))["value"] == 6.0
        self.ledger.take()
        assert self.run(graph_of(1, 3))["value"] == 7.0
        assert self.ledger.take() == ["right", "second", "sum"]

    @needs_one_process
    def test_a_value_is_let_go_when_its_last_consumer_has_run(self) -> None:
        """A value lives until the last node that takes it has run; one that nobody takes is let go at once."""
        Make.made.clear()
        graph = Graph("lives")
        a, b, c = (graph.add(Make, id=name, name=name) for name in "abc")
        first = graph.add(Look, id="first", values=[a["value"], b["value"]])
        second = graph.add(Look, id="second", values=[b["value"]], after=first["done"])
        third = graph.add(Look, id="third", values=[], after=second["done"])
        graph.output("kept", c["value"])
        graph.output("done", third["done"])
        run = self.run(graph).raise_for_status()
        assert {"a", "b"} <= set(Look.alive["first"])
        assert set(Look.alive["second"]) - {"c"} == {"b"}
        assert set(Look.alive["third"]) - {"c"} == set()
        assert isinstance(run["kept"], Big)

    @needs_one_process
    def test_a_value_is_let_go_though_a_branch_that_is_not_taken_leads_to_it(self) -> None:
        """A branch that is not taken keeps nothing alive."""
        Make.made.clear()
        graph = Graph("untaken")
        a = graph.add(Make, id="a", name="a")
        used = graph.add(Look, id="used", values=[a["value"]])
        unused = graph.add(Weigh, id="unused", value=a["value"])
        chosen = graph.add(Pick, id="chosen", after=used["done"], weight=unused["weight"])
        graph.output("done", graph.add(Look, id="then", after=chosen["done"])["done"])
        self.run(graph).raise_for_status()
        assert Look.alive["used"] == ["a"]
        assert Look.alive["then"] == []

    def test_an_instance_is_made_ready_once_for_a_class_and_its_init_arguments(self) -> None:
        """`init` is called once for each class and set of `InitArgs` in a process, `close` with the session."""
        with self.open_session() as session:
            for number in range(2):
                graph = Graph("warm")
                for model in ("small", "small", "large"):
                    init = {"model": model, "ledger": str(self.ledger)}
                    graph.add(Warm, init=init, value=[number * 10 + item for item in range(3)])
                session.run(graph).raise_for_status()
            counts = self.ledger.counts()
            most = self.processes or 1
            assert 1 <= counts["init small"] <= most
            assert 1 <= counts["init large"] <= most
            assert (counts["close small"], counts["close large"]) == (0, 0)
            assert counts["run large"] == 6
        closed = self.ledger.counts()
        assert (closed["close small"], closed["close large"]) == (counts["init small"], counts["init large"])

    def test_an_instance_that_is_not_thread_safe_runs_one_call_at_a_time(self) -> None:
        """Calls of one warm instance don't overlap unless its class says that it is thread-safe."""
        graph = Graph("one at a time")
        init = {"ledger": str(self.ledger)}
        graph.output("values", graph.add(Warm, id="warm", init=init, value=list(range(40)))["value"])
        assert self.run(graph).raise_for_status()["values"] == [float(number) for number in range(40)]

    def test_two_runs_of_one_session_may_overlap(self) -> None:
        """A session may run graphs from several threads at once; each gives its own results."""
        found: dict[int, Any] = {}

        def run(number: int) -> None:
            graph = Graph(f"run {number}")
            many = graph.add(Numbers, id="many", values=list(range(10)))
            add = graph.add(Add, id="add", a=many["values"], b=number)
            graph.output("value", graph.add(Sum, id="sum", values=add["value"])["value"])
            found[number] = self.session.run(graph).outputs

        threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == {number: {"value": 45.0 + 10 * number} for number in range(4)}
