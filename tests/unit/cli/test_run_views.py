"""The views by themselves, on a terminal that is a buffer, and one run on a pseudo-terminal."""

from __future__ import annotations

import io
import os
import pty
import re
import struct
import subprocess
import zlib
from types import SimpleNamespace

import pytest

from flowra.cli.run_view.plain import PlainView
from flowra.cli.run_view.terminal import TerminalView
from flowra.cli.run_view.view import duration, outputs_in_words
from flowra.exceptions import NodeFailedError
from flowra.execute.session import events


def png(width, height):
    """A black picture."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * (1 + width * 3) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def event(name, **values):
    return events.EVENTS[name](run="r", time=0.0, **values)


@pytest.fixture
def screen(monkeypatch):
    """A terminal view whose terminal is a buffer; gives the view and what stands on the screen."""
    from rich.console import Console

    view = TerminalView(verbose=False)
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=60, height=20, highlight=False, color_system="truecolor")
    view._console = view._live.console = console

    def rendered():
        with console.capture() as captured:
            console.print(view._render())
        return plain(captured.get())

    view.rendered, view.printed = rendered, lambda: plain(out.getvalue())
    view.raw = out.getvalue
    with view:
        view.observe(event("planned", graph="faces", nodes=3, output_dir="/out"))
        for node in ("load", "detect", "draw"):
            view.observe(event("queued", node=node, type="t"))
        yield view


def plain(text):
    """The text without colours, and without redrawing."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


class TestTerminal:
    def test_it_shows_how_many_nodes_are_done_what_runs_and_what_waits(self, screen):
        screen.observe(event("started", node="load", type="t"))
        bar, running, waiting = [line for line in screen.rendered().splitlines() if line.strip()][:3]
        assert bar.startswith("faces ━")
        assert "0/3" in bar
        assert running.split()[1:] == ["load", "runs"]
        assert waiting.strip() == "waiting: detect, draw"
        screen.observe(event("succeeded", node="load", seconds=0.012, outputs={"image": "640×480 RGB"}))
        assert "1/3" in screen.rendered()
        assert "✓ load       12 ms  image: 640×480 RGB" in screen.printed()

    def test_progress_is_a_share_with_counts_and_words(self, screen):
        screen.observe(event("started", node="detect", type="t"))
        screen.observe(event("progress", node="detect", done=3, total=12, text="tiles"))
        assert "detect  25% (3 of 12) tiles" in screen.rendered()
        screen.observe(event("progress", node="detect", done=0.5))
        assert "detect  50%" in screen.rendered()

    def test_progress_after_the_end_of_a_node_does_not_bring_it_back(self, screen):
        screen.observe(event("started", node="load", type="t"))
        screen.observe(event("succeeded", node="load", seconds=1, outputs={}))
        screen.observe(event("progress", node="load", done=1))
        assert "load" not in screen.rendered()

    def test_on_a_cluster_it_shows_each_worker_and_what_it_does(self, screen):
        screen.observe(event("started", node="load", type="t", worker="10"))
        screen.observe(event("started", node="detect", type="t", worker="2"))
        screen.observe(event("progress", node="detect", done=3, total=12, text="tiles"))
        rows = [line[2:].rstrip() for line in screen.rendered().splitlines() if "worker" in line]
        assert rows == ["worker 2   detect 25% (3 of 12) tiles", "worker 10  load runs"]
        screen.observe(event("succeeded", node="load", seconds=1, outputs={}, worker="10"))
        assert "\n  worker 10  idle" in screen.rendered()

    def test_a_failure_is_counted_and_said_in_one_line_that_fits(self, screen):
        error = NodeFailedError("node draw failed", node="draw", type="t", why="ValueError: " + "x" * 500)
        screen.observe(event("failed", node="draw", error=error.to_json()))
        assert "1 failed" in screen.rendered()
        (line,) = [line for line in screen.printed().splitlines() if line.startswith("✗")]
        assert line.startswith("✗ draw    ValueError: xxx")
        assert len(line) == 60
        assert line.endswith("…")

    def test_cached_skipped_retried_and_mapped_nodes_have_their_lines(self, screen):
        error = NodeFailedError("node draw failed", node="draw", type="t", why="OSError: busy")
        screen.observe(event("cached", node="load", type="t"))
        screen.observe(event("retried", node="draw", attempt=1, seconds=0.5, error=error.to_json()))
        screen.observe(event("succeeded", node="detect[0]", seconds=0.1, outputs={}))
        screen.observe(event("mapped", node="detect", items=1200, failures=2, seconds=2))
        screen.observe(event("skipped", node="draw", reason="the run was cancelled"))
        assert [line.rstrip() for line in screen.printed().splitlines() if line[:1] in "✓–  " and line.strip()] == [
            "✓ load      cached",
            "  draw: tried again in 500 ms: OSError: busy",
            "✓ detect     2.0 s  1,200 items, 2 failed",
            "– draw    the run was cancelled",
        ]

    def test_a_picture_is_drawn_where_the_terminal_has_colours(self, screen):
        pytest.importorskip("PIL")
        screen.observe(event("preview", node="draw", title="faces", summary="4×2 RGB uint8", png=png(4, 2)))
        assert "draw: faces, 4×2 RGB uint8" in screen.printed()
        assert "▀▀▀▀" in screen.printed()

    def test_debugging_is_left_out_unless_asked_for(self, screen):
        screen.observe(event("log", node="load", text="tuning", level="debug"))
        assert "tuning" not in screen.printed()
        screen.verbose = True
        screen.observe(event("log", node="load", text="tuning", level="debug"))
        assert "load: tuning" in screen.printed()

    def test_square_brackets_in_texts_are_no_markup(self, screen):
        screen.observe(event("log", node="load", text="[red]x[/red] [/]", level="info"))
        screen.observe(event("succeeded", node="load", seconds=0.1, outputs={"a": "[bold]list [1]"}))
        assert "[red]x[/red] [/]" in screen.printed()
        assert "[bold]list [1]" in screen.printed()

    def test_a_large_graph_prints_failures_only(self, screen):
        for number in range(200):
            screen.observe(event("queued", node=f"n{number}", type="t"))
        screen.observe(event("succeeded", node="n1", seconds=0.1, outputs={}))
        screen.observe(event("failed", node="n2", error=NodeFailedError("x", node="n2", type="t").to_json()))
        assert "✓ n1" not in screen.printed()
        assert "✗ n2" in screen.printed()
        assert "2/203" in screen.rendered()


class TestPlain:
    def test_items_of_a_list_are_told_of_together(self, capsys):
        view = PlainView(verbose=False)
        view.observe(event("planned", graph="faces", nodes=1, output_dir="/out"))
        view.observe(event("queued", node="blur", type="t"))
        for number in range(3):
            view.observe(event("succeeded", node=f"blur[{number}]", seconds=0.1, outputs={}))
        view.observe(event("mapped", node="blur", items=3, failures=0, seconds=0.3))
        assert capsys.readouterr().out.splitlines() == ["faces: 1 node, run r", "[1/1] blur  300 ms  3 items"]

    def test_cached_and_retried_nodes_are_told(self, capsys):
        view = PlainView(verbose=False)
        view.observe(event("queued", node="get", type="t"))
        error = NodeFailedError("node get failed", node="get", type="t", why="OSError: busy\nvery")
        view.observe(event("retried", node="get", attempt=1, seconds=2, error=error.to_json()))
        view.observe(event("cached", node="get", type="t"))
        assert capsys.readouterr().out.splitlines() == [
            "get failed, is tried again in 2.0 s: OSError: busy",
            "[1/1] get  cached",
        ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 ms"), (0.0123, "12 ms"), (1, "1.0 s"), (59.94, "59.9 s"), (125, "2 min 5 s")]
)
def test_durations_are_written_as_people_read_them(seconds, words):
    assert duration(seconds) == words


def test_on_a_terminal_a_run_is_drawn_and_ends_with_plain_lines(flowra):
    leader, follower = pty.openpty()
    try:
        process = subprocess.Popen(
            flowra.command("run", "failing.json", "-s", "slow.seconds=0.5"),
            cwd=flowra.work,
            env={**flowra.environment, "TERM": "xterm-256color", "COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            stdout=follower,
            stderr=follower,
        )
        os.close(follower)
        shown = bytearray()
        while chunk := _read(leader):
            shown += chunk
        assert process.wait(timeout=30) == 4
    finally:
        os.close(leader)
    text = plain(shown.decode())
    assert "━━" in text
    assert "halfway" in text
    for line in ("✓ one ", "✗ broken ", "– after ", "error: node broken failed", "failing: failed, 3 of 5 nodes"):
        assert line in text
    assert "\x1b[?25h" in shown.decode(), "the cursor is shown again"


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux: the other side was closed
        return b""


def test_files_of_an_output_are_told_by_their_folder_and_long_values_are_cut(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {
        "faces": {"files": [str(tmp_path / "out" / "faces" / f"{number}.png") for number in (1, 2)]},
        "none": {"files": []},
        "picture": {"file": str(tmp_path / "out" / "picture.png")},
        "words": {"value": "x" * 500},
    }
    run = SimpleNamespace(files=files, plan=SimpleNamespace(outputs={}))
    assert outputs_in_words(run) == [
        "  faces    2 files in out/faces",
        "  none     0 files",
        "  picture  out/picture.png",
        '  words    "' + "x" * 98 + "… (whole in outputs.json)",
    ]


def test_what_waits_to_be_uploaded_is_shown(screen, capsys):
    screen.observe(event("uploading", results=12, bytes=34_000_000))
    assert "uploading 12 results, 34.0 MB …" in screen.rendered()
    lines = PlainView(verbose=False)
    for results, size in ((12, 34_000_000), (3, 8_000_000), (0, 0)):
        lines.observe(event("uploading", results=results, bytes=size))
    assert capsys.readouterr().out.splitlines()[-2:] == ["uploading 12 results, 34.0 MB …", "uploaded"]
