"""The page that `flowra debug --html` writes, in a browser."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PHOTO = Path(__file__).parents[2] / "examples" / "photos" / "astronaut.jpg"
HOSTILE = "<script>document.title='run'</script><img src=x onerror=document.title='run'>"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The page of a run in which a node failed, and a value tries to be a script."""
    folder = tmp_path_factory.mktemp("debugged")
    graph = {
        "format": "flowra/1",
        "name": "portrait",
        "nodes": {
            "load": {"type": "image/Load", "inputs": {"path": str(PHOTO)}},
            "blur": {"type": "image/Blur", "inputs": {"image": {"$from": "load.image"}, "radius": 4}},
            "show": {"type": "image/Show", "inputs": {"image": {"$from": "blur.image"}, "title": HOSTILE}},
            "crop": {
                "type": "image/Crop",
                "inputs": {"image": {"$from": "blur.image"}, "x": 900, "y": 0, "width": 10, "height": 10},
            },
            "edges": {"type": "image/Edges", "inputs": {"image": {"$from": "crop.image"}}},
        },
    }
    (folder / "portrait.json").write_text(json.dumps(graph), encoding="utf-8")
    command = [sys.executable, "-m", "flowra.cli.main", "debug", "portrait.json", "--html", "page.html"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    return folder / "page.html"


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["wide", "phone"])
def page(browser, file, request):
    width, height = request.param
    page = browser.new_page(viewport={"width": width, "height": height})
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda sent: page.asked.append(sent.url))
    page.goto(file.as_uri())
    yield page
    page.close()


def test_it_asks_for_nothing_and_complains_of_nothing(page, file):
    assert [url for url in page.asked if not url.startswith("data:")] == [file.as_uri()]
    assert page.said == []


def test_what_a_value_says_is_text(page):
    assert page.title() == "portrait: failed"
    assert page.locator("script").count() == 0
    assert HOSTILE in page.locator("#node-show").inner_text()


def test_every_picture_is_there(page):
    pictures = page.locator("img")
    assert pictures.count() >= 4
    for number in range(pictures.count()):
        assert pictures.nth(number).evaluate("each => each.complete && each.naturalWidth") > 100


def test_a_click_on_a_node_of_the_graph_leads_to_it(page):
    page.locator("svg a", has_text="crop").click()
    assert page.url.endswith("#node-crop")
    box = page.locator("#node-crop h3").bounding_box()
    assert 0 <= box["y"] < page.viewport_size["height"]


def test_the_error_stands_with_its_frame_its_inputs_and_the_way_to_run_it_again(page):
    section = page.locator("#node-crop")
    assert section.get_by_text("the region lies outside of the picture").first.is_visible()
    assert "raise ImageError(" in section.locator("pre").first.inner_text()
    assert "flowra debug replay portrait-" in section.inner_text()
    assert section.locator("img").count() == 1
    assert page.locator("#node-edges").get_by_text("crop failed").first.is_visible()


def test_parts_can_be_folded_without_a_script(page):
    picture = page.locator("#node-blur img").last
    assert picture.is_visible()
    page.locator("#node-blur summary", has_text="Outputs").click()
    assert not picture.is_visible()


def test_the_styles_are_applied_and_nothing_sticks_out(page):
    assert page.locator(".status.failed").first.evaluate("each => getComputedStyle(each).backgroundColor") == (
        "rgb(206, 44, 49)"
    )
    assert page.locator("svg .card").first.evaluate("each => getComputedStyle(each).fill") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
