from __future__ import annotations

import pytest

from flowra.dag.graph import Graph
from flowra.execute.session import Session
from flowra.plugin import PluginManager, use_manager


@pytest.fixture
def packs(tmp_path, monkeypatch):
    """The manager in use: no packs but those that a test registers; runs write below tmp_path."""
    monkeypatch.chdir(tmp_path)
    with use_manager(PluginManager()) as manager:
        yield manager


@pytest.fixture
def session(packs):
    with Session() as session:
        yield session


@pytest.fixture
def run_one(session):
    """Run a graph of one node of a class, and return the run."""

    def run(node_class, *, observers=(), control=None, init=None, **ports):
        graph = Graph("one")
        graph.add(node_class, id="it", init=init, **ports)
        return session.run(graph, observers=observers, control=control)

    return run


@pytest.fixture
def failure_of(run_one):
    """Run a node that fails, and return its failure."""

    def fail(node_class, **ports):
        return run_one(node_class, **ports).failures["it"]

    return fail
