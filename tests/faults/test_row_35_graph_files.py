"""Row 35 of the faults: whatever is wrong with a graph file is an error before the run, with its place.

The command is run as people run it, in a process of its own. The oracle is a ledger to which every node that runs
appends a line: after a fault there is none.
"""

import json
import os
import subprocess
import sys
import time

import pytest
from fixtures.measuring import unmeasured
from fixtures.pack_factory import install_pack, settle

PLUGIN = """
    from flowra.plugin import NodeEntry, hookimpl

    @hookimpl
    def flowra_nodes():
        return [NodeEntry("{package}.nodes:Note")]
"""

NODES = """
    import os

    from flowra.dag.node import BaseArgs, Node
    from flowra.type.component_type import Number

    class Note(Node):
        class InputArgs(BaseArgs):
            number: Number(min=0, default=0.0)

        class OutputArgs(BaseArgs):
            number: float

        def run(self, context, args):
            ledger = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(ledger, f"{context.node_id}\\n".encode())
            os.close(ledger)
            return self.OutputArgs(number=args.number)
"""


class Bench:
    """A folder with the pack `ledger`, and the command."""

    def __init__(self, folder):
        self.folder = folder
        self.ledger = folder / "ledger"
        install_pack(folder / "site", "ledger", plugin=PLUGIN, modules={"nodes": NODES})
        settle()

    def flowra(self, *arguments):
        paths = [str(self.folder / "site"), os.environ.get("PYTHONPATH", "")]
        own = {
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "LEDGER": str(self.ledger),
            "COLUMNS": "200",
        }
        with unmeasured():  # the tests of graphs measure it; the tracer makes minutes of 100,000 nodes
            environment = {**os.environ, **own}
        command = [sys.executable, "-c", "from flowra.cli.main import main; main()", *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=240,
        )

    def refused(self, content, *arguments):
        """Run and validate a faulty file; return what each said, once it is certain that nothing ran."""
        path = self.folder / "graph.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        before = sorted(self.folder.iterdir())
        run = self.flowra("run", path, *arguments)
        checked = self.flowra("graph", "validate", path, "--json")
        assert run.returncode == checked.returncode == 3, run.stderr + checked.stderr
        assert "Traceback" not in run.stderr + checked.stderr
        assert len(run.stderr.splitlines()) <= 15
        assert not self.ledger.exists()
        assert sorted(self.folder.iterdir()) == before
        return run.stderr, json.loads(checked.stdout)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("row35"))


def graph_of(**nodes):
    """The text of a graph file whose nodes take the numbers or links that are given."""
    written = {
        name: {
            "type": "ledger/Note",
            "inputs": {"number": {"$from": value} if isinstance(value, str) else value},
        }
        for name, value in nodes.items()
    }
    return json.dumps({"format": "flowra/1", "nodes": written}, indent=1)


def test_the_same_graph_without_a_fault_runs(bench, tmp_path):
    path = tmp_path / "sound.json"
    path.write_text(graph_of(a=1, b="a.number"))
    run = bench.flowra("run", path, "--output", tmp_path / "results", "--no-cache")
    assert run.returncode == 0, run.stderr
    assert bench.ledger.read_text() == "a\nb\n"
    bench.ledger.unlink()


DUPLICATE = graph_of(a=1, b="a.number").replace('"b": {', '"a": {')

FAULTS = {
    "cycle": (graph_of(a="c.number", b="a.number", c="b.number"), "nodes.a.inputs.number", "cycle: a → b → c → a"),
    "dangling link": (graph_of(a=1, b="aa.number"), "nodes.b.inputs.number", "there is no node 'aa'"),
    "dangling port": (graph_of(a=1, b="a.numbers"), "nodes.b.inputs.number", "has no output 'numbers'"),
    "duplicate id": (DUPLICATE, "nodes.a", "duplicate node id: it is here twice, first on line 4"),
    "unknown type": (
        graph_of(a=1).replace("ledger/Note", "ledger/Not"),
        "nodes.a.type",
        "there is no node type ledger/Not",
    ),
    "unknown pack": (
        graph_of(a=1).replace("ledger/Note", "gone/Note"),
        "nodes.a.type",
        "no pack gone is installed",
    ),
    "value out of range": (graph_of(a=-1), "nodes.a.inputs.number", "greater than or equal to 0"),
    "deep value": (
        graph_of(a=1).replace('"number": 1', '"number": ' + "[" * 500 + "]" * 500),
        "nodes.a.inputs.number",
        "nested more than 64 levels deep",
    ),
    "bottomless file": ("[" * 100_000 + "]" * 100_000, "line 1", "deep"),
    "newer format": (graph_of(a=1).replace("flowra/1", "flowra/2"), "format", "was written by a newer Flowra"),
    "unknown format": (graph_of(a=1).replace("flowra/1", "comfy/1"), "format", "unknown format 'comfy/1'"),
    "no format": (graph_of(a=1).replace('"format": "flowra/1",', ""), "the file", 'the key "format" is missing'),
    "newer node": (
        graph_of(a=1).replace('"type"', '"version": 9, "type"'),
        "nodes.a.version",
        "was made with version 9 of ledger/Note; version 1 is installed",
    ),
    "cut off": (graph_of(a=1)[:-20], "line", ""),
    "empty": ("", "the file", "it is empty"),
    "no JSON": ("nodes: {}", "line 1", ""),
    "no UTF-8": (b'{"format": "flowra/1", "nodes": {"\xff": {}}}', "line 1", "UTF-8"),
    "a list": ("[1, 2]", "the file", "this is no graph: a graph file holds an object, not a list"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_file_is_an_error_before_the_run_with_its_place(bench, fault):
    content, place, said = FAULTS[fault]
    shown, problems = bench.refused(content)
    assert place in shown
    assert said in shown
    assert any(said in problem["reason"] for problem in problems)
    assert all(problem["line"] for problem in problems) or not content


def test_all_faults_of_a_file_are_reported_at_once(bench):
    text = graph_of(a=-1, b="gone.number", c="d.number", d="c.number")
    shown, problems = bench.refused(text.replace('"nodes"', '"colour": "red",\n "nodes"'))
    places = {problem["place"] for problem in problems}
    assert {"nodes.a.inputs.number", "nodes.b.inputs.number", "nodes.c.inputs.number", "colour"} <= places
    assert "4 mistakes" in shown or "mistake" in shown


def test_a_hundred_thousand_nodes_with_one_fault_at_the_end_are_refused_in_seconds(bench):
    nodes = {f"n{number}": f"n{number - 1}.number" if number else 0 for number in range(100_000)}
    nodes["n99999"] = "gone.number"
    start = time.monotonic()
    shown, [problem] = bench.refused(graph_of(**nodes))
    assert time.monotonic() - start < 120
    assert "nodes.n99999.inputs.number: linked to gone.number, but there is no node 'gone'" in shown
    assert problem["place"] == "nodes.n99999.inputs.number"


def test_a_few_lines_that_mean_billions_of_nodes_are_refused(bench):
    subgraphs = {"s0": {"nodes": {}}}
    for level in range(1, 40):
        doubled = {"type": f"graph/s{level - 1}"}
        subgraphs[f"s{level}"] = {"nodes": {"a": doubled, "b": doubled}}
    path = bench.folder / "graph.json"
    path.write_text(json.dumps({"format": "flowra/1", "nodes": {"top": {"type": "graph/s39"}}, "subgraphs": subgraphs}))
    run = bench.flowra("run", path)
    assert run.returncode == 3
    assert "more than 1,000,000 nodes once its subgraphs are expanded" in run.stderr
    assert not bench.ledger.exists()


def test_a_wrong_value_for_an_input_of_the_graph_is_refused_before_anything_runs(bench):
    written = json.loads(graph_of(first=1, second=2))
    written["inputs"] = {"number": {"type": "Float"}}
    written["nodes"]["second"]["inputs"]["number"] = {"$input": "number"}
    path = bench.folder / "graph.json"
    path.write_text(json.dumps(written))
    for value, place in (("-5", "nodes.second.inputs.number"), ("much", "number")):
        run = bench.flowra("run", path, "--input", f"number={value}")
        assert run.returncode in (2, 3)
        assert place in run.stderr
        assert not bench.ledger.exists()
