"""The fixtures that packs test their nodes with, and what the plugin costs those who don't."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from flowra.config import load_settings
from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.dag.outcome import EndBranch
from flowra.exceptions import GraphInvalidError, NodeFailedError
from flowra.type.component_type import Number, Placeholder
from flowra.type.value_type import AnyImage

pytestmark = pytest.mark.slow


class Scale(Node):
    """Multiply a number."""

    made = 0

    class InitArgs(BaseArgs):
        by: Number(value_type=float, description="factor", default=2.0)

    class InputArgs(BaseArgs):
        value: Number(value_type=float, description="number")
        init: Number(value_type=float, description="a port with an awkward name", default=0.0)

    class OutputArgs(BaseArgs):
        result: Number(value_type=float, description="product")

    def init(self, context, args):
        type(self).made += 1
        self.by = args.by

    def run(self, context, args):
        if args.value < 0:
            return EndBranch("it is negative")
        if args.value == 0:
            raise ValueError("zero is not wanted")
        return self.OutputArgs(result=args.value * self.by + args.init)


class Darken(Node):
    """Change a picture in place, which no node may."""

    class InputArgs(BaseArgs):
        image: Placeholder(value_type=AnyImage, description="picture")

    class OutputArgs(BaseArgs):
        image: Placeholder(value_type=AnyImage, description="picture")

    def run(self, context, args):
        args.image[:] = 0
        return self.OutputArgs(image=args.image)


def test_a_node_is_run_by_its_class_and_gives_its_outputs(run_node):
    assert run_node(Scale, value=3).result == 6
    assert run_node(Scale, {"by": 10}, value=3, init=1).result == 31


def test_a_node_is_run_by_its_type_id(run_node):
    picture = np.zeros((4, 6, 3), np.uint8)
    assert run_node("image/Resize", image=picture, width=3, height=2, fit="stretch").image.shape[:2] == (2, 3)


def test_each_call_runs_the_node_and_its_instance_stays_warm(run_node):
    before = Scale.made
    for value in (1, 1, 2):
        run_node(Scale, value=value)
    assert Scale.made == before + 1


def test_a_failure_is_raised_and_says_the_inputs(run_node):
    with pytest.raises(NodeFailedError, match="zero is not wanted") as caught:
        run_node(Scale, value=0)
    assert caught.value.inputs["value"] == "number 0.0"


def test_inputs_are_read_only_as_in_a_graph(run_node):
    with pytest.raises(NodeFailedError, match="read-only"):
        run_node(Darken, image=np.ones((2, 2), np.uint8))


def test_what_a_node_prints_stands_with_the_test(run_node, capsys):
    class Chatty(Node):
        """Say something."""

        def run(self, context, args):
            print("printed")  # noqa: T201  nodes do
            context.log("logged")

    run_node(Chatty)
    assert capsys.readouterr().out == "printed\nlogged\n"


def test_an_input_that_is_no_port_is_refused(run_node):
    with pytest.raises(GraphInvalidError, match="vlaue"):
        run_node(Scale, vlaue=3)


def test_an_ended_branch_and_a_port_that_is_not_there_are_told_apart(run_node):
    outputs = run_node(Scale, value=-1)
    assert outputs.ended == "it is negative"
    with pytest.raises(AttributeError, match="ended its branch"):
        _ = outputs.result
    with pytest.raises(AttributeError, match="it has: result"):
        _ = run_node(Scale, value=1).product


def test_a_graph_runs_with_inputs_and_a_store_of_its_own(run_graph, flowra_store, flowra_folder):
    graph = Graph("scaling")
    scaled = graph.add(Scale, value=graph.input("value", float))
    graph.output("result", scaled["result"])
    run = run_graph(graph, value=4)
    assert run["result"] == 8
    assert run.output_dir.is_relative_to(flowra_folder)
    assert flowra_store.stats().records == 1
    with pytest.raises(NodeFailedError):
        run_graph(graph, value=0)


def test_a_graph_file_runs(run_graph, tmp_path):
    graph = Graph("scaling")
    graph.output("image", graph.add("image/Flip", image=graph.input("photo", AnyImage))["image"])
    graph.save(tmp_path / "flip.json")
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(run_graph(tmp_path / "flip.json", photo=picture)["image"], picture[:, ::-1])


def test_settings_point_into_the_tests_own_folder(flowra_folder):
    settings = load_settings()
    assert settings.cache_dir.is_relative_to(flowra_folder)
    assert settings.output_dir.is_relative_to(flowra_folder)
    assert str(flowra_folder) in settings.store


def run_pytest(folder, source):
    (folder / "test_it.py").write_text(source, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=folder,
        env={**os.environ, "COVERAGE_PROCESS_START": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_who_uses_no_fixture_pays_for_nothing_of_flowra(tmp_path):
    done = run_pytest(
        tmp_path,
        "import sys\n"
        "def test_it(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.has_plugin('flowra')\n"
        "    ours = {name for name in sys.modules if name.startswith('flowra.')}\n"
        "    assert ours == {'flowra.testing', 'flowra.testing.pytest_plugin', 'flowra.version'}\n"
        "    heavy = {'numpy', 'pydantic', 'rich', 'click', 'importlib_metadata'} & set(sys.modules)\n"
        "    assert heavy == set()\n",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_suite_says_what_was_compared(tmp_path):
    done = run_pytest(
        tmp_path,
        "from flowra.testing import PackSuite\n\nclass TestPack(PackSuite):\n    pack = 'no_such_pack'\n",
    )
    assert done.returncode == 1
    assert "there is no pack no_such_pack" in done.stdout
    assert "assert 'no_such_pack' in {'" in done.stdout
