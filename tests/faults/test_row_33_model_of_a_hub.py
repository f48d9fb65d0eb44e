"""Row 33 of the faults, for models of a hub: what the main branch has changes, and the node runs again in the next
process, offline too; `flowra explain` names the model, whether the node declares it or its code asks for it."""

from __future__ import annotations

import json

import pytest
from fixtures.cli_pack import CommandLine
from fixtures.pack_factory import install_pack

PLUGIN = """
    from flowra.plugin import NodeEntry, hookimpl

    @hookimpl
    def flowra_nodes():
        return [NodeEntry("{package}.nodes:Declared"), NodeEntry("{package}.nodes:Asked")]
"""

NODES = """
    from flowra.dag.node import BaseArgs, Node
    from flowra.type.component_type import ModelFile


    class Number(BaseArgs):
        number: float


    class Declared(Node):
        class InitArgs(BaseArgs):
            weights: ModelFile("acme/scale", file="scale.txt")

        InputArgs = OutputArgs = Number

        def run(self, context, args):
            return self.OutputArgs(number=args.number * self.scale)

        def init(self, context, args):
            self.scale = float(args.weights.read_text())


    class Asked(Node):
        InputArgs = OutputArgs = Number

        def run(self, context, args):
            scale = float(context.model("acme/scale", file="scale.txt").read_text())
            return self.OutputArgs(number=args.number * scale)
"""


@pytest.fixture
def flowra(tmp_path):
    command = CommandLine(tmp_path)
    install_pack(tmp_path / "site", "weighed", plugin=PLUGIN, modules={"nodes": NODES})
    command.environment["FLOWRA_MODEL_MIRROR"] = str(tmp_path / "mirror")
    command.environment["FLOWRA_MODEL_DIR"] = str(tmp_path / "models")
    (tmp_path / "mirror" / "acme" / "scale").mkdir(parents=True)
    graph = {
        "format": "flowra/1",
        "name": "weigh",
        "nodes": {kind: {"type": f"weighed/{kind}", "inputs": {"number": 2.0}} for kind in ("Declared", "Asked")},
        "outputs": {kind: {"$from": f"{kind}.number"} for kind in ("Declared", "Asked")},
    }
    (command.work / "graph.json").write_text(json.dumps(graph))
    return command


def ran(flowra, scale):
    """Run the graph in a process of its own; return its results, and which nodes ran."""
    (flowra.folder / "mirror" / "acme" / "scale" / "scale.txt").write_text(str(scale))
    done = flowra.run("run", "graph.json", "--json", "--offline")
    assert done.returncode == 0, done.stdout + done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    values = {name: output["value"] for name, output in events[-1]["outputs"].items()}
    return values, {event["node"] for event in events if event["event"] == "started"}


def test_a_model_that_changed_makes_nodes_run_again_and_is_named(flowra):
    both = {"Declared", "Asked"}
    assert ran(flowra, 10) == ({"Declared": 20.0, "Asked": 20.0}, both)
    assert ran(flowra, 10) == ({"Declared": 20.0, "Asked": 20.0}, set())
    assert ran(flowra, 30) == ({"Declared": 60.0, "Asked": 60.0}, both)
    for node, place in (("Declared", "init weights"), ("Asked", "model model://acme/scale#scale.txt")):
        said = flowra.run("explain", "last", node)
        assert said.returncode == 0, said.stderr
        head, *phrases = said.stdout.splitlines()
        assert ": ran: since weigh-" in head
        assert [phrase.strip().partition(": the model modelscope://acme/scale@")[0] for phrase in phrases] == [place]
    assert ran(flowra, 30) == ({"Declared": 60.0, "Asked": 60.0}, set())
