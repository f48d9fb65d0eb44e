"""Graph files with mistakes: every one is reported, with its place, its line and the way out."""

import json

import pytest

from flowra.dag.graph import Graph, InputRef, Link, read_graph, read_graph_file
from flowra.dag.graph import source as source_module
from flowra.exceptions import GraphInvalidError

BASE = {"format": "flowra/1", "nodes": {}}


def problems_of(source):
    return read_graph(source if isinstance(source, str | bytes) else json.dumps(source)).problems


def only_problem(source):
    [problem] = problems_of(source)
    return problem


def node(**parts):
    return {"format": "flowra/1", "nodes": {"a": {"type": "x/A", **parts}}}


def with_input(value):
    return node(inputs={"x": value})


def test_a_file_with_many_mistakes_shows_all_of_them_in_the_order_of_its_lines():
    text = """{"format": "flowra/1", "nam": "faces",
 "inputs": {"photo": {"type": 3, "default": NaN}},
 "nodes": {
  "load": {"type": "imageLoad", "version": 0, "inputs": {"path": {"$input": "ph oto"}}},
  "resize": {"type": "image/Resize", "input": {},
   "inputs": {
    "image": {"$from": "load"},
    "width": {"$form": "x.y"},
    "sizes": [1, [
       {"$from": "load.image.x"}]],
    "object": {"a": {"$from": "load.x"}}}},
  "bad id": {},
  "resize": {"type": "image/Resize"},
  "late": {"type": "x/A", "inputs": 7}},
 "outputs": {"picture": 5}}"""
    with pytest.raises(GraphInvalidError) as caught:
        Graph.from_json(text.replace('"resize": {"type": "image/Resize"},', '"ok": {"type": "x/A"},'))
    found = [(problem.line, problem.place) for problem in caught.value.problems]
    assert found == [
        (1, "nam"),
        (2, "inputs.photo.type"),
        (2, "inputs.photo.default"),
        (4, "nodes.load.type"),
        (4, "nodes.load.version"),
        (4, "nodes.load.inputs.path.$input"),
        (5, "nodes.resize.input"),
        (7, "nodes.resize.inputs.image.$from"),
        (8, "nodes.resize.inputs.width.$form"),
        (10, "nodes.resize.inputs.sizes[1][0].$from"),
        (11, "nodes.resize.inputs.object.a.$from"),
        (12, 'nodes."bad id"'),
        (12, 'nodes."bad id"'),
        (14, "nodes.late.inputs"),
        (15, "outputs.picture"),
    ]
    assert "15 mistakes" in caught.value.what
    assert len(str(caught.value).splitlines()) <= 15
    [duplicate] = [each for each in problems_of(text) if "duplicate" in each.reason]
    assert (duplicate.line, duplicate.place) == (13, "nodes.resize")
    assert "first on line 5" in duplicate.reason


@pytest.mark.parametrize(
    ("data", "place", "reason", "fix"),
    [
        ({**BASE, "node": {}}, "node", "unknown key", 'did you mean "nodes"?'),
        ({**BASE, "zzz": {}}, "zzz", "unknown key", "known here: $schema, format, name"),
        ({"format": "flowra/1"}, "the file", 'the key "nodes" is missing', None),
        ({"nodes": {}}, "the file", 'the key "format" is missing', 'add "format": "flowra/1"'),
        ({"last_node_id": 1}, "the file", "this is no graph", "flowra/1"),
        ({**BASE, "format": "flowra/2"}, "format", "'flowra/2' was written by a newer Flowra", "--upgrade"),
        ({**BASE, "format": "flowra/1.5"}, "format", "a newer Flowra", "--upgrade"),
        ({**BASE, "format": "flowra/10"}, "format", "a newer Flowra", "--upgrade"),
        ({**BASE, "format": "flowra/0"}, "format", "unknown format 'flowra/0'", 'write "flowra/1"'),
        ({**BASE, "format": "comfy/1"}, "format", "unknown format 'comfy/1'", 'write "flowra/1"'),
        ({**BASE, "format": 1}, "format", "a format is text, not 1", 'write "flowra/1"'),
        ([], "the file", "this is no graph: a graph file holds an object, not an empty list", None),
        ("graph", "the file", "this is no graph: a graph file holds an object, not 'graph'", None),
        (None, "the file", "not null", None),
        ({**BASE, "nodes": []}, "nodes", '"nodes" is an object, not an empty list', None),
        ({**BASE, "name": 3}, "name", '"name" is text, not 3', None),
        ({**BASE, "ui": 3}, "ui", '"ui" is an object, not 3', None),
        ({**BASE, "nodes": {"a": 1}}, "nodes.a", "a node is an object, not 1", "image/Resize"),
        ({**BASE, "nodes": {"a": {}}}, "nodes.a", 'the key "type" is missing', None),
        ({**BASE, "nodes": {"a.b": {"type": "x/A"}}}, 'nodes."a.b"', "'a.b' is no name", None),
        ({**BASE, "nodes": {"": {"type": "x/A"}}}, 'nodes.""', "a name can't be empty", None),
        ({**BASE, "nodes": {"n" * 201: {"type": "x/A"}}}, "nodes.", "201 characters long", None),
        (node(type="Resize"), "nodes.a.type", "'Resize' is no node type", None),
        (node(type=None), "nodes.a.type", "a node type is text, not null", None),
        (node(version=1.5), "nodes.a.version", "a whole number from 1 on, not 1.5", None),
        (node(version=True), "nodes.a.version", "a whole number from 1 on, not true", None),
        (node(inptus={}), "nodes.a.inptus", "unknown key", 'did you mean "inputs"?'),
        (node(inputs=[]), "nodes.a.inputs", '"inputs" is an object, not an empty list', None),
        (node(inputs={"a b": 1}), 'nodes.a.inputs."a b"', "is no name", None),
        (node(init={"x": {"$from": "a.b"}}), "nodes.a.init.x.$from", "inputs of nodes only", None),
        (node(ui=[]), "nodes.a.ui", '"ui" is an object', None),
        (with_input({"$from": "load"}), "nodes.a.inputs.x.$from", "the link 'load' names no port", "node.port"),
        (with_input({"$from": "a.b.c"}), "nodes.a.inputs.x.$from", "more than one", "node.port"),
        (with_input({"$from": ".b"}), "nodes.a.inputs.x.$from", "the node of the link '.b'", "node.port"),
        (with_input({"$from": "a."}), "nodes.a.inputs.x.$from", "the port of the link 'a.'", "node.port"),
        (with_input({"$from": 3}), "nodes.a.inputs.x.$from", "a link is text, not 3", "node.port"),
        (with_input({"$from": "a.b", "y": 1}), "nodes.a.inputs.x.y", '"$from" alone', None),
        (with_input({"$input": "a.b"}), "nodes.a.inputs.x.$input", "is no name", "$input"),
        (with_input({"$input": None}), "nodes.a.inputs.x.$input", "a name is text", "$input"),
        (with_input({"$inptu": "a"}), "nodes.a.inputs.x.$inptu", "unknown key", '"$input"'),
        (with_input({"$zzz": "a"}), "nodes.a.inputs.x.$zzz", "unknown key", '{"$literal": {…}}'),
        (with_input({"$literal": 1, "y": 2}), "nodes.a.inputs.x.$literal", "alone", None),
        (with_input({"y": {"$from": "a.b"}}), "nodes.a.inputs.x.y.$from", "inside an object", None),
        (with_input([{"y": [{"$input": "a"}]}]), "nodes.a.inputs.x[0].y[0].$input", "inside an object", None),
        (with_input(float("nan")), "nodes.a.inputs.x", "nan is no finite number", None),
        (with_input([1, float("-inf")]), "nodes.a.inputs.x[1]", "-inf is no finite number", None),
        (with_input("\ud800"), "nodes.a.inputs.x", "half of a surrogate pair", None),
        ({**BASE, "inputs": {"p": 1}}, "inputs.p", "a graph input is an object, not 1", None),
        ({**BASE, "inputs": {"p": {}}}, "inputs.p", 'the key "type" is missing', None),
        ({**BASE, "inputs": {"p": {"type": 1}}}, "inputs.p.type", "a name or an object, not 1", None),
        ({**BASE, "inputs": {"p": {"type": "F", "defualt": 1}}}, "inputs.p.defualt", "unknown key", '"default"'),
        (
            {**BASE, "inputs": {"p": {"type": "F", "default": {"$from": "a.b"}}}},
            "inputs.p.default.$from",
            "value",
            None,
        ),
        ({**BASE, "outputs": {"o": {"$input": "p"}}}, "outputs.o", "an output of a graph is a link", "node.port"),
        ({**BASE, "outputs": {"o": None}}, "outputs.o", "an output of a graph is a link, not null", "node.port"),
        ({**BASE, "outputs": {"o": {"$from": "x"}}}, "outputs.o.$from", "names no port", None),
        ({**BASE, "subgraphs": {"s": 1}}, "subgraphs.s", "a subgraph is an object, not 1", None),
        ({**BASE, "subgraphs": {"s": {}}}, "subgraphs.s", 'the key "nodes" is missing', None),
        ({**BASE, "subgraphs": {"s": BASE}}, "subgraphs.s.format", "only the outermost graph has a format", "leave"),
        ({**BASE, "subgraphs": {"s": {"nodes": {"a": 1}}}}, "subgraphs.s.nodes.a", "a node is an object", None),
    ],
)
def test_a_mistake_is_reported_with_its_place_and_what_to_do(data, place, reason, fix):
    problem = only_problem(json.dumps(data))
    assert problem.place.startswith(place)
    assert reason in problem.reason
    assert (fix or "") in (problem.fix or "")
    assert problem.line == 1
    if isinstance(data, dict):
        assert [each.reason for each in read_graph(data).problems] == [problem.reason]


@pytest.mark.parametrize(
    ("text", "line", "place", "words"),
    [
        ('\n{"format": "flowra/1", "nodes": {}, }', 2, "column", "comma"),
        ("{'format': 1}", 1, "column 2", "double quotes"),
        ('{"format": "flowra/1", // why\n "nodes": {}}', 1, "column 24", "JSON has no comments"),
        ('{"format": "flowra/1",\n "nodes": {', 2, "column", "is the file complete?"),
        ('{"format": "flowra/1", "nodes": {}}\n{}', 2, "column 1", "one object and nothing after it"),
        ('{"a": 1 "b": 2}', 1, "column 9", "invalid JSON: expecting ',' delimiter"),
        ('{"a": "x\ny"}', 1, "column 9", "invalid JSON: invalid control character"),
        ("", None, "the file", "it is empty"),
        (" \n\t", None, "the file", "it is empty"),
        (b"", None, "the file", "it is empty"),
        (b'{"name":\n "\xff"}', 2, "the file", "no UTF-8 text: byte 0xff at offset 11"),
        ("{}".encode("utf-16"), 1, "the file", "UTF-16"),
        ("{}".encode("utf-32-le"), 1, "the file", "UTF-16"),
        ('{"format": "flowra/1", "nodes":\n ' + "9" * 5000 + "}", 2, "the file", "thousands of digits"),
    ],
)
def test_what_is_no_json_is_reported_with_line_and_column(text, line, place, words):
    problem = only_problem(text)
    assert problem.line == line
    assert problem.place.startswith(place)
    assert words in str(problem)


def test_a_byte_order_mark_is_no_mistake():
    assert not problems_of(b"\xef\xbb\xbf" + json.dumps(BASE).encode())


def test_every_repeated_key_is_reported_wherever_it_is():
    text = """{"format": "flowra/1", "name": "a", "name": "b",
 "inputs": {"p": {"type": "F", "type": "F"},
            "p": {"type": "F", "default": {"k": 1, "k": 2}}},
 "nodes": {"a": {"type": "x/A"},
           "a": {"type": "x/A"}, "b": {"type": "x/A"},
           "a": {"type": "x/A", "inputs": {"v": 1,
              "v": 2, "w": {"$from": "b.x", "$from": "b.y"}}, "ui": {"deep": [{"z": 1, "z": 1}]}}},
 "outputs": {"o": {"$from": "a.x"}, "o": {"$from": "a.x"}}}"""
    found = {(each.place, each.line): each.reason for each in problems_of(text)}
    assert set(found) == {
        ("name", 1),
        ("inputs.p", 3),
        ("inputs.p.default.k", 3),
        ("nodes.a", 6),
        ("nodes.a.inputs.v", 7),
        ("nodes.a.inputs.w.$from", 7),
        ("nodes.a.ui.deep[0].z", 7),
        ("outputs.o", 8),
    }
    assert found["nodes.a", 6] == "duplicate node id: it is here 3 times, first on line 4"


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_that_is_100_000_levels_deep_is_an_error_not_a_crash(opening):
    text = '{"format": "flowra/1", "nodes":\n' + opening * 100_000
    problem = only_problem(text)
    assert "nested too deep: a value has at most 64 levels" in problem.reason
    assert problem.line == 2


@pytest.mark.parametrize(("depth", "fine"), [(64, True), (65, False), (500, False)])
@pytest.mark.parametrize("form", ["list", "object"])
def test_values_are_at_most_64_levels_deep(depth, fine, form):
    value = 1
    for _ in range(depth):
        value = [value] if form == "list" else {"k": value}
    assert bool(problems_of(with_input(value))) is not fine
    assert bool(problems_of({**BASE, "ui": {"k": value}})) is not (fine and depth < 64)


def test_subgraphs_are_at_most_64_levels_deep():
    data = {"nodes": {}}
    for _ in range(64):
        data = {"nodes": {}, "subgraphs": {"s": data}}
    assert not problems_of({**data, "format": "flowra/1"})
    assert "more than 64" in only_problem({"format": "flowra/1", "nodes": {}, "subgraphs": {"s": data}}).reason


def test_what_can_be_read_of_a_broken_file_is_read():
    reading = read_graph(
        '{"format": "flowra/1", "nodes": {"a": {"type": 1}, "b": {"type": "x/B", "inputs": {"v": 2}}}}'
    )
    assert len(reading.problems) == 1
    assert {each.id: (each.type, each.inputs) for each in reading.graph.nodes.values()} == {
        "a": ("", {}),
        "b": ("x/B", {"v": 2}),
    }


def test_values_are_read_as_links_references_and_literals():
    graph = Graph.from_json(
        with_input(
            [{"$from": "b.o"}, [{"$input": "p"}], {"$literal": {"$from": 1}}, {"k": {"$literal": {"$": 1}}}, 1.0]
        )
    )
    assert graph.nodes["a"].inputs["x"] == [Link("b", "o"), [InputRef("p")], {"$from": 1}, {"k": {"$": 1}}, 1.0]


def test_data_from_python_is_not_shared_with_the_graph():
    data = with_input([{"k": [1]}])
    graph = Graph.from_json(data)
    data["nodes"]["a"]["inputs"]["x"][0]["k"].append(2)
    assert graph.nodes["a"].inputs["x"] == [{"k": [1]}]


def test_data_from_python_with_what_json_lacks_is_refused():
    assert [each.place for each in read_graph(with_input({1})).problems] == ["nodes.a.inputs.x"]
    assert [each.place for each in read_graph(with_input({2: 1})).problems] == ["nodes.a.inputs.x"]
    assert [each.place for each in read_graph({**BASE, 3: 1}).problems] == ["the file"]
    assert [each.place for each in read_graph({**BASE, "nodes": {4: {"type": "x/A"}}}).problems] == ["nodes"]


def unreadable(path):
    with pytest.raises(GraphInvalidError) as caught:
        Graph.load(path)
    [problem] = caught.value.problems
    assert str(path) in problem.place
    return str(caught.value)


def test_a_missing_file_is_reported_with_the_nearest_that_is_there(tmp_path):
    (tmp_path / "faces.json").write_text("{}")
    message = unreadable(tmp_path / "face.json")
    assert "there is no such file" in message
    assert f"did you mean {tmp_path / 'faces.json'}?" in message
    assert "no such file" in unreadable(tmp_path / "nowhere" / "face.json")


def test_a_folder_is_no_graph_file(tmp_path):
    assert "this is a folder" in unreadable(tmp_path)


def test_a_path_through_a_file_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    assert "can't be read" in unreadable(tmp_path / "file" / "graph.json")


def test_a_name_that_no_file_can_have_is_reported():
    assert "can't be read" in unreadable("a\0b")


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(512 * 1024 * 1024 + 1)
    assert "larger than 512 MiB" in unreadable(path)


def test_a_pipe_is_read_and_has_the_same_limit(tmp_path, monkeypatch):
    import os
    import threading

    def through_a_pipe(content):
        pipe = tmp_path / f"pipe{len(content)}"
        os.mkfifo(pipe)
        writer = threading.Thread(target=lambda: pipe.write_bytes(content))
        writer.start()
        reading = read_graph_file(pipe)
        writer.join()
        return reading.problems

    content = json.dumps(BASE).encode()
    assert not through_a_pipe(content)
    monkeypatch.setattr(source_module, "MAX_FILE_SIZE", 100)
    assert "larger than" in through_a_pipe(content + b" " * 100)[0].reason


def test_a_file_that_was_saved_is_loaded(tmp_path):
    g = Graph("图")
    g.add("image/Load", path="照片.png")
    g.save(tmp_path / "图.json")
    assert Graph.load(str(tmp_path / "图.json")).to_text() == g.to_text()


def test_the_error_names_the_file(tmp_path):
    path = tmp_path / "graph.json"
    path.write_text('{"format": "flowra/1"}')
    with pytest.raises(GraphInvalidError) as caught:
        Graph.load(path)
    assert caught.value.where == str(path)
    assert caught.value.exit_code == 3
