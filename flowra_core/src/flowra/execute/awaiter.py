"""Runs the coroutines of `async` nodes, all on one event loop, so that they overlap without a thread each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

__all__ = ["Awaiter"]


class Awaiter:
    """An event loop on a thread of its own, started with the first coroutine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(
        self, coroutine: Coroutine[Any, Any, Any], done: Callable[[Callable[[], Any]], None]
    ) -> Callable[[], None]:
        """Run a coroutine, and call `done` with a function that gives its result or raises what it raised.

        Returns a function that cancels the coroutine.

        Args:
            coroutine: What to run, in the context of the caller.
            done: Called on the loop's thread; it should not take long.
        """
        loop = self._running_loop()
        context = copy_context()
        tasks: list[asyncio.Task[Any]] = []

        def begin() -> None:
            task = context.run(loop.create_task, coroutine)
            task.add_done_callback(lambda ended: done(ended.result))
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
        loop.close()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                # Loaded with the first coroutine: most graphs have none, and it takes as long as a small graph does.
                import asyncio

                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="flowra-await", daemon=True)
                self._thread.start()
            return self._loop


async def _cancel_all() -> None:
    import asyncio

    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
