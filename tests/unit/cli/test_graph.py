"""`flowra graph`: validate, show and schema."""

import json
import xml.etree.ElementTree as ET

import jsonschema
import pytest
from click.testing import CliRunner

from flowra.cli.graph import command
from flowra.dag.graph import Graph
from flowra.exceptions import GraphInvalidError, UsageError
from flowra.plugin.manager import PluginManager, use_manager


@pytest.fixture(autouse=True)
def no_packs():
    with use_manager(PluginManager()):
        yield


@pytest.fixture
def sound(tmp_path):
    """A graph that needs no pack."""
    g, inner = Graph(description="Nothing much"), Graph()
    image = inner.input("image", "AnyImage")
    inner.add(inner.subgraph("core", Graph()), id="core")
    g.subgraph("step", inner)
    g.add("graph/step", image=g.input("photo", "AnyImage"))
    del image
    path = tmp_path / "sound.json"
    g.save(path)
    return path


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text(
        """{"format": "flowra/1",
 "nodes": {
  "load": {"type": "image/Load", "inptus": {}},
  "resize": {"type": "image/Resize",
   "inputs": {
    "image": {"$from": "laod.image"}}}},
 "outputs": {"picture": {"$from": "resize.image"}}}
"""
    )
    return path


def flowra(*arguments):
    result = CliRunner().invoke(command, list(map(str, arguments)), standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.return_value, result.stdout


def test_a_valid_graph_is_called_valid(sound):
    code, text = flowra("validate", sound)
    assert (code, text) == (0, f"{sound} is valid: 1 node\n")
    assert flowra("validate", sound, "--json") == (0, "[]\n")


def test_every_mistake_is_shown_with_its_place_line_reason_and_mend(broken):
    code, text = flowra("validate", broken)
    assert code == 3
    assert text.startswith(f"{broken}: 3 problems\n")
    assert 'nodes.load\n  line 3  inptus: unknown key\n          did you mean "inputs"?\n' in text
    assert "nodes.resize\n" in text
    assert "  line 6  inputs.image: linked to laod.image, but there is no node 'laod'\n" in text
    assert "          did you mean 'load'?\n" in text
    assert "there is no node type image/Resize" in text


def test_mistakes_in_a_subgraph_are_shown_under_its_node(tmp_path):
    g, inner = Graph(), Graph()
    inner.add("graph/missing", id="a")
    g.subgraph("sub", inner)
    g.save(tmp_path / "g.json")
    text = flowra("validate", tmp_path / "g.json")[1]
    assert "\nsubgraphs.sub.nodes.a\n  line 8  type: there is no subgraph 'missing'\n" in text


def test_a_node_that_could_not_be_read_is_reported_once(broken):
    _, text = flowra("validate", broken, "--json")
    places = [problem["place"] for problem in json.loads(text)]
    assert places == ["nodes.load.inptus", "nodes.resize.type", "nodes.resize.inputs.image"]


def test_problems_are_a_list_in_json(broken):
    code, text = flowra("validate", broken, "--json")
    assert code == 3
    assert json.loads(text)[0] == {
        "place": "nodes.load.inptus",
        "reason": "unknown key",
        "fix": 'did you mean "inputs"?',
        "line": 3,
    }


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": "flowra/2"}', '{"format": "flowra/1", "nodes": 3}'])
def test_a_file_that_is_no_graph_has_one_problem(tmp_path, content):
    path = tmp_path / "graph.json"
    path.write_text(content)
    code, text = flowra("validate", path, "--json")
    assert code == 3
    assert len(json.loads(text)) == 1


def test_a_missing_file_is_a_problem_of_validate_and_an_error_of_show(tmp_path):
    code, text = flowra("validate", tmp_path / "missing.json")
    assert code == 3
    assert "there is no such file" in text
    with pytest.raises(GraphInvalidError, match="can't be read"):
        flowra("show", tmp_path / "missing.json")


def test_show_draws_in_the_terminal_without_packs_and_without_colours_in_a_pipe(sound):
    _, text = flowra("show", sound)
    assert text.startswith("sound · 1 node · Nothing much\n")
    assert "◆  step  graph/step" in text
    assert "\x1b" not in text


def test_show_draws_graphs_whose_links_are_broken(tmp_path):
    path = tmp_path / "g.json"
    path.write_text('{"format": "flowra/1", "nodes": {"a": {"type": "x/A", "inputs": {"v": {"$from": "a.o"}}}}}')
    assert "this graph has a cycle: a → a" in flowra("show", path)[1]


@pytest.mark.parametrize(
    ("form", "start"), [("mermaid", "---\n"), ("dot", "digraph"), ("svg", "<svg"), ("tree", "sound · ")]
)
def test_show_draws_in_other_forms(sound, form, start):
    assert flowra("show", sound, "--as", form)[1].startswith(start)


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.svg", "<svg"), ("a.gv", "digraph"), ("a.DOT", "digraph"), ("a.mmd", "---"), ("a.txt", "sound · ")],
)
def test_the_ending_of_the_file_decides_the_form(sound, tmp_path, name, start):
    assert flowra("show", sound, "-o", tmp_path / name)[1] == ""
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert text.startswith(start)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_a_picture_is_written_whole_or_not_at_all(sound, tmp_path):
    with pytest.raises(UsageError, match="can't be written"):
        flowra("show", sound, "-o", tmp_path / "missing" / "a.svg")
    flowra("show", sound, "-o", tmp_path / "a.svg")
    ET.parse(tmp_path / "a.svg")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.svg", "sound.json"]


def test_show_describes_the_graph_in_json(sound):
    data = json.loads(flowra("show", sound, "--json")[1])
    assert data["name"] == "sound"
    assert data["nodes"] == [{"id": "step", "type": "graph/step", "version": None, "step": 0}]
    assert data["links"] == [{"from": {"input": "photo", "port": None}, "to": {"node": "step", "port": "image"}}]
    assert list(data["subgraphs"]["step"]["subgraphs"]) == ["core"]
    with pytest.raises(UsageError, match="can't be used together"):
        flowra("show", sound, "--json", "--as", "svg")


def test_the_schema_is_printed_and_is_one(tmp_path, sound):
    schema = json.loads(flowra("schema")[1])
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(sound.read_text()), schema, cls=jsonschema.Draft202012Validator)
    flowra("schema", "-o", tmp_path / "schema.json")
    assert json.loads((tmp_path / "schema.json").read_text()) == schema
