"""Runs the coroutines of `async` nodes, all on one event loop, so that they overlap without a thread each.

What comes of them is taken up on another thread: it is checked and stored there, and the loop goes on meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

__all__ = ["Awaiter"]


class Awaiter:
    """An event loop on a thread of its own, and a thread for what ended on it; started with the first coroutine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ended: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def start(
        self, coroutine: Coroutine[Any, Any, Any], done: Callable[[Callable[[], Any]], None]
    ) -> Callable[[], None]:
        """Run a coroutine, and call `done` with a function that gives its result or raises what it raised.

        Returns a function that cancels the coroutine.

        Args:
            coroutine: What to run, in the context of the caller.
            done: Called in the context of the caller, on a thread that does nothing else; it must not wait for other
                coroutines, nor raise.
        """
        loop = self._running_loop()
        context = copy_context()
        tasks: list[asyncio.Task[Any]] = []

        def begin() -> None:
            task = context.run(loop.create_task, coroutine)
            task.add_done_callback(lambda ended: self._ended.put(lambda: context.run(done, ended.result)))
            tasks.append(task)

        def cancel() -> None:
            # The loop does it after `begin`, which was handed to it before.
            loop.call_soon_threadsafe(lambda: [task.cancel() for task in tasks])

        loop.call_soon_threadsafe(begin)
        return cancel

    def close(self) -> None:
        """Stop the loop; coroutines that still run are cancelled."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        import asyncio

        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(timeout=5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=5)
        self._ended.put(None)
        loop.close()

    def _take_up(self) -> None:
        while (ended := self._ended.get()) is not None:
            ended()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                # Loaded with the first coroutine: most graphs have none, and it takes as long as a small graph does.
                import asyncio

                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="flowra-await", daemon=True)
                self._thread.start()
                threading.Thread(target=self._take_up, name="flowra-awaited", daemon=True).start()
            return self._loop


async def _cancel_all() -> None:
    import asyncio

    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
