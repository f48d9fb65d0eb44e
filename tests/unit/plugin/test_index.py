from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib

import pytest
from fixtures.pack_factory import ONE_NODE, install_many, install_pack, settle, write_manifest_file

from flowra.plugin import PluginManager, discovery, index

FIELDS = {
    "contributions": {"nodes": [{"target": "good_pack.nodes:Blur", "name": "Blur"}]},
    "nodes": {"Blur": {"summary": "Soften an image."}},
}
TWO_NODES = """
    from flowra.plugin import NodeEntry, hookimpl

    @hookimpl
    def flowra_nodes():
        return [NodeEntry("good_pack.nodes:Blur"), NodeEntry("good_pack.nodes:Sharpen")]
"""


@pytest.fixture
def reads(monkeypatch):
    """The ids of packs whose manifest or hooks are read, in order."""
    ids = []
    original = discovery.read_pack

    def counting(record):
        ids.append(record.id)
        return original(record)

    monkeypatch.setattr(discovery, "read_pack", counting)
    return ids


def forget(package):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


def only_index(cache):
    (path,) = (cache / "packs").iterdir()
    return path


def test_a_second_start_reads_no_pack(site, cache, reads):
    install_pack(site, "good")
    settle()
    first = PluginManager.discover(cache_dir=cache)
    second = PluginManager.discover(cache_dir=cache)
    assert reads == ["good"]
    assert second.packs == first.packs
    assert second.entries("nodes") == first.entries("nodes")


def test_a_start_from_the_index_imports_neither_packs_nor_what_reads_them(tmp_path):
    site, cache = tmp_path / "site", tmp_path / "cache"
    install_many(site, 3)
    install_pack(site, "hooks")
    settle()
    program = f"""
import sys
sys.path.insert(0, {str(site)!r})
from pathlib import Path
from flowra.plugin import PluginManager
manager = PluginManager.discover(cache_dir=Path({str(cache)!r}))
print(len([pack for pack in manager.packs if pack.location.startswith({str(site)!r})]))
print([entry.name for _, entry in manager.entries("commands")][:1], manager.node_types()[:1])
print(sorted({{name.partition(".")[0] for name in sys.modules}}))
"""
    outputs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.splitlines()
        for _ in range(2)
    ]
    assert outputs[0][:2] == outputs[1][:2] == ["4", "['bench000-command'] ('bench000/Node0',)"]
    heavy = {"importlib_metadata", "packaging", "pluggy", "pydantic", "numpy", "hooks_pack", "bench000_pack"}
    assert heavy & set(json.loads(outputs[1][2].replace("'", '"'))) == set()


def test_a_newly_installed_pack_is_seen(site, cache):
    install_pack(site, "good")
    settle()
    PluginManager.discover(cache_dir=cache)
    install_pack(site, "more")
    assert [pack.id for pack in PluginManager.discover(cache_dir=cache).packs] == ["good", "more"]


def test_a_pack_installed_within_the_same_tick_of_the_clock_is_seen(site, cache):
    install_pack(site, "good")
    PluginManager.discover(cache_dir=cache)
    assert not (cache / "packs").exists(), "an index that young could not tell"


def test_metadata_edited_in_place_is_seen(site, cache):
    install_pack(site, "good")
    settle()
    PluginManager.discover(cache_dir=cache)
    path = site / "flowra_good-0.3.0.dist-info" / "METADATA"
    path.write_text(path.read_text().replace("flowra>=0.1,<0.2", "flowra>=7"))
    assert PluginManager.discover(cache_dir=cache).packs[0].status == "incompatible"


def test_files_that_are_no_distributions_leave_the_index_true(site, cache, reads):
    install_pack(site, "good")
    settle()
    PluginManager.discover(cache_dir=cache)
    (site / "picture.png").write_bytes(b"")
    PluginManager.discover(cache_dir=cache)
    assert reads == ["good"]


def test_an_edited_source_of_an_editable_pack_is_seen_and_no_other_pack_is_read_again(site, cache, reads):
    install_pack(site, "other")
    folder = install_pack(site, "good", editable=True)
    settle()
    PluginManager.discover(cache_dir=cache)
    forget("good_pack")
    (folder / "plugin.py").write_text(TWO_NODES.replace("\n    ", "\n"))
    manager = PluginManager.discover(cache_dir=cache)
    assert manager.node_types() == ("good/Blur", "good/Sharpen", "other/Blur")
    assert sorted(reads[:2]) == ["good", "other"]
    assert reads[2:] == ["good"]


def test_an_edit_that_keeps_size_and_modification_time_is_seen(site, cache):
    folder = install_pack(site, "good", editable=True)
    settle()
    PluginManager.discover(cache_dir=cache)
    forget("good_pack")
    path = folder / "plugin.py"
    before = path.stat()
    path.write_text(path.read_text().replace("Blur", "Glow"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    (folder / "__pycache__").joinpath(f"plugin.{sys.implementation.cache_tag}.pyc").unlink(missing_ok=True)
    assert PluginManager.discover(cache_dir=cache).node_types() == ("good/Glow",)


def test_a_manifest_made_anew_in_an_editable_install_is_seen(site, cache):
    folder = install_pack(site, "good", manifest=FIELDS, editable=True)
    (folder / "nodes.py").write_text("")
    settle()
    assert PluginManager.discover(cache_dir=cache).manifest_node("good/Blur") is None
    write_manifest_file(folder, "good", FIELDS)
    assert PluginManager.discover(cache_dir=cache).manifest_node("good/Blur") == {"summary": "Soften an image."}


def test_a_broken_pack_is_looked_at_again_though_nothing_installed_changed(site, cache, monkeypatch):
    install_pack(
        site, "bad", plugin="import os\nos.environ['FLOWRA_TEST_LICENCE']\n" + ONE_NODE.replace("\n    ", "\n")
    )
    settle()
    assert PluginManager.discover(cache_dir=cache).packs[0].status == "broken"
    monkeypatch.setenv("FLOWRA_TEST_LICENCE", "1")
    manager = PluginManager.discover(cache_dir=cache)
    assert manager.entries("commands") == ()
    assert "bad_pack.plugin" not in sys.modules, "commands are answered from the index only"
    assert manager.node_types() == ("bad/Blur",)
    assert manager.packs[0].status == "ok"


def test_a_pack_enabled_again_is_read_then(site, cache, reads):
    install_pack(site, "good")
    settle()
    assert PluginManager.discover(["good"], cache_dir=cache).node_types() == ()
    assert reads == []
    assert PluginManager.discover(cache_dir=cache).node_types() == ("good/Blur",)
    assert PluginManager.discover(["good"], cache_dir=cache).packs[0].status == "disabled"
    assert PluginManager.discover(cache_dir=cache).node_types() == ("good/Blur",)
    assert reads == ["good"]


def test_refresh_looks_at_every_pack_again(site, cache, reads):
    install_pack(site, "good")
    settle()
    PluginManager.discover(cache_dir=cache)
    manager = PluginManager.discover(cache_dir=cache, refresh=True)
    assert reads == ["good", "good"]
    install_pack(site, "more")
    manager.refresh()
    assert manager.node_types() == ("good/Blur", "more/Blur")


def test_another_version_of_flowra_makes_its_own_index(site, cache, monkeypatch):
    install_pack(site, "good")
    settle()
    assert PluginManager.discover(cache_dir=cache).packs[0].status == "ok"
    for module in ("flowra.plugin.index", "flowra.plugin.discovery"):
        monkeypatch.setattr(f"{module}.VERSION", "0.2.0")
    assert PluginManager.discover(cache_dir=cache).packs[0].status == "incompatible"


def with_checksum(body):
    return f"{zlib.crc32(body):08x}\n".encode() + body


def retold(content, **changes):
    return with_checksum(json.dumps({**json.loads(content.partition(b"\n")[2]), **changes}).encode())


@pytest.mark.parametrize(
    "damage",
    {
        "empty": lambda content: b"",
        "truncated": lambda content: content[: len(content) // 2],
        "one byte flipped": lambda content: content.replace(b"Blur", b"Blue"),
        "not text": lambda content: b"\xff\x00" * 50,
        "no object": lambda content: with_checksum(b"[]"),
        "deep": lambda content: with_checksum(b"[" * 100_000),
        "no packs": lambda content: retold(content, packs=None),
        "odd packs": lambda content: retold(content, packs=[{"id": 5}]),
        "odd path": lambda content: retold(content, path=[[1]]),
        "another key": lambda content: retold(content, key="flowra-packs/0"),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_damaged_index_is_made_anew(site, cache, damage):
    install_pack(site, "good")
    settle()
    PluginManager.discover(cache_dir=cache)
    path = only_index(cache)
    whole = path.read_bytes()
    path.write_bytes(damage[1](whole))
    assert PluginManager.discover(cache_dir=cache).node_types() == ("good/Blur",)
    assert path.read_bytes() == whole


def test_an_index_that_can_not_be_written_is_done_without(site, tmp_path):
    install_pack(site, "good")
    settle()
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert PluginManager.discover(cache_dir=blocked).node_types() == ("good/Blur",)
    assert blocked.read_text() == "no folder"


def test_a_full_disk_leaves_no_half_written_index(site, cache, monkeypatch):
    install_pack(site, "good")
    settle()
    monkeypatch.setattr(index.json, "dumps", lambda *_, **__: (_ for _ in ()).throw(OSError("no space left")))
    assert PluginManager.discover(cache_dir=cache).node_types() == ("good/Blur",)
    assert list(cache.rglob("*.json*")) == []


def test_indexes_of_search_paths_long_gone_are_dropped(site, cache):
    folder = cache / "packs"
    folder.mkdir(parents=True)
    for number in range(80):
        path = folder / f"{number:08}.json"
        path.write_text("")
        os.utime(path, (number, number))
    settle()
    PluginManager.discover(cache_dir=cache)
    assert len(list(folder.iterdir())) == 64
    assert not (folder / "00000000.json").exists()


def test_what_is_no_string_on_the_search_path_is_passed_over(site, cache):
    install_pack(site, "good")
    settle()
    program = f"""
import sys
from pathlib import Path
from flowra.plugin import PluginManager
sys.path += [None, Path({str(site)!r}), {str(site)!r}]
print(PluginManager.discover(cache_dir=Path({str(cache)!r})).node("good/Blur")[0].status)
"""
    # Without coverage's own hook, which such a path is too much for.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    for _ in range(2):
        command = [sys.executable, "-c", program]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (result.stdout, result.stderr) == ("ok\n", "")
