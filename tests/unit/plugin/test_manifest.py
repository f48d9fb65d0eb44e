from __future__ import annotations

import copy
import json
import os

import pytest

from flowra.exceptions import PluginError
from flowra.plugin import CommandEntry, NodeEntry
from flowra.plugin.manifest import (
    find_manifest,
    manifest_data,
    parse_manifest,
    read_manifest,
    source_digest,
    write_manifest,
)


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "good_pack"
    (folder / "deep").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "nodes.py").write_text("x = 1\n")
    (folder / "deep" / "more.py").write_text("y = 1\n")
    return folder


@pytest.fixture
def data(package):
    contributions = [NodeEntry("good_pack.nodes:Blur", summary="模糊"), CommandEntry("annotate", "good_pack:cli", "A.")]
    return manifest_data("good", package, contributions, {"Blur": {"version": 1, "doc": "图像"}})


def test_what_is_written_is_read(package, data):
    path = package / "flowra-manifest.json"
    write_manifest(path, data)
    manifest = read_manifest(path)
    assert manifest.pack == "good"
    assert manifest.sources == source_digest(package)
    assert manifest.contributions["nodes"] == (NodeEntry("good_pack.nodes:Blur", summary="模糊"),)
    assert manifest.contributions["commands"] == (CommandEntry("annotate", "good_pack:cli", "A."),)
    assert manifest.nodes == {"Blur": {"version": 1, "doc": "图像"}}


def test_equal_data_makes_equal_bytes(package, data):
    path = package / "flowra-manifest.json"
    write_manifest(path, data)
    first = path.read_bytes()
    write_manifest(path, dict(reversed(data.items())))
    assert path.read_bytes() == first
    assert first.endswith(b"\n")
    assert b"\r" not in first
    assert "图像".encode() in first


@pytest.mark.parametrize("nodes", [{"Blur": {"x": float("nan")}}, {"Blur": {"x": object()}}])
def test_what_json_can_not_hold_is_refused_and_the_old_manifest_stays(package, data, nodes):
    path = package / "flowra-manifest.json"
    write_manifest(path, data)
    before = path.read_bytes()
    with pytest.raises(PluginError, match="not plain JSON"):
        write_manifest(path, {**data, "nodes": nodes})
    assert path.read_bytes() == before
    assert [each.name for each in package.iterdir() if each.name.startswith(".")] == []


class TestSourceDigest:
    def test_it_is_the_same_for_the_same_sources(self, package):
        digest = source_digest(package)
        (package / "nodes.py").touch()
        (package / "data.txt").write_text("no source")
        (package / "__pycache__").mkdir()
        (package / "__pycache__" / "nodes.pyc").write_bytes(b"x")
        assert source_digest(package) == digest
        assert len(digest) == 64

    @pytest.mark.parametrize(
        "change",
        [
            lambda package: (package / "nodes.py").write_text("x = 2\n"),
            lambda package: (package / "deep" / "more.py").write_text("y = 2\n"),
            lambda package: (package / "new.py").write_text(""),
            lambda package: (package / "nodes.py").unlink(),
            lambda package: (package / "nodes.py").rename(package / "other.py"),
        ],
    )
    def test_it_changes_with_any_content_and_any_name(self, package, change):
        before = source_digest(package)
        change(package)
        assert source_digest(package) != before

    def test_content_can_not_pass_for_a_file_boundary(self, tmp_path):
        for name, files in {"one": {"a.py": b"b.py", "b.py": b""}, "two": {"a.py": b"", "b.py": b"b.py"}}.items():
            (tmp_path / name).mkdir()
            for file, content in files.items():
                (tmp_path / name / file).write_bytes(content)
        assert source_digest(tmp_path / "one") != source_digest(tmp_path / "two")

    def test_names_that_are_no_text_count_too(self, package):
        before = source_digest(package)
        try:
            (package / os.fsdecode(b"caf\xe9.py")).write_text("")
        except OSError:
            pytest.skip("this file system has text for names")
        assert source_digest(package) != before


class TestFinding:
    def test_it_is_found_without_importing_the_package(self, package, data, monkeypatch):
        (package / "__init__.py").write_text("raise RuntimeError\n")
        monkeypatch.syspath_prepend(str(package.parent))
        assert find_manifest("good_pack.plugin") is None
        write_manifest(package / "flowra-manifest.json", data)
        assert find_manifest("good_pack.plugin") == package / "flowra-manifest.json"

    def test_a_module_that_is_not_there_has_none(self):
        assert find_manifest("nowhere_to_be_found.plugin") is None
        assert find_manifest("json") is None


def removed(name):
    return lambda data: data.pop(name)


def replaced(name, value):
    return lambda data: data.update({name: value})


MISTAKES = {
    "its format is 'flowra-manifest/2'; this Flowra reads 'flowra-manifest/1'": replaced("format", "flowra-manifest/2"),
    "fields missing or unknown: nodes": removed("nodes"),
    "fields missing or unknown: extra": replaced("extra", 1),
    "pack is 5, which is no pack id": replaced("pack", 5),
    "pack is 'a/b', which is no pack id": replaced("pack", "a/b"),
    "sources is not a SHA-256 digest": replaced("sources", "abc"),
    "contributions is not an object": replaced("contributions", []),
    "contributions of unknown kind 'noods'": replaced("contributions", {"noods": []}),
    "contributions.nodes is not a list": replaced("contributions", {"nodes": {}}),
    "contributions.nodes: NodeEntry: no target": replaced("contributions", {"nodes": [{"name": "Blur"}]}),
    "contributions.nodes: nodes: Blur is contributed twice": replaced(
        "contributions", {"nodes": [{"target": "a:Blur"}, {"target": "b:Blur"}]}
    ),
    "nodes does not map names to descriptions": replaced("nodes", {"Blur": None}),
    "nodes contributed and nodes described differ in Blur, Glow": replaced("nodes", {"Glow": {}}),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_named_and_nothing_is_written(package, data, message):
    broken = copy.deepcopy(data)
    MISTAKES[message](broken)
    for act in (lambda: parse_manifest(broken, where="file"), lambda: write_manifest(package / "m.json", broken)):
        with pytest.raises(PluginError) as caught:
            act()
        assert message in caught.value.why
    assert not (package / "m.json").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, json.dumps([1]).encode()])
def test_a_file_that_is_no_manifest_is_an_error_with_its_path(tmp_path, content):
    path = tmp_path / "flowra-manifest.json"
    path.write_bytes(content)
    with pytest.raises(PluginError) as caught:
        read_manifest(path)
    assert caught.value.where == str(path)
    assert caught.value.fix == "build the pack again, or reinstall it"


def test_a_manifest_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(PluginError, match="FileNotFoundError"):
        read_manifest(tmp_path / "flowra-manifest.json")
