"""What a node prints or logs belongs to it: it becomes a log event of the node.

Which node is running is kept in a context variable, so that it holds for threads and coroutines alike. What is printed
outside nodes, by other threads or while nobody listens goes where it always went.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TextIO

__all__ = ["Listener", "capturing", "end_line", "speaking", "unheard"]

#: Takes a line and its level.
Listener = Callable[[str, str], None]

_listener: ContextVar[Listener | None] = ContextVar("flowra_listener", default=None)
_lock = threading.Lock()
_users = 0
_LEVELS = ((logging.ERROR, "error"), (logging.WARNING, "warning"), (logging.INFO, "info"))


class speaking:  # noqa: N801  a context manager; a class, since a generator costs more than all it does
    """Hand what is printed and logged in the block to a listener, line by line."""

    __slots__ = ("_listener", "_token")

    def __init__(self, listener: Listener | None) -> None:
        self._listener = listener

    def __enter__(self) -> Listener | None:
        self._token = _listener.set(self._listener)
        return self._listener

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._listener is not None:
            end_line(self._listener)
        _listener.reset(self._token)


def end_line(listener: Listener) -> None:
    """Hand over what has no line break yet: nothing more comes for the listener."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, _Routed):
            stream.end_line(listener)


def unheard() -> speaking:
    """Let what is printed in the block go where it always went: those who are told of a node's lines may print them."""
    return speaking(None)


@contextmanager
def capturing() -> Iterator[None]:
    """Route stdout, stderr and logging while the block runs; blocks may overlap."""
    global _users  # noqa: PLW0603  the streams are the process's, and so is the count of who wants them routed
    with _lock:
        _users += 1
        if _users == 1:
            sys.stdout, sys.stderr = _Routed(sys.stdout), _Routed(sys.stderr)
            logging.getLogger().addHandler(_HANDLER)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                # Somebody else may have put a stream of their own over ours: leave that alone.
                if isinstance(sys.stdout, _Routed):
                    sys.stdout = sys.stdout.original
                if isinstance(sys.stderr, _Routed):
                    sys.stderr = sys.stderr.original
                logging.getLogger().removeHandler(_HANDLER)


class _Routed(io.TextIOBase):
    """A stream that hands lines to the listener where there is one."""

    def __init__(self, original: TextIO) -> None:
        self.original = original
        self._begun: dict[Listener, str] = {}

    def write(self, text: str) -> int:
        listener = _listener.get()
        if listener is None:
            return self.original.write(text)
        *lines, rest = (self._begun.pop(listener, "") + text).split("\n")
        for line in lines:
            self._say(listener, line)
        if rest:
            self._begun[listener] = rest
        return len(text)

    def end_line(self, listener: Listener) -> None:
        """Hand over what has no line break yet."""
        if rest := self._begun.pop(listener, ""):
            self._say(listener, rest)

    def flush(self) -> None:
        self.original.flush()

    def isatty(self) -> bool:
        return _listener.get() is None and self.original.isatty()

    def fileno(self) -> int:
        return self.original.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.original.encoding

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)

    def _say(self, listener: Listener, line: str) -> None:
        # A progress bar draws over its line again and again: the last state is what would be seen.
        shown = line.rstrip("\r").rpartition("\r")[2].rstrip()
        if shown:
            listener(shown, "info")


class _NodeHandler(logging.Handler):
    """Hands log records of nodes to the listener; others to whoever would have printed them without this handler."""

    def emit(self, record: logging.LogRecord) -> None:
        listener = _listener.get()
        if listener is not None:
            level = next((name for least, name in _LEVELS if record.levelno >= least), "debug")
            listener(f"{record.name}: {record.getMessage()}", level)
            return
        last = logging.lastResort if len(logging.getLogger().handlers) == 1 else None
        if last is not None and record.levelno >= last.level:
            last.handle(record)


_HANDLER = _NodeHandler()
