"""The page of a run: one file, nothing fetched, nothing run, whatever the values say."""

from __future__ import annotations

import base64
import re
import wave
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from flowra.cli.debug.page import page_of
from flowra.cli.debug.report import NodeReport, RunReport
from flowra.cli.debug.values import playable, report_value
from flowra.cli.debug.watcher import Measured, ProfileRow
from flowra.dag.graph import Graph
from flowra.type.handler import handler_for
from flowra.type.value.scalar import Anything, String
from flowra.type.value_type import AnyImage, Audio

HOSTILE = (
    "</pre></title><script>alert(1)</script><img src=x onerror=alert(2)>\"' onload='x' &lt; \x00\x1b \ud800 \u202e"
)


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def hostile_report():
    graph = Graph(HOSTILE.replace("\ud800", "").replace("\x00", "").replace("\x1b", ""))
    graph.add("p/Node", id="node", text="<script>alert(3)</script>")
    error = {"what": HOSTILE, "where": HOSTILE, "why": HOSTILE, "fix": HOSTILE, "traceback": HOSTILE}
    node = NodeReport(
        name=HOSTILE,
        node="node",
        type=HOSTILE,
        status="failed",
        why=HOSTILE,
        reasons=(HOSTILE,),
        seconds=0.5,
        inputs=(report_value(HOSTILE, String(), HOSTILE), report_value("long", String(), HOSTILE * 3)),
        outputs=(report_value(HOSTILE, AnyImage(), np.zeros((4, 4, 3), np.uint8)),),
        error=error,
        logs=(HOSTILE,),
        measured=Measured(profile=[ProfileRow(HOSTILE, 1, 0.1, 0.2)]),
    )
    return RunReport(HOSTILE, HOSTILE, HOSTILE, 1.0, graph, (node,), notes=(HOSTILE,))


@pytest.fixture
def page():
    return page_of(hostile_report())


def test_nothing_that_a_value_says_becomes_a_part_of_the_page(page):
    elements = Elements(page)
    assert elements.all("script") == []
    assert [attributes for _, attributes in elements.tags if any(name.startswith("on") for name in attributes)] == []
    assert elements.text.count("<script>alert(1)</script>") > 10
    assert {tag for tag, _ in elements.tags} & {"iframe", "object", "embed", "link", "base", "form"} == set()
    [picture] = elements.all("img")
    assert picture["src"].startswith("data:image/png;base64,")
    assert "onerror=alert(2)" in picture["alt"]


def test_nothing_is_fetched_from_elsewhere(page):
    addresses = re.findall(r"""(?:src|href|url|action|data)\s*[=(]\s*["']?([^"'\s>)]+)""", re.sub(r"&\w+;", "", page))
    assert [each for each in addresses if not each.startswith(("data:image/png", "#node-", "x"))] == []
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == {"http://www.w3.org/2000/svg"}


def test_the_policy_lets_nothing_run_and_nothing_load_but_its_own_styles(page):
    elements = Elements(page)
    [policy] = [each["content"] for each in elements.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:; media-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    import hashlib

    for style in re.findall(r"<style>(.*?)</style>", page, re.DOTALL):
        assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy
    assert not any("style" in attributes for _, attributes in elements.tags)


def test_the_page_can_be_written_and_holds_no_control_characters(page):
    page.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", page)


def page_of_sound(samples, rate):
    value_type = Audio()
    value = handler_for("Audio").coerce((samples, rate), value_type)
    report = replace(report_value("out", value_type, value), played=playable(value_type, value))
    node = NodeReport(name="n", node="n", type="p/N", status="ran", seconds=0.1, outputs=(report,))
    return page_of(RunReport("r", "r", "succeeded", 1.0, Graph("g"), (node,)))


def test_sound_and_moving_pictures_can_be_played(page):
    import io

    samples = np.sin(np.linspace(0, 300, 8000, dtype=np.float32))[None]
    [player] = Elements(page_of_sound(samples, 8000)).all("audio")
    kind, _, data = player["src"].removeprefix("data:").partition(";base64,")
    assert kind == "audio/wav"
    assert "controls" in player
    with wave.open(io.BytesIO(base64.b64decode(data))) as file:
        assert file.getnframes() == 8000
    assert Elements(page).all("audio") == []


@pytest.mark.parametrize(
    "given", [("text/html", b"<script>"), ('audio/x" onerror="alert(1)', b""), ("audio/wav", bytes(2_000_000)), 7]
)
def test_what_a_handler_gives_to_be_played_is_checked(given, monkeypatch):
    handler = handler_for("Audio")
    monkeypatch.setattr(type(handler), "playable", lambda self, value, most: given)
    elements = Elements(page_of_sound(np.zeros(8, np.float32), 8000))
    assert elements.all("audio") == []
    assert elements.all("script") == []


def test_links_lead_to_what_is_there(page):
    elements = Elements(page)
    ids = {attributes["id"] for _, attributes in elements.tags if "id" in attributes}
    links = {each["href"].removeprefix("#") for each in elements.all("a")}
    assert links
    assert links <= ids


def test_a_graph_that_is_too_large_to_draw_has_a_page_all_the_same():
    graph = Graph("large")
    for number in range(2001):
        graph.add("p/Node", id=f"n{number}")
    node = NodeReport("n0", "n0", "p/Node", "ran", outputs=(report_value("out", Anything(), 1),))
    page = page_of(RunReport("run", "large", "succeeded", 1.0, graph, (node,), hidden=2000))
    assert "<svg" not in page
    assert "… and 2,000 more calls" in page
