"""An input declared as one item that receives a list maps over it."""

from __future__ import annotations

import pytest

from flowra.dag.graph import Graph
from flowra.exceptions import GraphInvalidError
from flowra.execute.session.events import Cached, Mapped, NodeFailed, NodeSucceeded
from flowra.testing.semantics.base import GraphSemantics, needs_cache
from flowra.testing.semantics.nodes import Add, Join, Number, Numbers, Reciprocal, Sum, SumRows, Table

__all__ = ["ListSemantics"]


class ListSemantics(GraphSemantics):
    """Lists, lists of lists, and what is the same for every item."""

    def test_a_list_on_an_input_for_one_item_maps_and_keeps_the_order(self) -> None:
        """A node that takes one number and gets a list runs once for each item, and gives a list in the same order."""
        graph = Graph("map")
        many = graph.add(Numbers, id="many", values=list(range(20)))
        add = graph.add(Add, id="add", a=many["values"], b=100, ledger=str(self.ledger))
        graph.output("values", add["value"])
        assert self.run(graph)["values"] == [100.0 + number for number in range(20)]
        assert self.ledger.take() == sorted(f"add[{number}]" for number in range(20))
        assert sorted(self.told(NodeSucceeded)) == sorted(["many", *(f"add[{number}]" for number in range(20))])
        assert self.told(Mapped) == ["add"]

    def test_a_list_that_is_written_into_the_graph_maps_too(self) -> None:
        """A literal list on an input for one item means the same as a list that a node gives."""
        graph = Graph("literal")
        graph.output("values", graph.add(Add, id="add", a=[1, 2, 3], b=1)["value"])
        assert self.run(graph)["values"] == [2.0, 3.0, 4.0]

    def test_links_in_a_list_map_too(self) -> None:
        """A list of links on an input for one item maps over what they give."""
        graph = Graph("links")
        ones = [graph.add(Number, id=f"n{number}", value=number) for number in range(3)]
        add = graph.add(Add, id="add", a=[*(one["value"] for one in ones), 7], b=1)
        graph.output("values", add["value"])
        assert self.run(graph)["values"] == [1.0, 2.0, 3.0, 8.0]

    @needs_cache
    def test_each_item_is_cached_by_itself(self) -> None:
        """Of a list in which one item changed, one item is computed again; where an item stands makes no difference."""

        def graph_of(values: list[float]) -> Graph:
            graph = Graph("items")
            many = graph.add(Numbers, id="many", values=values)
            add = graph.add(Add, id="add", a=many["values"], b=1, ledger=str(self.ledger))
            graph.output("values", add["value"])
            return graph

        assert self.run(graph_of([1, 2, 3]))["values"] == [2.0, 3.0, 4.0]
        self.ledger.take()
        assert self.run(graph_of([3, 9, 1]))["values"] == [4.0, 10.0, 2.0]
        assert self.ledger.take() == ["add[1]"]
        assert sorted(node for node in self.told(Cached) if node != "many") == ["add[0]", "add[2]"]

    def test_a_failing_item_is_reported_by_index_and_the_others_go_on(self) -> None:
        """One item that fails is named with its index; the others are computed, and only theirs is what they need."""
        graph = Graph("failing")
        many = graph.add(Numbers, id="many", values=[1, 0, 4])
        reciprocal = graph.add(Reciprocal, id="reciprocal", value=many["values"])
        after = graph.add(Add, id="after", a=reciprocal["value"], b=1, ledger=str(self.ledger))
        graph.add(Sum, id="sum", values=after["value"])
        run = self.run(graph)
        assert run.status == "failed"
        assert list(run.failures) == ["reciprocal[1]"]
        assert "node reciprocal[1] failed" in run.failures["reciprocal[1]"].what
        assert self.told(NodeFailed) == ["reciprocal[1]"]
        assert sorted(self.told(NodeSucceeded)) == ["after[0]", "after[2]", "many", "reciprocal[0]", "reciprocal[2]"]
        assert self.ledger.take() == ["after[0]", "after[2]"]
        assert run.not_run == {"after[1]": "reciprocal[1] failed", "sum": "reciprocal[1] failed"}

    def test_lists_of_lists_map_level_by_level(self) -> None:
        """A list of lists on an input for one item gives a list of lists; an item is named by both of its indexes."""
        graph = Graph("nested")
        table = graph.add(Table, id="table", rows=[[1, 2], [], [0]])
        reciprocal = graph.add(Reciprocal, id="reciprocal", value=table["rows"])
        plus = graph.add(Add, id="plus", a=table["rows"], b=0.5)
        sums = graph.add(Sum, id="sums", values=plus["value"])
        graph.output("reciprocals", reciprocal["value"])
        graph.output("plus", plus["value"])
        graph.output("sums", sums["value"])
        run = self.run(graph)
        assert run.outputs == {"plus": [[1.5, 2.5], [], [0.5]], "sums": [4.0, 0.0, 0.5]}
        assert list(run.failures) == ["reciprocal[2][0]"]

    def test_what_is_no_list_is_the_same_for_every_item(self) -> None:
        """Of two inputs one of which is a list, the other counts for each item (broadcasting), at every level."""
        graph = Graph("broadcast")
        table = graph.add(Table, id="table", rows=[[1, 2], [3]])
        row = graph.add(Numbers, id="row", values=[10, 20])
        one = graph.add(Number, id="one", value=100)
        by_row = graph.add(Add, id="by_row", a=table["rows"], b=row["values"])
        graph.output("values", graph.add(Add, id="all", a=by_row["value"], b=one["value"])["value"])
        assert self.run(graph)["values"] == [[111.0, 112.0], [123.0]]

    def test_two_lists_go_together_item_by_item(self) -> None:
        """Two lists of one length are gone through together."""
        graph = Graph("zip")
        a = graph.add(Numbers, id="a", values=[1, 2, 3])
        b = graph.add(Numbers, id="b", values=[10, 20, 30])
        graph.output("values", graph.add(Add, id="add", a=a["values"], b=b["values"])["value"])
        assert self.run(graph)["values"] == [11.0, 22.0, 33.0]

    def test_lists_of_different_lengths_are_refused(self) -> None:
        """Two lists of different lengths are an error of the node that names both lengths; nothing is cut off."""
        graph = Graph("lengths")
        a = graph.add(Numbers, id="a", values=[1, 2, 3])
        b = graph.add(Numbers, id="b", values=[10])
        add = graph.add(Add, id="add", a=a["values"], b=b["values"], ledger=str(self.ledger))
        graph.add(Sum, id="sum", values=add["value"])
        run = self.run(graph)
        assert list(run.failures) == ["add"]
        assert "a has 3, b has 1" in (run.failures["add"].why or "")
        assert run.not_run == {"sum": "add failed"}
        assert self.ledger.take() == []

    def test_lists_of_different_lengths_inside_lists_are_refused_with_their_place(self) -> None:
        """Lengths that differ at an inner level are refused, naming the item in which they do."""
        graph = Graph("inner lengths")
        a = graph.add(Table, id="a", rows=[[1], [2, 3]])
        b = graph.add(Table, id="b", rows=[[1], [2]])
        graph.add(Add, id="add", a=a["rows"], b=b["rows"])
        run = self.run(graph)
        assert "item [1]: " in (run.failures["add"].why or "")
        assert "a has 2, b has 1" in (run.failures["add"].why or "")

    def test_an_input_for_a_list_collects_again(self) -> None:
        """What a node gave that mapped is one list for a node that takes a list, which then runs once."""
        graph = Graph("collect")
        many = graph.add(Numbers, id="many", values=[3, 1, 2])
        add = graph.add(Add, id="add", a=many["values"], b=1)
        graph.output("text", graph.add(Join, id="join", values=add["value"], ledger=str(self.ledger))["text"])
        assert self.run(graph)["text"] == "4 2 3"
        assert self.ledger.take() == ["join"]

    def test_links_in_a_list_collect_too(self) -> None:
        """Links in a list are what a node that takes a list gets, in their order, with literals among them."""
        graph = Graph("gather")
        ones = [graph.add(Number, id=f"n{number}", value=number) for number in range(3)]
        values = [ones[2]["value"], 10, ones[0]["value"], ones[1]["value"]]
        graph.output("text", graph.add(Join, id="join", values=values)["text"])
        assert self.run(graph)["text"] == "2 10 0 1"

    def test_lists_in_a_list_of_links_collect_as_lists_of_lists(self) -> None:
        """Links to lists, in a list, are a list of lists."""
        graph = Graph("rows")
        rows = [graph.add(Numbers, id=f"row{number}", values=[number] * number)["values"] for number in range(4)]
        graph.output("value", graph.add(SumRows, id="sum", rows=rows)["value"])
        assert self.run(graph)["value"] == 14.0

    def test_an_empty_list_maps_to_an_empty_list(self) -> None:
        """A node that maps over nothing gives an empty list, and what comes after it runs."""
        graph = Graph("empty")
        many = graph.add(Numbers, id="many", values=[])
        add = graph.add(Add, id="add", a=many["values"], ledger=str(self.ledger))
        graph.output("values", add["value"])
        graph.output("sum", graph.add(Sum, id="sum", values=add["value"])["value"])
        run = self.run(graph)
        assert run.outputs == {"values": [], "sum": 0.0}
        assert self.ledger.take() == []
        assert self.told(Mapped) == ["add"]

    def test_a_list_that_fits_no_level_is_refused_before_the_run(self) -> None:
        """A list whose items don't fit either is a mistake of the graph, found before anything runs."""
        graph = Graph("refused")
        text = graph.add(Join, id="text", values=[1])
        many = graph.add(Numbers, id="many", values=[1], ledger=str(self.ledger))
        graph.add(Sum, id="sum", values=[text["text"], many["values"]])
        with pytest.raises(GraphInvalidError) as raised:
            self.run(graph)
        assert "nodes.sum.inputs.values" in str(raised.value)
        assert self.ledger.take() == []
