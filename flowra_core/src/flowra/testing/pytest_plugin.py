"""The pytest plugin: fixtures to run a node or a graph, and a store that is thrown away.

pytest loads this module in every test run of an environment that has Flowra, whether the tests are about Flowra or
not. It imports nothing but pytest; each fixture imports what it needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flowra.execute.session import Session
    from flowra.storage.store import Store
    from flowra.testing.hub import FakeHub
    from flowra.testing.running import RunGraph, RunNode

__all__ = ["fake_hub", "flowra_folder", "flowra_session", "flowra_store", "run_graph", "run_node"]

# The suites and comparisons assert in modules of their own; pytest is to show what was compared there too.
for _module in ("model_hub_suite", "pack_suite", "pictures", "semantics", "store_suite", "value_type_suite"):
    pytest.register_assert_rewrite(f"flowra.testing.{_module}")


@pytest.fixture
def flowra_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own that Flowra's settings point to: no result, run or file of the user's is touched."""
    folder = tmp_path_factory.mktemp("flowra")
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(folder / "output"))
    monkeypatch.setenv("FLOWRA_STORE", str(folder / "store"))
    monkeypatch.setenv("FLOWRA_MODEL_DIR", str(folder / "models"))
    return folder


@pytest.fixture
def fake_hub(flowra_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:  # noqa: ARG001  for its effect
    """A model hub on loopback: `fake_hub.add("acme/detector", "weights/", revision="v1.0")`.

    ModelScope and Hugging Face are asked there, by their real clients, in this process and in those that it starts.
    Nothing is fetched from anywhere else, and what is fetched lies in the test's own folder.
    """
    from flowra.testing.hub import FakeHub

    with FakeHub() as hub:
        for name, value in hub.environment().items():
            monkeypatch.setenv(name, value)
        yield hub


@pytest.fixture
def flowra_store(flowra_folder: Path) -> Iterator[Store]:
    """An empty store, thrown away after the test; the runs of the test use the same one."""
    from flowra.storage.address import open_store

    with open_store(flowra_folder / "store") as store:
        yield store


@pytest.fixture
def flowra_session(flowra_folder: Path) -> Iterator[Session]:
    """A session with the installed packs and an empty store."""
    from flowra.execute.session import Session

    with Session(store=flowra_folder / "store") as session:
        yield session


@pytest.fixture
def run_node(flowra_folder: Path) -> Iterator[RunNode]:  # noqa: ARG001  for its effect
    """Run one node, and return its outputs: `run_node(Blur, image=photo, radius=3).image`.

    The node's `InitArgs` are a mapping after the class: `run_node(Detect, {"model": "small"}, image=photo)`. The node
    runs as in a graph: its inputs are validated and read-only, its outputs checked; a failure is raised as
    `NodeFailedError`. Nothing is cached, so each call runs it; an instance with an `init` stays warm for the test.
    """
    from flowra.execute.session import Session
    from flowra.testing.running import node_runner

    with Session(cache=False) as session:
        yield node_runner(session)


@pytest.fixture
def run_graph(flowra_session: Session) -> RunGraph:
    """Run a graph, or a graph file, and return the `Run`: `run_graph("examples/faces.json", photo="me.jpg")`.

    A failure is raised as `NodeFailedError`. The results are kept in the test's own store.
    """
    from flowra.testing.running import graph_runner

    return graph_runner(flowra_session)
