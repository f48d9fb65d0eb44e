from __future__ import annotations

import json
import time

import pytest

from flowra.exceptions import NodeFailedError
from flowra_media.errors import MediaError, MediaLimitError
from flowra_media.text.editing import fill, replace, split
from flowra_media.text.files import load_json, load_text, parse_json, save_json, save_text
from flowra_media.text.paths import MISSING, pick

DATA = {"objects": [{"name": "cat", "box": [1, 2]}, {"name": "狗"}, {"box": []}], "a.b": {"": 5}, "n": None}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", DATA),
        ("objects[0].name", "cat"),
        ("objects[-1].box", []),
        ("objects[*].name", ["cat", "狗"]),
        ("objects[0].box[1]", 2),
        ('["a.b"]', {"": 5}),
        ('["a.b"][""]', 5),
        ("n", None),
        ("nothing", MISSING),
        ("objects[9]", MISSING),
        ("objects[0].box[*]", [1, 2]),
    ],
)
def test_a_path_names_a_part(path, found):
    assert pick(DATA, path) == found or pick(DATA, path) is found


@pytest.mark.parametrize("path", ["objects[", "objects[x]", "a..b", "objects[0]name", '["open', ".", "a.", "[1.5]"])
def test_a_path_that_cant_be_read_says_where(path):
    with pytest.raises(MediaError, match="can't be read from character"):
        pick(DATA, path)


@pytest.mark.parametrize("path", ["objects.name", "n[0]", "n.x", "objects[0].name[*]"])
def test_a_path_that_leads_into_something_else_says_what_is_there(path):
    with pytest.raises(MediaError, match="leads nowhere"):
        pick(DATA, path)


def test_templates_are_filled_and_reach_data_alone():
    assert fill("{a} of {{b}}: {c[0].d}, {e}", {"a": "x", "c": [{"d": 1.5}], "e": [True, None]}) == (
        "x of {b}: 1.5, [true, null]"
    )
    for template in ("{missing}", "{a", "a}", "{a.__class__}", "{a!r}"):
        with pytest.raises(MediaError):
            fill(template, {"a": "x"})
    with pytest.raises(MediaLimitError):
        fill("{a}" * 200, {"a": "x" * 1_000_000})


def test_texts_are_taken_apart():
    assert split("a, b,,c", ",", 10, strip=True) == ["a", "b", "c"]
    assert split("a, b,,c", ",", 10, strip=False) == ["a", " b", "", "c"]
    assert split("one\ntwo\n", "", 10, strip=False) == ["one", "two"]
    with pytest.raises(MediaLimitError, match="more than 5 parts"):
        split("," * 100, ",", 5, strip=False)


def simply(text, pattern, replacement, **options):
    return replace(text, pattern, replacement, **{"is_regex": True, "ignore_case": False, "timeout": 5, **options})


def test_what_is_found_is_replaced():
    assert simply("a1b22", r"(\d+)", r"<\1>") == ("a<1>b<22>", 2)
    assert simply("a.b.c", ".", r"\1", is_regex=False) == (r"a\1b\1c", 2)
    assert simply("Cat cat", "cat", "dog", ignore_case=True) == ("dog dog", 2)
    for pattern, replacement in (("(", ""), ("a", r"\3"), ("", "x")):
        with pytest.raises(MediaError):
            simply("aaa", pattern, replacement)


def test_a_pattern_that_takes_for_ever_is_ended():
    start = time.monotonic()
    with pytest.raises(MediaLimitError, match="takes longer"):
        simply("a" * 40 + "b", r"^(a|a)*$", "", timeout=0.2)
    assert time.monotonic() - start < 20
    with pytest.raises(MediaLimitError, match="longer than"):
        simply("a" * 2_000_000, "a", "x" * 1000)


def test_texts_come_in_their_encoding(tmp_path):
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "a.txt").write_bytes("größe\r\n图\r".encode(encoding))
        assert load_text(tmp_path / "a.txt") == "größe\n图\n"
    (tmp_path / "a.txt").write_bytes("图".encode("gb18030"))
    assert load_text(tmp_path / "a.txt", encoding="gb18030") == "图"
    (tmp_path / "a.txt").write_bytes("größe".encode("latin-1"))
    with pytest.raises(MediaError, match="no text in utf-8"):
        load_text(tmp_path / "a.txt")
    with pytest.raises(MediaError, match="no encoding"):
        load_text(tmp_path / "a.txt", encoding="klingon")
    with pytest.raises(MediaLimitError, match="larger than"):
        load_text(tmp_path / "a.txt", max_megabytes=1e-6)
    with pytest.raises(MediaError, match="half of a pair"):
        save_text("\ud800", tmp_path / "b.txt")


@pytest.mark.parametrize("text", ["", "{", "[1,]", "NaN", "[Infinity]", "[" * 200_000, "1" * 10_000, '{"a":\n 1 2}'])
def test_hostile_json_is_refused(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(MediaError):
        load_json(tmp_path / "a.json")


def test_json_says_the_line_of_a_mistake_and_comes_back(tmp_path):
    with pytest.raises(MediaError, match="line 2, column 4"):
        parse_json('{"a":\n 1 2}')
    save_json(DATA, tmp_path / "a.json", indent=2)
    assert load_json(tmp_path / "a.json") == DATA
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == DATA


def test_nodes_take_text_and_data_from_file_to_file(run_node, tmp_path):
    path = run_node("media/SaveJson", data=DATA, path=tmp_path / "a.json").path
    data = run_node("media/LoadJson", path=path).data
    names = run_node("media/PickJson", data=data, path="objects[*].name").data
    assert names == ["cat", "狗"]
    assert run_node("media/PickJson", data=data, path="none", required=False, default=7).data == 7
    with pytest.raises(NodeFailedError, match="nothing at 'none'"):
        run_node("media/PickJson", data=data, path="none")
    text = run_node("media/JoinText", parts=names, separator=", ").text
    text = run_node("media/FormatText", template="found {what}", values={"what": text}).text
    found = run_node("media/ReplaceText", text=text, pattern="cat", replacement="tiger")
    assert (found.text, found.count) == ("found tiger, 狗", 1)
    path = run_node("media/SaveText", text=found.text, path=tmp_path / "a.txt").path
    text = run_node("media/LoadText", path=path).text
    assert run_node("media/SplitText", text=text, separator=",").parts == ["found tiger", "狗"]
    assert run_node("media/ParseJson", text="[1, 2.5]").data == [1, 2.5]
