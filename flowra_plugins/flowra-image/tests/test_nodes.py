from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from picture_strategies import is_canonical

from flowra.dag.context import RunContext
from flowra.type.value_type import Detections
from flowra_image.plugin import flowra_nodes, flowra_value_types
from flowra_image.reading import load
from flowra_image.writing import save

ENTRIES = {entry.name: entry for entry in flowra_nodes()}


class Services:
    def __init__(self):
        self.logged, self.previewed, self.reported = [], [], []

    def progress(self, node, done, total, text):
        self.reported.append((done, total))

    def log(self, node, text, level):
        self.logged.append(text)

    def preview(self, node, value, title):
        self.previewed.append((value, title))

    def cancelled(self):
        return False


def node_class(name):
    module, _, attribute = ENTRIES[name].target.partition(":")
    return getattr(importlib.import_module(module), attribute)


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a node by name and gives its outputs; `run.services` holds what it reported."""

    def call(name, **inputs):
        cls = node_class(name)
        context = RunContext("run", name, tmp_path, call.services)
        node = cls()
        node.init(context, cls.InitArgs())
        return node.run(context, cls.InputArgs(**inputs))

    call.services = Services()
    return call


@pytest.mark.parametrize("name", ENTRIES)
def test_every_node_says_what_it_is(name):
    description = node_class(name).describe()
    assert description.summary == ENTRIES[name].summary
    assert all(port.description for port in (*description.inputs, *description.outputs))
    assert description.outputs


def test_listing_the_pack_imports_none_of_it():
    code = (
        "import sys; from flowra_image.plugin import flowra_nodes, flowra_value_types; "
        "list(flowra_nodes()), list(flowra_value_types()); "
        "heavy = ('numpy', 'PIL', 'cv2', 'pydantic', 'flowra.dag', 'flowra.type'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_value_type_has_its_handler():
    for entry in flowra_value_types():
        module, _, attribute = entry.handler.partition(":")
        handler = getattr(importlib.import_module(module), attribute)()
        assert handler.coerce
        assert entry.name + "Handler" == attribute


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize(
    ("name", "inputs", "output"),
    [
        ("Resize", {"width": 50}, "image"),
        ("Resize", {"scale": 1.5, "filter": "lanczos"}, "image"),
        ("Crop", {"x": 5, "y": 5, "width": 20, "height": 10}, "image"),
        ("Rotate", {"angle": 30}, "image"),
        ("Flip", {}, "image"),
        ("Convert", {"mode": "RGB", "dtype": "uint16", "background": "#ff0000"}, "image"),
        ("Blur", {}, "image"),
        ("Sharpen", {}, "image"),
        ("Edges", {}, "image"),
        ("Edges", {"method": "sobel"}, "image"),
        ("Threshold", {}, "result"),
        ("Threshold", {"method": "otsu", "invert": True}, "result"),
        ("Histogram", {}, "picture"),
        ("Show", {"title": "a"}, "image"),
    ],
)
def test_every_filter_takes_every_picture(run, photo, name, inputs, output, mode, dtype):
    image = run("Convert", image=photo("cat")[::3, ::3], mode=mode, dtype=dtype).image
    result = getattr(run(name, image=image, **inputs), output)
    assert is_canonical(result)
    assert not result.flags.writeable


def test_the_whole_way_from_a_photograph_to_faces_in_a_file(run, astronaut_path, tmp_path):
    image = run("Load", path=astronaut_path).image
    small = run("Resize", image=image, width=300).image
    found = run("DetectFaces", image=small)
    assert found.count == 1
    assert isinstance(found.faces, Detections)
    drawn = run("DrawBoxes", image=image, detections=found.faces, color="#ff0000").image
    saved = run("Save", image=drawn, path="faces/astronaut.png").path
    assert saved == tmp_path / "faces" / "astronaut.png"
    assert np.array_equal(load(saved), drawn)
    run("Show", image=drawn, title="Faces")
    assert run.services.previewed[0][1] == "Faces"
    assert "RGB uint8" in run.services.logged[0]


def test_masks_go_from_node_to_node(run, photo):
    parts = run("Threshold", image=photo("coffee"), threshold=0.4)
    assert parts.threshold == 0.4
    grown = run("GrowMask", mask=parts.mask, pixels=3).mask
    ring = run("CombineMasks", first=grown, second=run("InvertMask", mask=parts.mask).mask, operation="and").mask
    assert 0 < ring.mean() < grown.mean()
    cut = run("ApplyMask", image=photo("coffee"), mask=ring).image
    assert np.array_equal(cut[..., 3] > 0, ring)
    plain = run("ApplyMask", image=photo("coffee"), mask=ring, outside="color", color="#00ff00").image
    assert (plain[~ring] == (0, 255, 0)).all()
    mixed = run("Blend", base=photo("coffee"), top=plain, mask=ring, opacity=0.5).image
    assert np.array_equal(mixed[~ring], photo("coffee")[~ring])


def test_pictures_are_compared_and_decoded(run, photo, tmp_path):
    data = save(photo("coffee"), tmp_path / "a.jpg", quality=80).read_bytes()
    measures = run("Compare", first=photo("coffee"), second=run("Decode", data=data).image)
    assert 28 < measures.psnr < 45
    assert 0.8 < measures.ssim < 1
    assert run("Compare", first=photo("cat"), second=photo("cat")).psnr is None


def test_histograms_are_tensors(run, photo):
    assert run("Histogram", image=photo("coffee"), bins=16).counts.shape == (3, 16)


def test_outputs_are_checked_like_inputs(run):
    with pytest.raises(ValueError, match="nan_to_num"):
        node_class("Flip").OutputArgs(image=np.full((2, 2), np.nan))


@pytest.mark.parametrize("path", ["photo", "default"])
def test_the_example_runs_from_any_folder(tmp_path, astronaut_path, path):
    example = astronaut_path.parents[1] / "faces.json"
    mine = tmp_path / "me.png"
    save(load(astronaut_path)[:300], mine)
    command = [
        str(Path(sys.executable).with_name("flowra")),
        "run",
        str(example),
        "--output",
        str(tmp_path / "out"),
        "--json",
    ]
    command += ["--input", f"photo={mine}"] if path == "photo" else []
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()]
    pictures = list(Path(tmp_path / "out").rglob("faces.png"))
    assert len(pictures) == 1
    assert load(pictures[0]).shape == ((375 if path == "photo" else 640), 640, 3)
