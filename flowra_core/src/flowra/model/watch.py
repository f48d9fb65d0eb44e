"""How far a download is, told to whoever waits for it, and whether anybody still does."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

__all__ = ["DownloadStopped", "DownloadWatch", "Listener", "Silent", "follow"]

#: Seconds between two reports.
_PAUSE = 0.2


class Listener(Protocol):
    """Who waits for a model. A node's `RunContext` is one."""

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Take note of how far it is: `done` bytes of `total`."""

    def log(self, text: str, level: str = "info") -> None:
        """Take note of a line."""

    def check_cancelled(self) -> None:
        """Raise whatever is to end the waiting."""


class Silent:
    """A listener that nothing is shown to, and that waits to the end."""

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Do nothing."""

    def log(self, text: str, level: str = "info") -> None:
        """Do nothing."""

    def check_cancelled(self) -> None:
        """Do nothing."""


class DownloadStopped(BaseException):
    """Goes through a hub's client, which tries again after every `Exception`."""


class DownloadWatch:
    """Tells a listener how far a download is, and, through a file, those who wait for it in other processes.

    Args:
        listener: Who waits.
        total: Bytes to download.
        text: What is downloaded.
        shown_at: The file for other processes.

    Attributes:
        stopped: What the listener raised when it wanted the download no more.
    """

    def __init__(self, listener: Listener, total: int, text: str, shown_at: Path) -> None:
        self._listener = listener
        self._total = total
        self._text = text
        self._shown_at = shown_at
        self._done = 0
        self._told = 0.0
        self._lock = threading.Lock()
        self.stopped: Exception | None = None

    def advance(self, count: int) -> None:
        """Note that so many bytes more are there."""
        with self._lock:
            self._done += count
            now = time.monotonic()
            if self.stopped is None and now >= self._told + _PAUSE:
                self._told = now
                self._tell()
            if self.stopped is not None:
                raise DownloadStopped

    def finish(self) -> None:
        """Tell that all is there."""
        with self._lock:
            self._done = self._total
            self._tell()

    def close(self) -> None:
        """Remove the file for other processes."""
        self._shown_at.unlink(missing_ok=True)

    def _tell(self) -> None:
        try:
            self._listener.check_cancelled()
            self._listener.progress(self._done, self._total, self._text)
        except Exception as error:  # noqa: BLE001  raised again on the thread that waits for the model
            self.stopped = error
            return
        with suppress(OSError):  # a full disk is told by the download itself
            self._shown_at.write_text(json.dumps([self._done, self._total]), encoding="utf-8")


def follow(take: Callable[[], bool], shown_at: Path, listener: Listener, text: str) -> None:
    """Wait until `take` takes a lock, telling the listener meanwhile how far whoever has it is."""
    told = 0.0
    said = False
    while not take():
        listener.check_cancelled()
        now = time.monotonic()
        if now >= told + _PAUSE:
            told = now
            if not said:
                said = True
                listener.log(f"{text}: another process is fetching it; waiting for that")
            try:
                done, total = json.loads(shown_at.read_text(encoding="utf-8"))
                listener.progress(float(done), float(total), f"{text} (another process)")
            except (OSError, ValueError, TypeError):
                pass  # it has not begun, or ends just now
        time.sleep(0.05)
