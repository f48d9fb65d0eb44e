from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixtures.run_nodes import Anything, Give

from flowra.dag.graph import Graph
from flowra.exceptions import RunError, UsageError
from flowra.execute.session.export import export_outputs
from flowra.plugin import ValueTypeEntry, hookimpl
from flowra.type.handler import ValueHandler
from flowra.type.value.scalar import Anything as AnyType
from flowra.type.value_type import AnyImage, Float, ListOf, OptionalOf, String


class TextHandler(ValueHandler):
    """Stands for a pack's: writes the text that a value is, and fails where it says so."""

    def coerce(self, value, spec):
        return value

    def to_json(self, value):
        return value

    def summarize(self, value):
        return value

    def export(self, value, stem):
        if value == "broken":
            raise ValueError("no pixels")
        path = stem.with_name(f"{stem.name}.txt")
        path.write_text(value, encoding="utf-8")
        return path


@pytest.fixture(autouse=True)
def pack(packs):
    class Pack:
        @hookimpl
        def flowra_value_types(self):
            return [
                ValueTypeEntry("AnyImage", f"{__name__}:TextHandler"),
                ValueTypeEntry("Detections", f"{__name__}:TextHandler"),
            ]

    packs.register(Pack(), "texts")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def values_in(folder):
    return json.loads((folder / "outputs.json").read_text(encoding="utf-8"))


def test_plain_data_is_kept_in_one_file(folder):
    found = export_outputs({"number": (1.5, Float()), "text": ("图", String())}, folder)
    assert found == {"number": {"value": 1.5}, "text": {"value": "图"}}
    assert values_in(folder) == {"number": 1.5, "text": "图"}
    assert "图" in (folder / "outputs.json").read_text(encoding="utf-8")
    assert [path.name for path in folder.iterdir()] == ["outputs.json"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (float("nan"), None),
        ([1.0, float("inf")], [1.0, None]),
        (b"\xff", "/w=="),
        ("a\udcff", "a\udcff"),
        ({1: (2, Path("x"))}, {"1": [2, "x"]}),
        (object(), "object"),
        (10**400, 10**400),
    ],
)
def test_what_json_has_no_word_for_is_written_all_the_same(folder, value, written):
    found = export_outputs({"it": (value, AnyType())}, folder)
    assert values_in(folder) == {"it": written}
    assert found == {"it": {"value": written}}


def test_media_becomes_a_file_named_after_the_output(folder):
    found = export_outputs({"picture": ("p", AnyImage()), "none": (None, OptionalOf(AnyImage()))}, folder)
    assert found["picture"] == {"file": str(folder / "picture.txt")}
    assert (folder / "picture.txt").read_text(encoding="utf-8") == "p"
    assert found["none"] == {"value": None}


def test_a_list_of_media_becomes_a_folder_of_numbered_files(folder):
    found = export_outputs({"pictures": ([str(number) for number in range(10)], ListOf(AnyImage()))}, folder)
    files = [Path(path) for path in found["pictures"]["files"]]
    assert [path.relative_to(folder).as_posix() for path in files[::9]] == ["pictures/01.txt", "pictures/10.txt"]
    assert [path.read_text(encoding="utf-8") for path in files] == list("0123456789")


def test_lists_of_lists_and_gaps_are_written_too(folder):
    value_type = ListOf(ListOf(OptionalOf(AnyImage())))
    found = export_outputs({"p": ([["a", None], []], value_type), "q": ([], ListOf(AnyImage()))}, folder)
    assert found == {"p": {"files": [str(folder / "p" / "1" / "1.txt")]}, "q": {"files": []}}


def test_no_output_writes_over_another(folder):
    names = ["a/b.c", "a-b.c", "A-B-C", "outputs"]
    found = export_outputs({name: (name, AnyImage()) for name in names} | {"x": (1, Float())}, folder)
    files = [Path(found[name]["file"]) for name in names]
    assert len({str(path).casefold() for path in files}) == 4
    assert [path.read_text(encoding="utf-8") for path in files] == names
    assert files[3].stem != "outputs", "outputs.json is taken, whatever ending a handler gives"


def test_names_can_not_lead_out_of_the_folder(folder):
    found = export_outputs({"../../x": ("p", AnyImage())}, folder)
    assert Path(found["../../x"]["file"]).resolve().parent == folder


def test_an_output_that_can_not_be_written_does_not_take_the_others_with_it(folder):
    outputs = {"bad": ("broken", AnyImage()), "good": ("p", AnyImage()), "number": (1.0, Float())}
    with pytest.raises(RunError, match=r"the output bad can't be written(.|\n)*no pixels"):
        export_outputs(outputs, folder)
    assert (folder / "good.txt").is_file()
    assert values_in(folder) == {"number": 1.0}


def test_a_type_that_no_pack_handles_says_what_to_install(folder, packs):
    from flowra.type.value_type import Audio

    with pytest.raises(RunError, match="pip install flowra-media"):
        export_outputs({"sound": (b"", Audio())}, folder)


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_place_of_the_folder_is_found_out_before_anything_runs(session, tmp_path, below):
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    graph, found = Graph("one"), []
    graph.add(Give)
    with pytest.raises(UsageError, match=r"can't be used(.|\n)*is a file"):
        session.run(graph, output_dir=tmp_path / "taken" / below, observers=[found.append])
    assert found == []
    assert (tmp_path / "taken").read_text(encoding="utf-8") == "mine"


def test_a_folder_that_goes_bad_while_the_graph_runs_ends_the_run_as_failed(session, folder):
    graph, found = Graph("one"), []
    graph.add(Give)
    with pytest.raises(RunError, match=r"the output give\.value can't be written"):
        session.run(
            graph,
            output_dir=folder,
            observers=[found.append, lambda event: event.name == "succeeded" and folder.write_text("a file")],
        )
    assert (found[-1].name, found[-1].status) == ("finished", "failed")


def test_a_run_without_results_makes_no_folder(session, monkeypatch):
    monkeypatch.setattr(Anything, "made", None)
    graph = Graph("nothing")
    graph.add(Anything)
    assert not session.run(graph).output_dir.exists()


def test_an_old_result_is_replaced_whole(session, folder):
    graph = Graph("again")
    give = graph.add(Give)
    for value in (1, 2):
        give.set(value=value)
        session.run(graph, output_dir=folder)
    assert values_in(folder) == {"give.value": 2.0}
    assert [path.name for path in folder.iterdir()] == ["outputs.json"]
