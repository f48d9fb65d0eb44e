from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from fixtures.run_nodes import Add, Anything, Fail, Give, SavedPath

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.exceptions import NodeFailedError, RunError, UsageError
from flowra.execute.session.run import new_run_id
from flowra.type.value_type import Float


def sum_graph():
    graph = Graph("sum")
    start = graph.input("start", Float, default=1.0)
    first = graph.add(Add, id="first", a=start, b=2)
    second = graph.add(Add, id="second", a=first["value"], b=first["value"])
    graph.output("total", second["value"])
    return graph


def test_the_graphs_outputs_are_the_results_by_name(session):
    run = session.run(sum_graph())
    assert run.status == "succeeded"
    assert run.outputs == {"total": 6.0}
    assert run["total"] == 6.0
    assert run.raise_for_status() is run


def test_inputs_replace_the_defaults(session):
    assert session.run(sum_graph(), inputs={"start": 10})["total"] == 24.0


def test_a_graph_without_outputs_gives_what_no_node_takes(session):
    graph = Graph("open")
    one = graph.add(Give, id="one")
    graph.add(Add, id="two", a=one["value"], b=1)
    graph.add(Give, id="three", value=3)
    assert session.run(graph).outputs == {"two.value": 2.0, "three.value": 3.0}


def test_a_target_is_run_with_what_it_needs_and_nothing_else(session):
    run = session.run(sum_graph(), targets=["first"])
    assert list(run.plan.nodes) == ["first"]
    assert run.outputs == {"first.value": 3.0}


def test_an_unknown_target_is_a_usage_error_that_names_the_nearest(session):
    with pytest.raises(UsageError, match="did you mean first"):
        session.run(sum_graph(), targets=["frist"])


def test_asking_for_an_output_that_is_not_there_names_those_that_are(session):
    with pytest.raises(RunError, match=r"has no output 'sum'(.|\n)*its outputs: total"):
        session.run(sum_graph())["sum"]


def test_asking_for_an_output_of_a_failed_run_raises_the_failure(session):
    graph = Graph("fails")
    graph.output("lost", graph.add(Fail)["value"])
    run = session.run(graph)
    with pytest.raises(NodeFailedError, match="no such luck"):
        run["lost"]


@pytest.mark.parametrize("made", [{"value": 3}, {"value": 3.0}])
def test_a_dict_is_taken_for_the_outputs_and_validated(run_one, made, monkeypatch):
    monkeypatch.setattr(Anything, "made", made)
    run = run_one(Anything)
    assert run.outputs == {"it.value": 3.0}
    assert type(run["it.value"]) is float


def test_a_node_without_outputs_may_return_nothing(run_one):
    class Quiet(Node):
        """Do nothing."""

        def run(self, context, args):
            return None

    run = run_one(Quiet)
    assert (run.status, run.outputs) == ("succeeded", {})


class Later(Node):
    """Give a number after waiting for it."""

    class OutputArgs(BaseArgs):
        value: float

    async def run(self, context, args):
        await asyncio.sleep(0)
        return self.OutputArgs(value=5)


def test_an_async_run_is_awaited(run_one):
    assert run_one(Later)["it.value"] == 5.0


def test_an_async_run_is_awaited_where_a_loop_runs_already_as_in_a_notebook(run_one):
    async def cell():
        return run_one(Later)

    assert asyncio.run(cell())["it.value"] == 5.0


def test_each_run_has_an_id_that_names_its_folder(session, tmp_path):
    runs = [session.run(sum_graph()) for _ in range(2)]
    assert runs[0].id != runs[1].id
    for run in runs:
        assert re.fullmatch(r"sum-\d{8}-\d{6}-[0-9a-f]{8}", run.id)
        assert run.output_dir == tmp_path / "flowra-output" / run.id


@pytest.mark.parametrize(
    ("name", "start"),
    [("", "run-"), ("../../etc/passwd", "etc-passwd-"), ("图 像", "图-像-"), ("x" * 500, "x" * 40 + "-")],
)
def test_any_name_of_a_graph_makes_an_id_that_is_one_folder(name, start):
    run_id = new_run_id(name)
    assert run_id.startswith(start)
    assert Path(run_id).name == run_id


def test_a_path_is_a_result_by_itself(run_one):
    run = run_one(SavedPath)
    assert run.files == {"it.path": {"file": str(run.output_dir / "saved.txt")}}
