"""Rows 31 to 33 of the faults, for keys: whatever changes, however it hides, makes another key and is named."""

import os
import time
from pathlib import Path

import pytest
from fixtures.keyed_packs import install_acme, key_in_process
from fixtures.pack_factory import write_metadata

from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.key import Keyer, differences
from flowra.dag.key.code.source import read_source
from flowra.dag.key.code.stamps import is_settled, stamp_of
from flowra.dag.node import BaseArgs, Node
from flowra.dag.plan.planner import plan_graph
from flowra.plugin.manager import PluginManager
from flowra.storage.local.store import LocalStore
from flowra.type.value_type import File, Folder

DAY = 86_400


class Read(Node):
    class InputArgs(BaseArgs):
        path: File | None = None
        folder: Folder | None = None

    class OutputArgs(BaseArgs):
        text: str

    def run(self, context, args): ...


@pytest.fixture
def store(tmp_path):
    with LocalStore(tmp_path / "store") as store:
        yield store


def key_of(store, **inputs):
    """The key of a node that is planned by itself, with the store's memo of files."""
    catalog = NodeCatalog(PluginManager(), [Read])
    graph = Graph("g")
    graph.add(Read, id="n", inputs=inputs)
    node = plan_graph(graph, catalog).nodes["n"]
    keyer = Keyer(catalog, file_digest=store.file_digest)
    return keyer.static_part(node).key(
        {name: keyer.literal_digest(node.description.input(name), value) for name, value in node.literals.items()}
    )


def rewritten(path, content):
    """Write a file of the same size, and give it the times that it had."""
    before = path.stat()
    assert len(content) == before.st_size
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("age", [0, 3, DAY])
def test_row_32_a_file_edited_with_the_same_size_and_time_makes_another_key(store, tmp_path, age):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"before")
    os.utime(path, (time.time() - age, time.time() - age))
    before = key_of(store, path=path)
    rewritten(path, b"after!")
    after = key_of(store, path=path)
    assert differences(before.preimage(), after.preimage()) == ["path: the file photo.jpg has other contents"]
    assert before.digest != after.digest
    rewritten(path, b"before")
    assert key_of(store, path=path).digest == before.digest


def test_row_32_a_file_that_is_replaced_by_another_of_the_same_size_and_time_makes_another_key(store, tmp_path):
    path, other = tmp_path / "photo.jpg", tmp_path / "other.jpg"
    path.write_bytes(b"before")
    other.write_bytes(b"after!")
    for each in (path, other):
        os.utime(each, (time.time() - DAY, time.time() - DAY))
    before = key_of(store, path=path)
    other.replace(path)
    assert key_of(store, path=path).digest != before.digest


def test_row_32_a_file_in_a_folder_edited_with_the_same_size_and_time_makes_another_key(store, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"before")
    before = key_of(store, folder=folder)
    rewritten(folder / "a.jpg", b"after!")
    after = key_of(store, folder=folder)
    assert differences(before.preimage(), after.preimage()) == ["folder: the folder photos has other contents"]


@pytest.mark.parametrize("offset", [-DAY, DAY])
def test_row_31_a_clock_that_is_off_by_a_day_makes_no_false_hit(store, tmp_path, monkeypatch, offset):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"before")
    before = key_of(store, path=path)
    clock, clock_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: clock() + offset)
    monkeypatch.setattr(time, "time_ns", lambda: clock_ns() + offset * 1_000_000_000)
    assert key_of(store, path=path).digest == before.digest
    rewritten(path, b"after!")
    assert key_of(store, path=path).digest != before.digest


def test_row_31_a_time_moved_back_makes_no_false_hit(store, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"before")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    before = key_of(store, path=path)
    path.write_bytes(b"after!")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert key_of(store, path=path).digest != before.digest


def test_row_31_the_time_of_a_file_alone_is_no_part_of_a_key(store, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"before")
    before = key_of(store, path=path)
    os.utime(path, (1, 1))
    path.chmod(0o400)
    assert key_of(store, path=path).digest == before.digest


def test_rows_31_and_32_hold_for_source_files_too(tmp_path, monkeypatch):
    path = tmp_path / "module.py"
    path.write_bytes(b"import a")
    os.utime(path, (time.time() - DAY, time.time() - DAY))
    assert not is_settled(stamp_of(path.stat())), "it was changed just now, whatever its time says"
    read_source(path)
    rewritten(path, b"import b")
    assert read_source(path).imports[0].module == "b"
    clock_ns = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: clock_ns() + 3 * 1_000_000_000)
    assert read_source(path) is read_source(path), "left alone for two seconds, it is not read again"
    rewritten(path, b"import c")
    assert read_source(path).imports[0].module == "c"


@pytest.fixture
def site(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    install_acme(site)
    nodes = site / "acme_pack" / "nodes.py"
    nodes.write_text(nodes.read_text().replace("def run", 'libraries = ("somelib",)\n    def run', 1))
    write_metadata(site, "somelib", "1.2", {})
    site.joinpath("model.onnx").write_bytes(b"weights")
    return site


def edited_helper(site: Path) -> None:
    maths = site / "acme_pack" / "maths.py"
    rewritten(maths, maths.read_bytes().replace(b"number * factor", b"number + factor"))


def edited_model(site: Path) -> None:
    rewritten(site / "model.onnx", b"WEIGHTS")


def upgraded_library(site: Path) -> None:
    (site / "somelib-1.2.dist-info").rename(site / "somelib-1.3.dist-info")
    metadata = site / "somelib-1.3.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.2", "1.3"))


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (edited_helper, "code of acme_pack/maths.py"),
        (edited_model, "weights: the file model.onnx has other contents"),
        (upgraded_library, "library somelib 1.2 → 1.3"),
    ],
    ids=["a helper function", "the model file", "a library version"],
)
def test_row_33_a_change_that_the_node_does_not_show_makes_another_key_and_is_named(site, change, phrase):
    def key():
        return key_in_process(site, inputs={"number": 1, "weights": str(site / "model.onnx")})

    before = key()
    assert key() == before
    change(site)
    after = key()
    assert after["key"] != before["key"]
    assert differences(before["preimage"], after["preimage"]) == [phrase]
