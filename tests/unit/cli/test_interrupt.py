"""Ctrl-C: real signals to a real process."""

from __future__ import annotations

import json
import signal
import time

import pytest


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
