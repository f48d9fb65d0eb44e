"""Asks calls back that wait for their turn on a worker, so that another one can have them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from flowra.execute.cluster.connection import Connection
from flowra.execute.cluster.placement import Placed
from flowra.execute.cluster.worker import recall_batch

__all__ = ["Recalling"]


class Recalling:
    """Asks for one batch at a time.

    Args:
        connection: The cluster.
        run_id: The run.
        came_back: Told the key of a batch, and how many of its calls its worker has begun: it begins no more.
    """

    def __init__(self, connection: Connection, run_id: str, came_back: Callable[[str, int], None]) -> None:
        self._connection = connection
        self._run_id = run_id
        self._came_back = came_back
        self._asking: threading.Thread | None = None

    def ask(self, key: str, placed: Placed) -> None:
        """Ask for what was not begun of a batch, unless another one is being asked for."""
        if self._asking is None or not self._asking.is_alive():
            placed.asked = True
            # On a thread of its own: a worker whose node holds the GIL does not answer.
            self._asking = threading.Thread(target=self._ask, args=(key, placed), name="flowra-recall", daemon=True)
            self._asking.start()

    def _ask(self, key: str, placed: Placed) -> None:
        try:
            answers = self._connection.ask_each([placed.member], recall_batch, self._run_id, key)
        except (OSError, RuntimeError):
            return  # the worker is lost, and its batches are handed out for that
        begun = answers.get(placed.member.address)
        if isinstance(begun, int) and begun >= 0:
            self._came_back(key, begun)
