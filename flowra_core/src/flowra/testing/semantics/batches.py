"""What a graph over many items promises: each item by itself, what they share once, what can go together together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flowra.dag.graph import Graph
from flowra.exceptions import GraphInvalidError
from flowra.execute.batch.item import ItemResult
from flowra.execute.batch.sweep import Sweep
from flowra.execute.session.events import Cached, NodeFailed, NodeSucceeded
from flowra.testing.semantics.base import GraphSemantics, needs_cache
from flowra.testing.semantics.nodes import Add, Number, Numbers, Reciprocal, Several, Sum

__all__ = ["BatchSemantics"]


class BatchSemantics(GraphSemantics):
    """The tests about `Session.map`."""

    def map(self, graph: Graph, items: Any = None, **options: Any) -> list[ItemResult]:
        """Run a graph for items, and return what came of them in their order."""
        self.events = []
        batch = self.session.map(graph, items, ordered=True, observers=[self.events.append], **options)
        return list(batch)

    def ran(self) -> dict[str, int]:
        """Return how often each node ran, whatever the item."""
        counts: dict[str, int] = {}
        for line in self.ledger.take():
            node = line.rpartition("/")[2].partition("[")[0]
            counts[node] = counts.get(node, 0) + 1
        return counts

    def _sum(self) -> Graph:
        graph = Graph("items")
        x = graph.input("x", "Float")
        add = graph.add(Add, id="add", a=x, b=10, ledger=str(self.ledger))
        graph.output("value", add["value"])
        return graph

    def test_each_item_has_its_own_result(self) -> None:
        """The graph runs for each item, and gives what it would give in a run of its own."""
        results = self.map(self._sum(), [{"x": number} for number in range(40)])
        assert [result.index for result in results] == list(range(40))
        assert [result["value"] for result in results] == [number + 10.0 for number in range(40)]
        assert {result.status for result in results} == {"succeeded"}

    def test_items_are_taken_as_they_are_needed(self) -> None:
        """No more items are taken from where they come from than are under way at once."""
        taken = []

        def items() -> Iterator[dict[str, Any]]:
            for number in range(100):
                taken.append(number)
                yield {"x": number}

        with self.session.map(self._sum(), items(), in_flight=5, ordered=True) as batch:
            for result in batch:
                # One more may have been taken, and wait for its place.
                assert len(taken) <= result.index + 1 + 5 + 1
        assert len(taken) == 100

    def test_an_item_that_fails_fails_alone(self) -> None:
        """A failure is its item's: it names the node, and the other items have their results."""
        graph = Graph("failing")
        reciprocal = graph.add(Reciprocal, id="reciprocal", value=graph.input("x", "Float"))
        graph.output("value", graph.add(Add, id="add", a=reciprocal["value"])["value"])
        results = self.map(graph, [{"x": number} for number in (1, 0, 4)])
        assert [result.status for result in results] == ["succeeded", "failed", "succeeded"]
        assert [result.outputs for result in results] == [{"value": 1.0}, {}, {"value": 0.25}]
        assert "ZeroDivisionError" in str(results[1].error)
        assert self.told(NodeFailed) == ["@1/reciprocal"]

    def test_an_item_that_can_t_be_used_fails_alone(self) -> None:
        """What does not fit its port is that item's failure, and names what was given."""
        results = self.map(self._sum(), [{"x": 1}, {"x": "one"}, {"y": 2}, {}])
        assert [result.status for result in results] == ["succeeded", "failed", "failed", "failed"]
        assert isinstance(results[1].error, GraphInvalidError)
        assert "x: " in str(results[1].error)
        assert "gives y" in str(results[2].error)
        assert "does not give x" in str(results[3].error)

    def test_what_does_not_depend_on_the_item_runs_once(self) -> None:
        """A node that takes nothing that varies runs once for all items, and every item gets its value."""
        graph = Graph("shared")
        number = graph.add(Number, id="number", value=100, ledger=str(self.ledger))
        add = graph.add(Add, id="add", a=number["value"], b=graph.input("x", "Float"), ledger=str(self.ledger))
        graph.output("value", add["value"])
        graph.output("number", number["value"])
        results = self.map(graph, [{"x": x} for x in range(1, 21)])
        assert [result.outputs for result in results] == [{"value": 100.0 + x, "number": 100.0} for x in range(1, 21)]
        assert self.ran() == {"number": 1, "add": 20}

    def test_a_sweep_runs_again_only_what_depends_on_the_setting(self) -> None:
        """In a matrix of 5 × 5 settings over items a node runs once for each value of what it depends on."""
        graph = Graph("sweep")
        ledger = str(self.ledger)
        load = graph.add(Add, id="load", a=graph.input("x", "Float"), ledger=ledger)
        detect = graph.add(Add, id="detect", a=load["value"], b=0, ledger=ledger)
        colour = graph.add(Number, id="colour", value=0, ledger=ledger)
        draw = graph.add(Sum, id="draw", values=[detect["value"], colour["value"]], ledger=ledger)
        graph.output("value", draw["value"])
        sweep = Sweep.matrix({"detect.b": [1, 2, 3, 4, 5], "colour.value": [10, 20, 30, 40, 50]})
        results = self.map(graph, [{"x": 1000}, {"x": 2000}, {"x": 3000}], sweep=sweep, in_flight=4)
        expected = [float(x + b + c) for x in (1000, 2000, 3000) for b in range(1, 6) for c in range(10, 60, 10)]
        assert [result["value"] for result in results] == expected
        assert self.ran() == {"load": 3, "detect": 15, "colour": 5, "draw": 75}

    def test_a_sweep_needs_no_items(self) -> None:
        """Settings alone are run too, those that go together value by value."""
        graph = Graph("settings")
        add = graph.add(Add, id="add", a=1, b=2, ledger=str(self.ledger))
        graph.output("value", add["value"])
        results = self.map(graph, sweep=Sweep.zipped({"add.a": [1, 2, 3], "add.b": [10, 20, 30]}))
        assert [result["value"] for result in results] == [11.0, 22.0, 33.0]
        assert [result.setting for result in results] == [(0,), (1,), (2,)]

    def test_items_reach_into_subgraphs_and_lists(self) -> None:
        """What an item gives goes through a subgraph, and into lists with links in them."""
        inner = Graph("inner")
        inner.output("value", inner.add(Add, id="add", a=inner.input("a", "Float"), b=1)["value"])
        graph = Graph("outer")
        x = graph.input("x", "Float")
        plus = graph.add(graph.subgraph("plus", inner), id="plus", a=x)
        graph.output("value", graph.add(Sum, id="sum", values=[plus["value"], x, 100])["value"])
        results = self.map(graph, [{"x": 1}, {"x": 5}])
        assert [result["value"] for result in results] == [103.0, 111.0]

    def test_a_node_maps_over_the_list_of_an_item(self) -> None:
        """An item may give a list, over which nodes map as in a run of its own."""
        graph = Graph("lists")
        many = graph.add(Numbers, id="many", values=graph.input("values", {"type": "List", "item": "Float"}))
        graph.output("values", graph.add(Add, id="add", a=many["values"], b=1)["value"])
        results = self.map(graph, [{"values": [1, 2]}, {"values": []}, {"values": [3]}])
        assert [result["values"] for result in results] == [[2.0, 3.0], [], [4.0]]

    def test_what_a_shared_node_fails_of_fails_every_item(self) -> None:
        """Where a node fails that all items take from, each of them says so."""
        graph = Graph("shared failure")
        reciprocal = graph.add(Reciprocal, id="reciprocal", value=0)
        graph.output("value", graph.add(Add, id="add", a=reciprocal["value"], b=graph.input("x", "Float"))["value"])
        results = self.map(graph, [{"x": 1}, {"x": 2}])
        assert [result.status for result in results] == ["failed", "failed"]
        assert all("ZeroDivisionError" in str(result.error) for result in results)

    @needs_cache
    def test_items_are_cached_one_by_one(self) -> None:
        """What was computed for an item is not computed again, in whatever batch or order it comes."""
        graph = self._sum()
        self.map(graph, [{"x": x} for x in (1, 2, 3)])
        assert self.ran() == {"add": 3}
        results = self.map(graph, [{"x": x} for x in (3, 4, 1)])
        assert [result["value"] for result in results] == [13.0, 14.0, 11.0]
        assert [result.cached for result in results] == [True, False, True]
        assert self.ran() == {"add": 1}
        assert sorted(self.told(Cached)) == ["@0/add", "@2/add"]

    def test_a_node_that_takes_several_gets_them_together(self) -> None:
        """Calls of a node with a `batch_size` come together, never more than it takes; each has events of its own."""
        graph = Graph("several")
        several = graph.add(Several, id="several", value=graph.input("x", "Float"), ledger=str(self.ledger))
        graph.output("value", several["value"])
        results = self.map(graph, [{"x": x} for x in range(1, 41)])
        assert [result["value"] for result in results] == [2.0 * x for x in range(1, 41)]
        sizes = [int(line.split()[1]) for line in self.ledger.take()]
        assert sum(sizes) == 40
        assert max(sizes) <= 4
        assert len(sizes) < 40
        assert sorted(self.told(NodeSucceeded)) == sorted(f"@{number}/several" for number in range(40))

    def test_of_items_that_go_together_only_the_bad_one_fails(self) -> None:
        """Where a node fails for several at once, each is run by itself, so that only those fail that are at fault."""
        graph = Graph("one bad")
        several = graph.add(Several, id="several", value=graph.input("x", "Float"))
        graph.output("value", several["value"])
        results = self.map(graph, [{"x": x} for x in (1, 2, -3, 4, 5, 6, 7, 8)])
        assert [result.status for result in results].count("failed") == 1
        assert "can't take -3" in str(results[2].error)
        assert [result["value"] for result in results if result.index != 2] == [2.0, 4.0, 8.0, 10.0, 12.0, 14.0, 16.0]

    def test_items_of_a_list_go_together_too(self) -> None:
        """A node that maps over a list gets several of its items together, where it takes several."""
        graph = Graph("mapped")
        many = graph.add(Numbers, id="many", values=list(range(1, 13)))
        several = graph.add(Several, id="several", value=many["values"], ledger=str(self.ledger))
        graph.output("values", several["value"])
        assert self.run(graph)["values"] == [2.0 * x for x in range(1, 13)]
        sizes = [int(line.split()[1]) for line in self.ledger.take()]
        assert sum(sizes) == 12
        assert max(sizes) <= 4

    @needs_cache
    def test_items_that_go_together_are_cached_one_by_one(self) -> None:
        """Each of the calls that were made together has a key of its own."""
        graph = Graph("several")
        several = graph.add(Several, id="several", value=graph.input("x", "Float"), ledger=str(self.ledger))
        graph.output("value", several["value"])
        self.map(graph, [{"x": x} for x in (1, 2, 3, 4)])
        self.ledger.take()
        results = self.map(graph, [{"x": x} for x in (2, 3, 9)])
        assert [result.cached for result in results] == [True, True, False]
        assert self.ledger.take() == ["several 1"]

    def test_without_items_there_are_no_results(self) -> None:
        """A batch without items gives nothing, and is no failure."""
        batch = self.session.map(self._sum(), [])
        assert list(batch) == []
        assert batch.status == "succeeded"

    def test_a_mistake_in_the_graph_is_raised_before_anything_runs(self) -> None:
        """The graph is checked once, before the first item."""
        graph = self._sum()
        graph.node("add").inputs["c"] = 1
        with pytest.raises(GraphInvalidError):
            self.map(graph, [{"x": 1}])
        assert self.ledger.take() == []
