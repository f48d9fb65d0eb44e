"""A batch that goes on: its items run in one run, and their results come as they end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextvars import copy_context
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal
from weakref import ref

from flowra.dag.port import jsonable
from flowra.exceptions import FlowraError, NodeFailedError, StoreError
from flowra.execute.batch import feed as feeding
from flowra.execute.batch.feed import BatchFeed, Window
from flowra.execute.batch.item import ItemResult, Totals, item_folder
from flowra.execute.batch.source import ItemSource
from flowra.execute.control import RunControl
from flowra.execute.executor import Executor
from flowra.execute.session.export import export_outputs
from flowra.type.value.base import ValueType

if TYPE_CHECKING:
    from flowra.execute.batch.template import BatchTemplate
    from flowra.execute.session.opening import OpenRun

__all__ = ["Batch"]


class Batch:
    """The results of a batch, each once it is there; to be gone through once.

    A batch that is no longer gone through is cancelled: with the loop that is left early, or by `close`, of the batch
    or of its session.

    Attributes:
        id: The id of its run; empty for a batch without items.
        output_dir: The folder for the files of the run.
        totals: How many items came to what, so far.
        failures: Why nodes failed that run once for all items, by id, once it has ended.
        control: Stops it.
        warnings: What went wrong without stopping it, once it has ended.
        not_uploaded: Why not every result is in the remote store, where that is required, once it has ended.
    """

    def __init__(
        self,
        source: ItemSource,
        *,
        control: RunControl,
        ordered: bool,
        stop_after: int | None,
        export: bool,
    ) -> None:
        self.id = ""
        self.output_dir = Path()
        self.totals = Totals(source.total)
        self.control = control
        self.failures: Mapping[str, NodeFailedError] = {}
        self.warnings: tuple[str, ...] = ()
        self.not_uploaded: StoreError | None = None
        self._ordered = ordered
        self._stop_after = stop_after
        self._export = export
        self._types: dict[str, ValueType] = {}
        self._opened: OpenRun | None = None
        self._feed: BatchFeed | None = None
        self._window: Window | None = None
        self._results: SimpleQueue[ItemResult | None] = SimpleQueue()
        self._counting = threading.Lock()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        # Not kept here: it has to end with the loop that goes through it.
        self._generator: ref[Generator[ItemResult, None, None]] | None = None
        self._status: Literal["succeeded", "failed", "cancelled"] | None = None
        self._began = time.perf_counter()

    def start(
        self,
        template: BatchTemplate,
        items: Iterator[Any],
        in_flight: int,
        executor: Executor,
        opened: Callable[[BatchFeed], OpenRun],
    ) -> None:
        """Begin to run; the session calls it."""
        self._window = Window(in_flight)
        self._types = {name: template.plan.output_type(output) for name, output in template.exported.items()}
        self._feed = BatchFeed(template, items, self._window, self._finish)
        self._opened = opened(self._feed)
        job = self._opened.job
        self.id, self.output_dir = job.run_id, job.output_dir
        run = copy_context().run
        self._thread = threading.Thread(target=run, args=(self._run, executor), name="flowra-run", daemon=True)
        self._thread.start()

    @property
    def status(self) -> Literal["running", "succeeded", "failed", "cancelled"]:
        """How it ended, once it has.

        `failed` if an item failed, or a node that runs once for all of them; `cancelled` if not all were run.
        """
        if self._thread is None:
            return "succeeded"
        # Of what is not waited for nothing else will be heard.
        return self._status or ("cancelled" if self.control.immediate else "running")

    def cancel(self) -> None:
        """End it after the nodes that are running."""
        self.control.cancel()

    def close(self) -> None:
        """Cancel what has not ended, and wait for what is running."""
        self._end()

    def __iter__(self) -> Iterator[ItemResult]:
        generator = self._generator() if self._generator is not None else None
        if generator is None:
            # What is left of a batch whose loop was left early is not given to another one.
            generator = self._taken() if self._generator is None else _nothing()
            self._generator = ref(generator)
        return generator

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _taken(self) -> Generator[ItemResult, None, None]:
        if self._thread is None:
            return
        assert self._window is not None
        waiting: dict[int, ItemResult] = {}
        due = 0
        taker = threading.get_ident()
        try:
            while (result := self._results.get()) is not None:
                taker = threading.get_ident()
                if not self._ordered:
                    self._window.leave()
                    yield result
                    continue
                waiting[result.index] = result
                while due in waiting:
                    self._window.leave()
                    yield waiting.pop(due)
                    due += 1
            # Of a batch that was stopped some never came.
            for index in sorted(waiting):
                yield waiting[index]
        finally:
            # A loop that is left may be cleared away on a thread of the run, which must not wait for itself.
            self._end(wait=threading.get_ident() == taker)
        if self._error is not None:
            raise self._error

    def _end(self, *, wait: bool = True) -> None:
        if self._thread is None:
            return
        if self._status is None and self._feed is not None:
            if self._results.empty() and wait:
                self._thread.join(0.05)
            if self._status is None:
                self.control.cancel()
                self._feed.stop()
        if wait and not self.control.immediate:
            self._thread.join()

    def _run(self, executor: Executor) -> None:
        opened = self._opened
        assert opened is not None
        assert self._feed is not None
        try:
            with opened.running():
                outcome = executor.execute(opened.job)
                self._feed.raise_error()
            self.totals.seconds = time.perf_counter() - self._began
            self.failures = outcome.failures
            failed = self.totals.failed or outcome.failures
            status: Literal["succeeded", "failed", "cancelled"]
            status = "cancelled" if self.control.cancelled else "failed" if failed else "succeeded"
            opened.close(status, {})
            self.warnings = tuple(opened.warnings)
            self.not_uploaded = opened.not_uploaded
        except BaseException as error:  # noqa: BLE001  whoever takes the results gets it
            self._error = error
            status = "cancelled" if isinstance(error, KeyboardInterrupt) else "failed"
        self._status = status
        self._results.put(None)

    def _finish(self, ended: feeding.Ended) -> None:
        """Take up how an item ended, on the thread that ended it: write its files, tell of it, hand it on."""
        opened = self._opened
        assert opened is not None
        assert self._feed is not None
        item, status, error = ended.item, ended.status, ended.error
        files: dict[str, Any] = {}
        if self._export and ended.outputs:
            try:
                files = export_outputs(
                    {name: (value, self._types[name]) for name, value in ended.outputs.items() if name in self._types},
                    item_folder(self.output_dir, item.index),
                    values_file=False,
                )
            except FlowraError as failed:
                status, error = "failed", error or failed
        result = ItemResult(
            index=item.index,
            label=item.label,
            given=item.values,
            status=status,
            outputs=ended.outputs,
            files=files,
            error=error,
            seconds=ended.seconds,
            cached=ended.cached,
            setting=item.setting,
        )
        if opened.journal is not None and status != "cancelled":
            opened.journal.item(line_of(result))
        if opened.reporter.listens:
            opened.reporter.item(result)
        with self._counting:
            self.totals.add(result)
            self.totals.seconds = time.perf_counter() - self._began
            if self._stop_after is not None and self.totals.failed >= self._stop_after:
                self._feed.stop()
        self._results.put(result)


def _nothing() -> Generator[ItemResult, None, None]:
    yield from ()


def line_of(result: ItemResult) -> dict[str, Any]:
    """Return a result as plain data: what the journal and events say of it."""
    files = result.files or {name: {"value": value} for name, value in result.outputs.items() if _is_plain(value)}
    return {
        "item": result.index,
        "label": result.label,
        "status": result.status,
        "seconds": round(result.seconds, 6),
        "cached": result.cached,
        "given": {name: _shown(value) for name, value in result.given.items()},
        "outputs": dict(files),
        "error": None if result.error is None else result.error.to_json(),
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    return value is None or isinstance(value, (bool, int, float, str))


def _shown(value: Any) -> Any:
    """Return what an item gave as plain data; what lives in memory by its type alone."""
    if _is_plain(value) or isinstance(value, Path):
        return jsonable(value)
    return f"({type(value).__name__})"
