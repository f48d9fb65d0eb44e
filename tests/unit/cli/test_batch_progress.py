"""The rate of a batch and the time that is left, in words."""

from __future__ import annotations

import pytest

from flowra.cli.batch.progress import Rate
from flowra.execute.batch.item import Totals


@pytest.fixture
def clock(monkeypatch):
    """The time that the rate sees: one for the test to set."""
    now = [100.0]
    monkeypatch.setattr("flowra.cli.batch.progress.time.monotonic", lambda: now[0])
    return now


def said(rate, done):
    return rate.in_words(Totals(total=100, succeeded=done))


def test_what_it_takes_to_begin_counts_for_nothing(clock):
    rate = Rate()
    clock[0] += 30  # workers start, the model is loaded
    rate.note(1)
    assert said(rate, 1) == ""
    clock[0] += 1
    rate.note(5)
    assert said(rate, 5) == "4 items/s, 23.8 s left"


def test_what_was_quick_at_the_beginning_is_forgotten(clock):
    rate = Rate()
    rate.note(1)
    clock[0] += 1
    rate.note(50)  # all of them cached
    for done in range(51, 80):
        clock[0] += 1
        rate.note(done)
    assert said(rate, 79).startswith("1 items/s")


def test_nothing_is_left_when_all_are_done(clock):
    rate = Rate()
    rate.note(1)
    clock[0] += 10
    rate.note(100)
    assert said(rate, 100) == "9.9 items/s"
