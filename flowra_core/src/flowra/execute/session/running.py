"""A run that goes on in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillRunning

from flowra.execute.control import RunControl
from flowra.execute.session.run import Run

__all__ = ["RunningRun"]


class RunningRun:
    """A run on a thread of its own: wait for it, or cancel it.

    Attributes:
        control: Stops the run.
    """

    def __init__(self, run: Callable[[], Run], control: RunControl) -> None:
        self.control = control
        self._future: Future[Run] = Future()
        self._thread = threading.Thread(target=self._go, args=(run,), name="flowra-run", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._future.done()

    def wait(self, timeout: float | None = None) -> Run:
        """Return what came of it, once it has ended.

        Args:
            timeout: Seconds to wait at most; None to wait as long as it takes.

        Raises:
            TimeoutError: It has not ended in that time.
            FlowraError: It could not be run to its end: an output can't be written, the store can't be opened.
        """
        try:
            return self._future.result(timeout)
        except StillRunning:
            if self._future.done():
                raise  # it ended with a TimeoutError of its own
            raise TimeoutError("the run has not ended yet") from None

    def cancel(self) -> None:
        """End it after the nodes that are running; `wait` returns the run, with the status `cancelled`."""
        self.control.cancel()

    def _go(self, run: Callable[[], Run]) -> None:
        try:
            self._future.set_result(run())
        except BaseException as error:  # noqa: BLE001  whoever waits for the run gets it
            self._future.set_exception(error)
