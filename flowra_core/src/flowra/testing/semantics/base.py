"""What the tests of the suite share: a session around the executor under test, a ledger, the events of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from flowra.dag.graph import Graph
from flowra.execute.executor import Executor
from flowra.execute.session import Run, Session
from flowra.execute.session.events import Event, NodeEvent
from flowra.plugin import PluginManager, use_manager
from flowra.testing.semantics.ledger import Ledger

__all__ = ["GraphSemantics", "needs_cache", "needs_one_process", "needs_threads"]


def needs_cache(test: Any) -> Any:
    """Mark a test that is about results that are kept; skipped where the suite runs without a cache."""
    test.needs_cache = True
    return test


def needs_threads(test: Any) -> Any:
    """Mark a test that is about nodes running at the same time; skipped for an executor that runs one by one."""
    test.needs_threads = True
    return test


def needs_one_process(test: Any) -> Any:
    """Mark a test that looks at values in memory; skipped for an executor that runs nodes in other processes."""
    test.needs_one_process = True
    return test


class GraphSemantics:
    """Base of the tests.

    Attributes:
        cache: Whether the session keeps results.
        parallel: Whether the executor runs at least four ordinary nodes at the same time.
        processes: In how many processes nodes run; 0 for the test's own.
        folder: A folder for the test.
        ledger: Where nodes write that they run.
        session: The session.
        events: The events of the run before.
    """

    cache: ClassVar[bool] = True
    parallel: ClassVar[bool] = True
    processes: ClassVar[int] = 0

    folder: Path
    ledger: Ledger
    session: Session
    events: list[Event]

    def make_executor(self) -> Executor:
        """Return the executor under test; the session closes it."""
        raise NotImplementedError("the class that subclasses the suite gives the executor")

    @pytest.fixture(autouse=True)
    def _open_session(
        self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[None]:
        if not self.cache and getattr(request.function, "needs_cache", False):
            pytest.skip("about results that are kept")
        if not self.parallel and getattr(request.function, "needs_threads", False):
            pytest.skip("about nodes that run at the same time")
        if self.processes and getattr(request.function, "needs_one_process", False):
            pytest.skip("about values in the memory of this process")
        monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(tmp_path / "output"))
        self.folder, self.ledger, self.events = tmp_path, Ledger(tmp_path / "ledger"), []
        with use_manager(PluginManager()), self.open_session() as self.session:
            yield

    def open_session(self) -> Session:
        """Return a new session on the test's store."""
        return Session(executor=self.make_executor(), store=self.folder / "store", cache=self.cache)

    def run(self, graph: Graph, **options: Any) -> Run:
        """Run a graph to its end, whatever comes of it, and keep its events."""
        self.events = []
        return self.session.run(graph, observers=[self.events.append], **options)

    def told(self, *kinds: type[NodeEvent]) -> list[str]:
        """Return the nodes that events of some kinds were about, in order."""
        return [event.node for event in self.events if isinstance(event, kinds)]
