"""What hands the items of a batch to a run, and takes up what comes of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flowra.exceptions import FlowraError, GraphInvalidError
from flowra.execute.batch.item import BatchItem
from flowra.execute.batch.template import BatchTemplate, Filled

__all__ = ["BatchFeed", "Ended", "Finish", "Window"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How an item ended in a run.

    Attributes:
        item: The item.
        status: How.
        outputs: What was asked for, by name, as plain values; what could not be had is missing.
        error: Why it failed.
        seconds: How long it took.
        cached: Whether nothing had to run for it.
    """

    item: BatchItem
    status: Literal["succeeded", "failed", "cancelled"]
    outputs: Mapping[str, Any]
    error: FlowraError | None
    seconds: float
    cached: bool


Finish = Callable[[Ended], None]


class Window:
    """How many items are under way at once: begun, and their results not taken yet.

    Args:
        most: How many, at most.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._changed = threading.Condition()
        self._closed = False

    def enter(self) -> bool:
        """Wait for a place and take it; False once the window was closed."""
        with self._changed:
            while not self._free and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._free -= 1
            return True

    def leave(self) -> None:
        """Give a place back."""
        with self._changed:
            self._free += 1
            self._changed.notify()

    def close(self) -> None:
        """Let nothing in any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class BatchFeed:
    """The items of a batch, as a run takes them.

    Args:
        template: The plan of all of them.
        items: The items; gone through once, on a thread of its own.
        window: How many are under way at once.
        finish: Told how each ended, on the thread that ended it.

    Attributes:
        stopped: Told when no more items are to be begun; the source of the items may wait at that time.
        error: What the source of the items raised.
    """

    def __init__(self, template: BatchTemplate, items: Iterable[BatchItem], window: Window, finish: Finish) -> None:
        self.template = template
        self._items = items
        self._window = window
        self._finish = finish
        self.stopped: Callable[[], None] = lambda: None
        self.error: BaseException | None = None

    def run(self, begin: Callable[[BatchItem, Mapping[str, Filled]], None], skip: Callable[[BatchItem], None]) -> None:
        """Hand out all items, each when there is room for it.

        Args:
            begin: Begins an item whose values were put in.
            skip: Told an item that can't be run.
        """
        try:
            for item in self._items:
                if not self._window.enter():
                    return
                try:
                    if item.problem is not None:
                        raise item.problem
                    filled = self.template.fill(item.values, item.of_graph)
                except (GraphInvalidError, FlowraError) as error:
                    skip(item)
                    self.end(Ended(item, "failed", {}, error, 0.0, cached=False))
                else:
                    begin(item, filled)
        except BaseException as error:  # noqa: BLE001  the source is the caller's: whoever waits for results gets it
            self.error = error

    def raise_error(self) -> None:
        """Raise what the source of the items raised, if it did."""
        if self.error is not None:
            raise self.error

    def end(self, ended: Ended) -> None:
        """Take up how an item ended."""
        self._finish(ended)

    def stop(self) -> None:
        """Hand out no more items."""
        self._window.close()
        self.stopped()
