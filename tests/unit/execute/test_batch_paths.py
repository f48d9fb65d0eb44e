"""Where relative paths start in a batch: in the graph's folder where the graph has them, else where it is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.type.value_type import File


class Reading(Node):
    """Read files."""

    class InputArgs(BaseArgs):
        files: list[File]

    class OutputArgs(BaseArgs):
        text: str

    def run(self, context, args):
        return self.OutputArgs(text=" ".join(Path(each).read_text() for each in args.files))


class Beside(Node):
    """Give the path of a file."""

    class InputArgs(BaseArgs):
        path: File

    class OutputArgs(BaseArgs):
        path: File

    def run(self, context, args):
        return self.OutputArgs(path=args.path)


@pytest.fixture
def graph(tmp_path, monkeypatch):
    for folder in ("graphs", "here"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text(folder)
    monkeypatch.chdir(tmp_path / "here")
    graph = Graph("reading")
    graph.folder = tmp_path / "graphs"
    one = graph.add(Beside, id="one", path="a.txt")
    both = graph.add(Reading, files=[one["path"], graph.input("p", "File", default="a.txt")])
    graph.output("text", both["text"])
    return graph


def test_an_item_s_start_in_the_working_directory_and_those_that_it_leaves_to_the_graph_do_not(session, graph):
    items = [{"one.path": "a.txt"}, {"p": "a.txt"}, {}]
    results = session.map(graph, items, fields=["one.path", "p"], ordered=True)
    assert [result["text"] for result in results] == ["here graphs", "graphs here", "graphs graphs"]


def test_those_of_a_sweep_and_of_the_run_start_in_the_working_directory(session, graph):
    (result,) = session.map(graph, sweep={"one.path": ["a.txt"]}, inputs={"p": "a.txt"})
    assert result["text"] == "here here"
