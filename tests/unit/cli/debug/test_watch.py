"""`flowra debug --watch`: a real process that sees files change."""

from __future__ import annotations

import queue
import signal
import threading
import time

import pytest
from fixtures.cli_pack import CommandLine

from flowra.cli.debug.watch import watched_files

pytestmark = pytest.mark.slow


@pytest.fixture
def flowra(tmp_path):
    made = CommandLine(tmp_path)
    del made.environment["FLOWRA_STORE"]
    made.environment["TMPDIR"] = str(tmp_path)
    return made


class Watching:
    """`flowra debug … --watch`, and what it prints as it goes."""

    def __init__(self, process):
        self.process = process
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def until(self, text, seconds=60):
        """Return the lines up to one that has the text."""
        found, deadline = [], time.monotonic() + seconds
        while not found or text not in found[-1]:
            try:
                found.append(self.lines.get(timeout=max(0.01, deadline - time.monotonic())))
            except queue.Empty:
                pytest.fail(f"{text!r} was not printed; what was: {''.join(self.seen + found)}")
        self.seen += found
        return "".join(found)


@pytest.fixture
def watching(flowra):
    started = []

    def start(*arguments):
        process = flowra.start("debug", *arguments, "--watch")
        started.append(process)
        return Watching(process)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def change(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_saved_change_is_run_and_its_difference_shown(flowra, watching):
    nodes = flowra.folder / "site" / "play_pack" / "nodes.py"
    watched = watching("chain.json", "--set", "one.value=2")
    assert "sum  play/Add  ran" in watched.until("watching")

    change(nodes, "args.a + args.b", "args.a - args.b")
    said = watched.until("watching")
    assert "changed: nodes.py" in said
    assert "sum.value: number 3.0 → number 1.0" in said

    change(nodes, "args.a - args.b", "args.a - args.b - missing")
    said = watched.until("watching")
    assert "NameError" in said or "sum  play/Add  failed" in said

    change(nodes, "args.a - args.b - missing", "args.a * 5 - args.b")
    # What is shown is the difference from the last run that had every output.
    assert "sum.value: number 1.0 → number 9.0" in watched.until("watching")

    change(flowra.work / "chain.json", '"b": 1', '"b": 2')
    said = watched.until("watching")
    assert "changed: chain.json" in said
    assert "one  play/Give" not in said, "what did not change is not run again"
    assert "sum.value: number 9.0 → number 8.0" in said

    watched.process.send_signal(signal.SIGINT)
    assert watched.process.wait(timeout=20) == 0
    assert not list(flowra.folder.glob("flowra-watch-*"))


def test_code_that_cannot_be_imported_is_said_and_watched_on(flowra, watching):
    nodes = flowra.folder / "site" / "play_pack" / "nodes.py"
    watched = watching("play/Give")
    watched.until("watching")
    change(nodes, "import os", "import os, no_such_module")
    assert "changed: nodes.py" in watched.until("watching")
    change(nodes, "import os, no_such_module", "import os")
    assert "give  play/Give  ran" in watched.until("watching")


def test_the_files_of_a_graph_are_its_own_its_inputs_and_the_code_of_its_packs(flowra, monkeypatch, tmp_path):
    graph = tmp_path / "g.json"
    graph.write_text(
        '{"format": "flowra/1", "nodes": {"load": {"type": "image/Load", "inputs": {"path": "a.png"}},'
        ' "blur": {"type": "image/Blur", "inputs": {"image": {"$from": "load.image"}}}}}'
    )
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"")
    files = watched_files(str(graph), [f"image={tmp_path / 'b.png'}"], is_graph=True)
    assert files[:3] == [graph, tmp_path / "a.png", tmp_path / "b.png"]
    assert any(path.name == "filters.py" and path.parent.name == "nodes" for path in files)
    graph.write_text("no graph")
    assert watched_files(str(graph), [], is_graph=True) == [graph]
