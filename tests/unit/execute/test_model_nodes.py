"""Models in nodes: fetched before a node is made, shown as they come, and part of what a result depends on.

A mirror (a folder) stands in for the hubs; their own clients are tested in their packs.
"""

from __future__ import annotations

import pytest
from fixtures import model_nodes as nodes

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.exceptions import GraphInvalidError, NodeDefinitionError
from flowra.execute.session import Session
from flowra.execute.session.explanation import explain
from flowra.type.component_type import ModelFile

EVERY = [
    nodes.Declared,
    nodes.DeclaredBranch,
    nodes.AskedInInit,
    nodes.AskedTogether,
    nodes.AskedInRun,
    nodes.AskedLater,
    nodes.DeclaredApart,
    nodes.AskedApart,
    nodes.WarmApart,
]


@pytest.fixture
def mirror(tmp_path, monkeypatch, packs):
    folder = tmp_path / "mirror"
    monkeypatch.setenv("FLOWRA_MODEL_MIRROR", str(folder))
    monkeypatch.setenv("FLOWRA_MODEL_DIR", str(tmp_path / "models"))
    write(folder, "10")
    return folder


def write(mirror, scale):
    folder = mirror / nodes.MODEL
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scale.txt").write_text(scale)


@pytest.fixture
def ran(tmp_path, mirror):
    """Run a node as a new session would; return its result, and how often it has run in all."""
    ledger = tmp_path / "ledger"

    def run(node, session=None, **options):
        ledger.touch()
        graph = nodes.graph_of(node, ledger=ledger, **options)
        with session or Session() as own:
            done = own.run(graph)
        assert done.status == "succeeded", done.failures
        return done.outputs["it.number"], len(ledger.read_text().splitlines())

    return run


@pytest.mark.parametrize("node", EVERY, ids=lambda node: node.__name__)
def test_a_result_stands_while_the_model_stays_and_the_node_runs_again_when_it_changes(node, mirror, ran):
    assert ran(node) == (30.0, 1)
    assert ran(node) == (30.0, 1)
    write(mirror, "20")
    assert ran(node) == (60.0, 2)
    assert ran(node) == (60.0, 2)
    write(mirror, "10")
    assert ran(node) == (30.0, 2), "what was computed with the first files is still known"


@pytest.mark.parametrize(
    "node", [nodes.Declared, nodes.AskedInInit, nodes.AskedInRun, nodes.AskedApart], ids=lambda node: node.__name__
)
def test_explain_names_the_model_that_changed(node, mirror, ran):
    ran(node)
    write(mirror, "20")
    ran(node)
    with Session() as session:
        found = explain(session.history, session.store, "last", "it")
    assert len(found.reasons) == 1
    assert "the model modelscope://acme/scale@" in found.reasons[0]
    place = "init weights: " if issubclass(node, nodes.Declared) else "model model://acme/scale#scale.txt: "
    assert found.reasons[0].startswith(place)


@pytest.mark.parametrize(
    "node", [nodes.AskedInInit, nodes.AskedTogether, nodes.WarmApart], ids=lambda node: node.__name__
)
def test_an_instance_that_holds_a_model_is_made_anew_when_that_changes(node, mirror, tmp_path):
    with Session() as session:
        assert session.run(nodes.graph_of(node)).outputs["it.number"] == 30.0
        write(mirror, "20")
        assert session.run(nodes.graph_of(node)).outputs["it.number"] == 60.0
        assert session.run(nodes.graph_of(node, number=4.0)).outputs["it.number"] == 80.0


def test_calls_that_are_made_together_depend_on_the_model_too(mirror, tmp_path):
    ledger = tmp_path / "ledger"

    def run():
        graph = Graph("together")
        graph.add(nodes.AskedForMany, id="it", number=[1.0, 2.0, 3.0], ledger=str(ledger))
        with Session() as session:
            done = session.run(graph)
        return done.outputs["it.number"], len(ledger.read_text().splitlines())

    first = run()
    assert first[0] == [10.0, 20.0, 30.0]
    assert run() == first
    write(mirror, "20")
    again = run()
    assert again[0] == [20.0, 40.0, 60.0]
    assert again[1] > first[1]
    assert run() == again


def test_a_resumed_run_takes_over_what_used_the_same_model_and_no_more(mirror, tmp_path):
    ledger = tmp_path / "ledger"
    graph = nodes.graph_of(nodes.NeverKept, ledger=ledger)
    with Session() as session:
        first = session.run(graph)
        assert session.run(graph, resume=first.id).outputs == first.outputs
        assert len(ledger.read_text().splitlines()) == 1
        write(mirror, "20")
        assert session.run(graph, resume=first.id).outputs["it.number"] == 60.0


def test_a_graph_may_give_another_model_or_a_file(mirror, ran, tmp_path):
    folder = mirror / "acme" / "other@v2"
    folder.mkdir()
    (folder / "twice.txt").write_text("2")
    assert ran(nodes.Declared, init={"weights": "modelscope://acme/other@v2#twice.txt"}) == (6.0, 1)
    own = tmp_path / "own.txt"
    own.write_text("4")
    assert ran(nodes.Declared, init={"weights": str(own)}) == (12.0, 2)
    own.write_text("5")
    assert ran(nodes.Declared, init={"weights": str(own)}) == (15.0, 3)


@pytest.mark.parametrize("wrong", ["modelscope://#x", "modelscope://a/b@", "modelscope://a/b#../x", "https://a/b", 3])
def test_what_can_be_no_model_is_refused_before_anything_runs(mirror, session, wrong):
    with pytest.raises(GraphInvalidError, match=r"init\.weights"):
        session.run(nodes.graph_of(nodes.Declared, init={"weights": wrong}))


@pytest.mark.parametrize("node", [nodes.AskedWrongly, nodes.AskedWronglyApart], ids=lambda node: node.__name__)
def test_a_model_that_cannot_be_had_is_the_nodes_failure_with_its_reason(node, mirror, session, monkeypatch):
    monkeypatch.setenv("FLOWRA_OFFLINE", "1")
    failure = session.run(nodes.graph_of(node)).failures["it"]
    assert "acme/nothing" in str(failure)
    assert len(str(failure).splitlines()) <= 15


def test_a_declared_model_that_cannot_be_had_fails_the_node(session, monkeypatch, tmp_path):
    monkeypatch.setenv("FLOWRA_MODEL_DIR", str(tmp_path))
    failure = session.run(nodes.graph_of(nodes.Declared)).failures["it"]
    assert "no pack serves the model hub modelscope" in failure.why


def test_a_model_is_declared_in_init_args_alone():
    with pytest.raises(NodeDefinitionError, match="declare it in InitArgs"):

        class Off(Node):
            class InputArgs(BaseArgs):
                weights: ModelFile("a/b")

            def run(self, context, args):
                return None


@pytest.mark.parametrize("wrong", ['ModelFile("a/b/c")', 'ModelFile("a/b", file="../x")', 'ModelFile(file="x")'])
def test_a_declaration_that_can_mean_no_model_is_refused_when_the_class_is_made(wrong):
    with pytest.raises(NodeDefinitionError, match="weights"):
        exec(f"class Args(BaseArgs):\n    weights: {wrong}\n", {"BaseArgs": BaseArgs, "ModelFile": ModelFile})


def test_the_description_says_which_model_it_is():
    port = nodes.Declared.InitArgs.__ports__["weights"]
    assert port.default == "model://acme/scale@v1.0#scale.txt"
    assert type(port).from_json(port.to_json()) == port
    assert port.json_schema()["x-flowra"]["revision"] == "v1.0"
