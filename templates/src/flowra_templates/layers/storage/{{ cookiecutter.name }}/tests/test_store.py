"""Tests of the store."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.exceptions import StoreError
from flowra.execute.session import Session
from flowra.storage.address import open_store
from flowra.storage.refs import BlobRef
from flowra.storage.store import Store
from flowra.testing import StoreSuite

from {{ cookiecutter.package }}.store import DatabaseStore


class TestDatabaseStore(StoreSuite):
    """The promises of `flowra.testing.StoreSuite`, each a test."""

    def open(self, folder: Path) -> Store:
        """Open the store of a folder."""
        return DatabaseStore(f"{{ cookiecutter.scheme }}://{folder}/results.db")

    def damage(self, store: Store, ref: BlobRef) -> None:
        """Change the bytes of a value."""
        path = store.location.partition("://")[2]
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE blobs SET data = zeroblob(length(data)) WHERE digest = ?", (ref.digest,))
        connection.close()


class Double(Node):
    """Double a text."""

    class InputArgs(BaseArgs):
        """The text."""

        text: str

    class OutputArgs(BaseArgs):
        """The text, twice."""

        text: str

    def run(self, context: object, args: InputArgs) -> OutputArgs:
        """Double the text."""
        return self.OutputArgs(text=args.text * 2)


def test_a_graph_keeps_its_results_here(tmp_path: Path) -> None:
    address = f"{{ cookiecutter.scheme }}://{tmp_path}/results.db"
    for _ in range(2):
        graph = Graph("double")
        graph.output("text", graph.add(Double, text="x" * 5000)["text"])
        with Session(store=address) as session:
            run = session.run(graph).raise_for_status()
        assert len(run["text"]) == 10_000
    with open_store(address) as store:
        stats = store.stats()
    assert (stats.records, stats.blobs, stats.blob_bytes) == (1, 1, 10_002)


def test_an_address_is_opened_by_its_scheme(tmp_path: Path) -> None:
    with open_store(f"{{ cookiecutter.scheme }}://{tmp_path}/results.db") as store:
        assert isinstance(store, DatabaseStore)


def test_an_address_without_a_file_is_refused() -> None:
    with pytest.raises(StoreError, match="names no file"):
        DatabaseStore("{{ cookiecutter.scheme }}://")


def test_a_process_that_dies_lets_go_of_its_key(tmp_path: Path) -> None:
    address = f"{{ cookiecutter.scheme }}://{tmp_path}/results.db"
    program = (
        "import os, sys\n"
        "from {{ cookiecutter.package }}.store import DatabaseStore\n"
        f"with DatabaseStore({address!r}).lock(b'key'):\n"
        "    os._exit(3)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 3
    with DatabaseStore(address) as store, store.lock(b"key", timeout=0) as held:
        assert held
