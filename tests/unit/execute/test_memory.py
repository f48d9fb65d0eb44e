"""What a run holds, and for how long: values, failures, folders."""

from __future__ import annotations

import gc
import sys
import traceback
import weakref
from pathlib import Path

import pytest
from fixtures.run_nodes import Scratch

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.exceptions import NodeFailedError


class Big:
    """Stands for a picture: something that can be watched."""


@pytest.fixture
def watched():
    """Weak references to the values that `Make` made, and which of them lived when `Look` ran."""
    return {"made": {}, "alive": {}}


@pytest.fixture
def nodes(watched):
    class Make(Node):
        """Give a new value."""

        class InputArgs(BaseArgs):
            name: str
            after: object = None

        class OutputArgs(BaseArgs):
            value: object

        def run(self, context, args):
            big = Big()
            watched["made"][args.name] = weakref.ref(big)
            return self.OutputArgs(value=big)

    class Look(Node):
        """Note which values live."""

        class InputArgs(BaseArgs):
            value: object = None
            fail: bool = False

        class OutputArgs(BaseArgs):
            done: bool

        def run(self, context, args):
            gc.collect()
            watched["alive"][context.node_id] = {
                name for name, reference in watched["made"].items() if reference() is not None
            }
            if args.fail:
                raise ValueError("too big")
            return self.OutputArgs(done=True)

    return Make, Look


def test_a_value_is_let_go_when_its_last_taker_has_run(session, nodes, watched):
    make, look = nodes
    graph = Graph("chain")
    first = graph.add(make, id="a", name="a")
    taken = graph.add(look, id="once", value=first["value"])
    again = graph.add(make, id="b", name="b", after=[first["value"], taken["done"]])
    graph.add(look, id="then", value=again["value"])
    session.run(graph)
    assert watched["alive"] == {"once": {"a"}, "then": {"b"}}


def test_a_value_that_is_an_output_of_the_graph_stays(session, nodes, watched):
    make, look = nodes
    graph = Graph("kept")
    first = graph.add(make, id="a", name="a")
    taken = graph.add(look, id="once", value=first["value"])
    graph.add(look, id="then", value=taken["done"])
    graph.output("value", first["value"])
    run = session.run(graph)
    assert watched["alive"]["then"] == {"a"}
    assert isinstance(run["value"], Big)


def test_a_value_that_nobody_takes_is_let_go_at_once(session, nodes, watched):
    make, look = nodes
    graph = Graph("waste")
    graph.add(make, id="a", name="a")
    other = graph.add(make, id="b", name="b")
    graph.output("done", graph.add(look, id="then", value=other["value"])["done"])
    session.run(graph)
    assert watched["alive"]["then"] == {"b"}


def test_a_failure_that_is_kept_keeps_no_values(session, nodes, watched):
    make, look = nodes
    graph = Graph("fails")
    graph.add(look, id="it", value=graph.add(make, id="a", name="a")["value"], fail=True)
    run = session.run(graph)
    gc.collect()
    assert watched["made"]["a"]() is None
    with pytest.raises(NodeFailedError) as raised:
        run.raise_for_status()
    shown = "".join(traceback.format_exception(raised.value))
    assert "ValueError: too big" in shown
    if sys.version_info >= (3, 11):
        assert 'raise ValueError("too big")' in shown, "the node's own lines are shown, though its frames are gone"


@pytest.mark.parametrize("fail", [False, True])
def test_the_temporary_folder_of_a_node_is_gone_when_it_has_ended(run_one, fail):
    run = run_one(Scratch, fail=fail)
    assert run.status == ("failed" if fail else "succeeded")
    path = Path(run.failures["it"].__cause__.filename).parent if fail else Path(run["it.folder"])
    assert path.name.startswith("flowra-")
    assert not path.exists()


def test_the_folder_for_people_is_the_runs_own(run_one):
    run = run_one(Scratch)
    assert (run.output_dir / "note.txt").read_text(encoding="utf-8") == "it"
