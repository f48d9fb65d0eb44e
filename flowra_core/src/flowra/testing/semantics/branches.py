"""Conditions: inputs that are only computed when they are asked for, and branches that end."""

from __future__ import annotations

from typing import Any

import pytest

from flowra.dag.graph import Graph
from flowra.exceptions import GraphInvalidError
from flowra.execute.session.events import Cached, NodeSkipped, NodeSucceeded, Started
from flowra.testing.semantics.base import GraphSemantics, needs_cache
from flowra.testing.semantics.nodes import (
    Add,
    AddIfKnown,
    Broken,
    Choose,
    Join,
    Keep,
    Misnamed,
    Number,
    Numbers,
    Sum,
)

__all__ = ["BranchSemantics"]


class BranchSemantics(GraphSemantics):
    """Lazy inputs and `EndBranch`."""

    def choice(self, *, condition: bool) -> Graph:
        """Return a graph with two branches of two nodes each, one of which is taken."""
        graph = Graph("choice")
        branches: dict[str, Any] = {}
        for name, value in (("then", 1), ("otherwise", 2)):
            first = graph.add(Number, id=f"{name}_1", value=value, ledger=str(self.ledger))
            branches[name] = graph.add(Add, id=f"{name}_2", a=first["value"], b=10, ledger=str(self.ledger))["value"]
        chosen = graph.add(Choose, id="choose", condition=condition, **branches)
        graph.output("value", chosen["value"])
        return graph

    def test_a_branch_that_is_not_taken_does_not_run(self) -> None:
        """What only a lazy input that is not asked for leads to is never run."""
        assert self.run(self.choice(condition=True))["value"] == 11.0
        assert self.ledger.take() == ["then_1", "then_2"]
        assert self.run(self.choice(condition=False))["value"] == 12.0
        assert self.ledger.take() == ["otherwise_1", "otherwise_2"]

    def test_a_branch_that_fails_and_is_not_taken_is_no_failure(self) -> None:
        """A node that would fail in a branch that is not taken does no harm."""
        graph = Graph("safe")
        graph.output(
            "value",
            graph.add(Choose, id="choose", condition=False, then=graph.add(Broken, id="broken")["value"], otherwise=3)[
                "value"
            ],
        )
        assert self.run(graph).raise_for_status()["value"] == 3.0

    def test_what_another_node_needs_runs_though_a_lazy_input_leads_to_it_too(self) -> None:
        """A node behind an untaken branch still runs where something else needs it."""
        graph = Graph("shared")
        one = graph.add(Number, id="one", value=1, ledger=str(self.ledger))
        graph.output("value", graph.add(Choose, id="choose", condition=False, then=one["value"], otherwise=5)["value"])
        graph.output("other", graph.add(Add, id="other", a=one["value"], b=1)["value"])
        assert self.run(graph).outputs == {"value": 5.0, "other": 2.0}
        assert self.ledger.take() == ["one"]

    def test_the_condition_may_be_computed(self) -> None:
        """Which branch is taken may hang on values that the graph computes."""
        graph = Graph("computed")
        first = graph.add(Number, id="first", value=-1)
        extra = graph.add(Number, id="extra", value=100, ledger=str(self.ledger))
        graph.output("value", graph.add(AddIfKnown, id="add", a=first["value"], b=extra["value"])["value"])
        assert self.run(graph)["value"] == -1.0
        assert self.ledger.take() == []

    def test_a_choice_inside_a_choice_runs_one_of_the_branches(self) -> None:
        """Lazy inputs behind lazy inputs: only what is asked for all the way runs."""
        graph = Graph("nested choice")
        leaves = {
            name: graph.add(Number, id=name, value=number, ledger=str(self.ledger))["value"]
            for number, name in enumerate("abcd")
        }
        left = graph.add(Choose, id="left", condition=True, then=leaves["a"], otherwise=leaves["b"])
        right = graph.add(Choose, id="right", condition=True, then=leaves["c"], otherwise=leaves["d"])
        top = graph.add(Choose, id="top", condition=False, then=left["value"], otherwise=right["value"])
        graph.output("value", top["value"])
        assert self.run(graph)["value"] == 2.0
        assert self.ledger.take() == ["c"]
        assert "left" not in self.told(Started)

    def test_needs_that_names_no_lazy_input_is_the_nodes_mistake(self) -> None:
        """A node that asks for an input which is none of its lazy ones fails, and is told which there are."""
        graph = Graph("misnamed")
        graph.add(Misnamed, id="misnamed", then=graph.add(Number, id="one", value=1, ledger=str(self.ledger))["value"])
        run = self.run(graph)
        assert list(run.failures) == ["misnamed"]
        assert "needs() named them; its lazy inputs are then" in (run.failures["misnamed"].why or "")
        assert self.ledger.take() == []

    def test_each_item_chooses_for_itself(self) -> None:
        """A node that maps decides for each item; the lazy input runs if one item asks for it."""
        graph = Graph("items")
        many = graph.add(Numbers, id="many", values=[-1, 2, -3])
        extra = graph.add(Numbers, id="extra", values=[10, 20, 30], ledger=str(self.ledger))
        add = graph.add(AddIfKnown, id="add", a=many["values"], b=extra["values"])
        graph.output("values", add["value"])
        assert self.run(graph)["values"] == [-1.0, 22.0, -3.0]
        assert self.ledger.take() == ["extra"]

    def test_a_list_that_is_written_into_a_lazy_input_maps(self) -> None:
        """A literal on a lazy input is there from the start, and is mapped over like any other."""
        graph = Graph("literals")
        add = graph.add(AddIfKnown, id="add", a=[1, -2], b=[10, 20])
        graph.output("values", add["value"])
        graph.output("one", graph.add(AddIfKnown, id="one", a=1, b=[10, 20])["value"])
        assert self.run(graph).raise_for_status().outputs == {"values": [11.0, 18.0], "one": [11.0, 21.0]}

    def test_a_lazy_list_alone_is_nothing_to_map_over(self) -> None:
        """A list on a lazy input alone is refused before the run: it would have to be computed to know its items."""
        graph = Graph("unknown length")
        many = graph.add(Numbers, id="many", values=[1, 2])
        graph.add(Choose, id="choose", condition=True, then=many["values"], otherwise=3)
        with pytest.raises(GraphInvalidError, match=r"nodes\.choose\.inputs\.then: a list can't be gone through"):
            self.run(graph)

    @needs_cache
    def test_a_choice_from_the_cache_runs_neither_branch(self) -> None:
        """The same choice again takes its result from the cache."""
        first = self.run(self.choice(condition=True))
        self.ledger.take()
        assert self.run(self.choice(condition=True)).outputs == first.outputs
        assert self.ledger.take() == []
        assert "choose" in self.told(Cached)

    def test_a_node_ends_a_branch_and_nothing_has_failed(self) -> None:
        """What depends on a node that ended its branch does not run; the rest does, and the run succeeds."""
        graph = Graph("end")
        keep = graph.add(Keep, id="keep", value=-1)
        after = graph.add(Add, id="after", a=keep["value"], ledger=str(self.ledger))
        graph.output("value", graph.add(Add, id="last", a=after["value"], ledger=str(self.ledger))["value"])
        graph.output("other", graph.add(Number, id="other", value=7)["value"])
        run = self.run(graph)
        assert run.status == "succeeded"
        assert (run.outputs, run.failures, run.not_run) == ({"other": 7.0}, {}, {})
        assert sorted(self.told(NodeSkipped)) == ["after", "keep", "last"]
        assert {event.reason for event in self.events if isinstance(event, NodeSkipped)} == {"it is negative"}
        assert self.ledger.take() == []

    def test_an_item_ends_its_branch_and_collected_lists_go_without_it(self) -> None:
        """In a node that maps, one item ends its own branch: a node that takes the whole list gets it without."""
        graph = Graph("filter")
        many = graph.add(Numbers, id="many", values=[3, -1, 2, -5])
        keep = graph.add(Keep, id="keep", value=many["values"])
        plus = graph.add(Add, id="plus", a=keep["value"], b=many["values"], ledger=str(self.ledger))
        graph.output("text", graph.add(Join, id="join", values=plus["value"])["text"])
        graph.output("values", plus["value"])
        run = self.run(graph).raise_for_status()
        assert run.outputs == {"text": "6 4", "values": [6.0, 4.0]}
        assert self.ledger.take() == ["plus[0]", "plus[2]"]
        assert sorted(self.told(NodeSkipped)) == ["keep[1]", "keep[3]", "plus[1]", "plus[3]"]

    def test_where_all_items_end_the_collected_list_is_empty(self) -> None:
        """A list none of whose items is left is an empty list, and who takes it runs."""
        graph = Graph("none left")
        many = graph.add(Numbers, id="many", values=[-1, -2])
        graph.output(
            "sum", graph.add(Sum, id="sum", values=graph.add(Keep, id="keep", value=many["values"])["value"])["value"]
        )
        assert self.run(graph).raise_for_status()["sum"] == 0.0

    def test_in_a_list_of_links_an_ended_one_is_left_out(self) -> None:
        """Links in a list: one whose branch ended is left out."""
        graph = Graph("gathered")
        kept = [graph.add(Keep, id=f"keep{number}", value=value) for number, value in enumerate([1, -1, 2])]
        graph.output("text", graph.add(Join, id="join", values=[each["value"] for each in kept])["text"])
        assert self.run(graph).raise_for_status()["text"] == "1 2"

    @needs_cache
    def test_an_ended_branch_is_remembered_and_told_as_before(self) -> None:
        """From the cache a branch ends where it ended before, and what did not run then is not said to be cached."""
        graph = Graph("end")
        many = graph.add(Numbers, id="many", values=[3, -1], ledger=str(self.ledger))
        keep = graph.add(Keep, id="keep", value=many["values"], ledger=str(self.ledger))
        plus = graph.add(Add, id="plus", a=keep["value"], b=1, ledger=str(self.ledger))
        graph.output("values", plus["value"])
        alone = graph.add(Keep, id="alone", value=-2, ledger=str(self.ledger))
        graph.add(Add, id="after", a=alone["value"], ledger=str(self.ledger))
        first = self.run(graph)
        fresh = self.told(NodeSucceeded, NodeSkipped)
        self.ledger.take()
        second = self.run(graph)
        assert (second.status, second.outputs) == (first.status, first.outputs)
        assert self.ledger.take() == []
        assert "after" in fresh
        assert "after" in self.told(NodeSkipped)
        assert "after" not in self.told(Cached)
