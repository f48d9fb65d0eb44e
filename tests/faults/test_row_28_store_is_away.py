"""Row 28 of the faults: the service of objects is away, busy or silent. The run succeeds locally and says so.

The service is a folder behind a real TCP connection (`fixtures.wired_objects`).
"""

from __future__ import annotations

import time

import pytest
from fixtures.run_nodes import Add, Give
from fixtures.wired_objects import BUSY, DENIED, FINE, Wire, manager_with_wire

from flowra.dag.graph import Graph
from flowra.exceptions import StoreDeniedError, StoreUnavailableError
from flowra.execute.session import Session
from flowra.execute.session.events import Log
from flowra.plugin import use_manager

#: Seconds that a service that is away may cost a run.
MOST = 5.5


@pytest.fixture
def wire():
    wire = Wire()
    yield wire
    wire.cut()


@pytest.fixture
def share(tmp_path, monkeypatch):
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(tmp_path / "output"))
    folder = tmp_path / "share"
    folder.mkdir()
    with use_manager(manager_with_wire()):
        yield folder


def graph(first=0.0):
    graph = Graph("sum")
    node = graph.add(Give, value=first)
    for number in range(1, 6):
        node = graph.add(Add, a=node["value"], b=float(number))
    graph.output("sum", node["value"])
    return graph


def run(address, first=0.0, **options):
    """Return the run, the warnings in it, and how long it all took."""
    said = []
    began = time.monotonic()
    with Session(store=address) as session:
        done = session.run(graph(first), observers=[said.append], **options)
    took = time.monotonic() - began
    return done, [each.text for each in said if isinstance(each, Log) and each.level == "warning"], took


@pytest.mark.parametrize("state", ["refuses connections", "is busy", "is silent"])
def test_the_run_goes_on_locally_after_a_bounded_time_and_says_so_once(wire, share, state):
    address = wire.address(share)
    if state == "refuses connections":
        wire.cut()
    else:
        wire.answer = BUSY if state == "is busy" else None
    done, warnings, took = run(address)
    assert done["sum"] == 15.0
    assert took < MOST
    [warning] = warnings
    assert "does not answer: the run goes on with what is on this machine" in warning
    if state == "is busy":
        assert "503" in warning


def test_a_service_that_goes_away_while_it_runs_costs_a_bounded_time(wire, share):
    began = []

    def cut(event):
        if event.name == "started" and not began:
            began.append(time.monotonic())
            wire.answer = None

    with Session(store=wire.address(share, "?uploads=all")) as session:
        done = session.run(graph(), observers=[cut])
    assert done["sum"] == 15.0
    assert time.monotonic() - began[0] < MOST


def test_what_was_computed_meanwhile_goes_there_with_the_next_run(wire, share, tmp_path, monkeypatch):
    address = wire.address(share, "?uploads=all")
    wire.answer = BUSY
    run(address)
    wire.answer = FINE
    done, warnings, _ = run(address, uploads="wait")
    assert not warnings
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "another machine"))
    events = []
    with Session(store=address) as session:
        assert session.run(graph(), observers=[events.append])["sum"] == done["sum"]
    assert {each.name for each in events if each.name in ("started", "cached")} == {"cached"}


def test_a_run_that_requires_it_fails_before_anything_runs(wire, share):
    address = wire.address(share)
    wire.answer = BUSY
    with pytest.raises(StoreUnavailableError, match="results are required in it") as failure:
        run(address, uploads="require")
    assert failure.value.exit_code == 4
    assert "503" in str(failure.value)


def test_a_key_that_is_wrong_is_an_error_before_anything_runs(wire, share):
    wire.answer = DENIED
    with pytest.raises(StoreDeniedError, match="does not let us in") as failure:
        run(wire.address(share))
    assert "403" in failure.value.why
    assert failure.value.exit_code == 4
    assert failure.value.fix == "ask for a key"


def test_of_a_run_that_could_not_begin_no_journal_is_left(wire, share, tmp_path):
    wire.answer = DENIED
    heard = []
    with pytest.raises(StoreDeniedError), Session(store=wire.address(share)) as session:
        session.run(graph(), observers=[heard.append])
    assert not heard
    assert not (tmp_path / "cache" / "runs").exists()
