"""What the nodes say of themselves, and what a run makes of it."""

from __future__ import annotations

import functools
import importlib.metadata
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from flowra import Graph, Session
from flowra.type.value_type import File
from flowra_image.plugin import flowra_nodes
from flowra_image.writing import save

NODES = {entry.name: entry.target for entry in flowra_nodes()}


def traits(name):
    module, _, attribute = NODES[name].partition(":")
    return getattr(importlib.import_module(module), attribute).traits()


def test_saving_and_showing_happen_in_every_run_and_nothing_else_does():
    assert [name for name in NODES if traits(name).effects] == ["Save", "Show"]
    assert [name for name in NODES if not traits(name).cacheable] == ["Save", "Show"]


def test_only_the_face_detector_is_kept_warm_and_it_serves_many_threads():
    assert [name for name in NODES if traits(name).warm] == ["DetectFaces"]
    assert traits("DetectFaces").thread_safe


def test_no_class_is_needed_to_look_a_result_up():
    assert not [name for name in NODES if traits(name).fingerprinted]


@pytest.mark.parametrize("name", NODES)
def test_libraries_are_named_as_they_are_installed(name):
    for library in traits(name).libraries:
        assert importlib.metadata.version(library)


@pytest.mark.parametrize("module", ["input_output", "geometry", "filters", "masks", "analysis", "color", "detection"])
def test_no_module_of_nodes_imports_scikit_image(module):
    code = f"import sys, flowra_image.nodes.{module}, flowra_image.types; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"skimage", "scipy"} & set(done.stdout.split())


def graph_of(path):
    graph = Graph("look")
    photo = graph.input("photo", File(url=True), default=str(path))
    image = graph.add("image/Load", path=photo)
    blurred = graph.add("image/Blur", image=image["image"])
    graph.add("image/Save", image=blurred["image"])
    graph.output("blurred", blurred["image"])
    return graph


@pytest.fixture
def ran(tmp_path):
    """Return a function that runs a graph and gives the nodes that ran, and its output."""

    def run(graph):
        events = []
        with Session(store=tmp_path / "store", observers=[events.append]) as session:
            result = session.run(graph, output_dir=tmp_path / "out")
            blurred = np.array(result.outputs["blurred"])
        return {event.node for event in events if event.name == "started"}, blurred

    return run


@pytest.fixture
def photo_of(tmp_path):
    (tmp_path / "photos").mkdir()

    def write(value):
        return save(np.full((20, 30, 3), value, np.uint8), tmp_path / "photos" / "a.png")

    return write


def test_a_file_is_read_again_when_its_contents_change(ran, photo_of):
    graph = graph_of(photo_of(10))
    assert ran(graph)[0] == {"load", "blur", "save"}
    assert ran(graph)[0] == {"save"}
    photo_of(20)
    started, blurred = ran(graph)
    assert started == {"load", "blur", "save"}
    assert blurred.max() == 20


def test_an_address_is_fetched_each_time_and_what_follows_runs_where_the_picture_is_another(
    ran, photo_of, tmp_path, monkeypatch
):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    photo_of(10)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path / "photos")
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        graph = graph_of(f"http://127.0.0.1:{server.server_port}/a.png")
        assert ran(graph)[0] == {"load", "blur", "save"}
        assert ran(graph)[0] == {"load", "save"}
        photo_of(20)
        started, blurred = ran(graph)
        assert started == {"load", "blur", "save"}
        assert blurred.max() == 20
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("spoilt", ["gone", "flipped"])
def test_a_stored_picture_that_is_gone_or_damaged_is_computed_again(ran, photo_of, tmp_path, spoilt):
    graph = graph_of(save(np.random.default_rng(0).integers(0, 255, (99, 99, 3), np.uint8), tmp_path / "noise.png"))
    first = ran(graph)[1]
    blobs = [path for path in (tmp_path / "store").rglob("*npy*") if path.is_file()]
    assert blobs
    for blob in blobs:
        if spoilt == "gone":
            blob.unlink()
        else:
            data = bytearray(blob.read_bytes())
            data[-1] ^= 1
            blob.chmod(0o644)
            blob.write_bytes(bytes(data))
    started, again = ran(graph)
    assert "blur" in started
    assert np.array_equal(first, again)
