"""Ctrl-C: real signals to a real process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fixtures.cli_pack import write_graph

#: Makes its stdin, which is a terminal, the one that it and what it starts are controlled by, and becomes the command.
ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def running(flowra):
    """Start a run whose second node takes 20 seconds; return when that node has begun."""
    started = []

    def start(*arguments):
        process = flowra.start("run", "chain.json", "-s", "slow.seconds=20", *arguments)
        started.append(process)
        for line in process.stdout:
            if "slow began" in line:
                break
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_once_ends_the_run_when_the_node_has_noticed(running):
    process = running()
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=15)
    assert time.monotonic() - began < 10
    assert process.returncode == 130
    assert "press Ctrl-C again to stop at once" in stderr
    assert "slow not run: the run was cancelled" in stdout
    assert "chain: cancelled, 1 of 3 nodes, 2 not run" in stdout
    assert "Traceback" not in stderr


def test_once_lets_a_node_that_does_not_ask_come_to_its_end(running, flowra):
    process = running("-s", "slow.polite=false", "-s", "slow.seconds=0.5")
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=15)
    assert process.returncode == 130
    assert "[2/3] slow" in stdout
    assert "sum not run: the run was cancelled" in stdout


def test_twice_ends_it_at_once(running):
    process = running("-s", "slow.polite=false")
    process.send_signal(signal.SIGINT)
    assert "press Ctrl-C again" in process.stderr.readline() + process.stderr.readline()
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=15)
    assert time.monotonic() - began < 5
    assert process.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr


def test_programs_read_that_the_run_was_cancelled(running):
    process = running("--json")
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=15)
    assert process.returncode == 130
    last = json.loads(stdout.splitlines()[-1])
    assert (last["event"], last["status"]) == ("finished", "cancelled")


def gone(pid):
    """Tell whether a process ends within seconds."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(("polite", "times"), [("true", 1), ("false", 1), ("false", 2)])
def test_keys_on_a_terminal_end_a_run_and_the_process_that_a_node_has_of_its_own(flowra, polite, times):
    """The terminal signals its foreground processes, of which the node's is none: the run has to see to it."""
    write_graph(flowra.work / "apart.json", {"apart": {"type": "play/Apart", "inputs": {"seconds": 30}}})
    keyboard, terminal = os.openpty()
    command = flowra.command("run", "apart.json", "-s", f"apart.polite={polite}")
    with subprocess.Popen(
        [sys.executable, "-c", ON_TERMINAL, *command],
        cwd=flowra.work,
        env={**flowra.environment, "TERM": "dumb", "COLUMNS": "200"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ) as process:
        os.close(terminal)
        try:
            said = read_until(keyboard, r"slow began")
            pid = int(re.search(r"pid (\d+)", said)[1])
            began = time.monotonic()
            for _ in range(times):
                os.write(keyboard, b"\x03")
                time.sleep(0.1)
            read_until(keyboard, None)
            assert process.wait(timeout=15) == 130
            assert time.monotonic() - began < 4
            assert gone(pid)
        finally:
            process.kill()
            os.close(keyboard)


def read_until(terminal, pattern):
    """Return what is written to a terminal until a pattern is seen; until nobody can write any more, without one."""
    said = ""
    while pattern is None or not re.search(pattern, said):
        try:
            data = os.read(terminal, 4096)
        except OSError:  # how Linux says that the other side is closed
            data = b""
        if not data:
            assert pattern is None, said
            break
        said += data.decode(errors="replace")
    return said
