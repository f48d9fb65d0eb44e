"""Opens a run: its id, its folder, its journal, what listens to it, and what of its plan is known already."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowra.config.settings import load_settings
from flowra.dag.catalog import NodeCatalog
from flowra.dag.plan.logical import LogicalPlan, NodeOutput
from flowra.dag.plan.physical import PhysicalPlan, physical_plan
from flowra.dag.plan.planner import outputs_of
from flowra.exceptions import PluginError, StoreError, UsageError
from flowra.execute.batch.feed import BatchFeed
from flowra.execute.capture import capturing
from flowra.execute.control import RunControl, interruptible
from flowra.execute.executor import Job, Watcher
from flowra.execute.policy import CachePolicy
from flowra.execute.session.export import check_folder
from flowra.execute.session.history import PastRun, RunHistory
from flowra.execute.session.journal import Journal
from flowra.execute.session.reporting import EventReporter, Observer
from flowra.execute.session.run import new_run_id
from flowra.execute.session.settling import AfterRun, check_remote, settle
from flowra.execute.values import Value
from flowra.model.models import Models
from flowra.storage.store import Store

if TYPE_CHECKING:
    from flowra.execute.cache import ResultCache

__all__ = ["OpenRun", "RunOpener", "RunOptions"]


@dataclass(frozen=True)
class RunOptions:
    """What a run is asked to do besides its plan; see `Session.run`."""

    output_dir: str | Path | None = None
    observers: Sequence[Observer] = ()
    control: RunControl | None = None
    policy: CachePolicy | None = None
    resume: str | None = None
    header: Mapping[str, Any] | None = None
    watcher: Watcher | None = None
    uploads: AfterRun = "later"


@dataclass
class OpenRun:
    """A run that goes on.

    Attributes:
        job: What its executor gets.
        reporter: Who is told.
        journal: Its journal; None without a cache.
        began: When it began, by `time.perf_counter`.
        history: The journals of all runs.
        uploads: What of the results that are on their way to a remote store when it ends.
        warnings: What went wrong without stopping it.
        not_uploaded: Why not every result is in the remote store, where that is required.
    """

    job: Job
    reporter: EventReporter
    journal: Journal | None
    began: float
    history: RunHistory
    uploads: AfterRun
    warnings: list[str] = field(default_factory=list)
    not_uploaded: StoreError | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Surround the run's execution; what is raised in it ends the run."""
        try:
            with (
                interruptible(self.job.control),
                capturing() if self.reporter.observed else nullcontext(),
                _heard(self.job.cache, self.reporter),
            ):
                yield
        except (KeyboardInterrupt, Exception) as error:
            self._finish("cancelled" if isinstance(error, KeyboardInterrupt) else "failed", {})
            raise

    def close(self, status: str, outputs: dict[str, Any]) -> float:
        """End the run, and return how long it took in seconds."""
        cache = self.job.cache
        if cache is not None:
            cache.flush()
            self.warnings += [cache.values.broken] if cache.values.broken else []
        if self.journal is not None and self.journal.broken:
            self.reporter.log("", self.journal.broken, "warning")
            self.warnings.append(self.journal.broken)
        seconds = self._finish(status, outputs, self.uploads)
        self.warnings += self.reporter.broken
        return seconds

    def _finish(self, status: str, outputs: dict[str, Any], uploads: AfterRun = "later") -> float:
        seconds = time.perf_counter() - self.began
        if self.journal is not None:
            self.journal.finish(status, seconds, outputs)
        job = self.job
        if job.cache is not None:
            with _heard(job.cache, self.reporter):
                self.not_uploaded = settle(job.cache.store, self.history, job.run_id, job.catalog, job.control, uploads)
        self.reporter.finished(status, seconds, outputs)
        return seconds


class RunOpener:
    """Opens the runs of a session.

    Args:
        catalog: The node types at hand.
        store: Gives the store; None for a session without a cache.
        cache: Whether results are kept at all.
        observers: Who is told the events of every run.
    """

    def __init__(
        self, catalog: NodeCatalog, store: Callable[[], Store | None], *, cache: bool, observers: Sequence[Observer]
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._cache = cache
        self._observers = list(observers)

    @property
    def history(self) -> RunHistory:
        """The journals of earlier runs."""
        return RunHistory(load_settings().cache_dir / "runs")

    def open(
        self, plan: LogicalPlan, options: RunOptions, *, feed: BatchFeed | None = None, asked: LogicalPlan | None = None
    ) -> OpenRun:
        """Open a run.

        Args:
            plan: Its plan.
            options: What it is asked to do.
            feed: The items that the plan is run for.
            asked: The part of the plan that the cache is asked for; all of it if None.

        Raises:
            UsageError: There is no such run to resume, or the folder can't be written to.
            StoreError: The store can't be opened; or results are required there, and it does not take any.
        """
        # First: what is wrong with it is said before anything is begun.
        store = self._store()
        if options.uploads == "require":
            check_remote(store)
        run_id = new_run_id(plan.name)
        output_dir = options.output_dir
        folder = Path(output_dir) if output_dir is not None else load_settings().output_dir / run_id
        folder = folder.absolute()
        check_folder(folder)
        earlier = self._earlier(options.resume)
        began = time.perf_counter()
        control = options.control if options.control is not None else RunControl()
        reporter, warnings = self.reporter(run_id, options.observers, control)
        wanted = outputs_of(plan) if feed is None else feed.template.wanted
        origin = "" if earlier is None else str(earlier.header.get("origin") or earlier.id)
        header = {**(options.header or {}), **({"origin": origin} if origin else {})}
        journal = self._journal(run_id, plan, folder, header)
        reporter.planned(plan.name, len(plan.nodes), str(folder))
        for warning in warnings:
            reporter.log("", warning, "warning")
        models = Models(load_settings(), self._catalog.manager)
        cache = self.result_cache(reporter, options.policy, journal, earlier, models)
        if cache is not None and earlier is not None:
            cache.goes_on = _is_same(earlier, plan, options.header)
        with _heard(cache, reporter):
            physical, known = asked_of(plan, cache, wanted.values(), asked)
        job = Job(
            run_id=run_id,
            plan=physical,
            known=known,
            catalog=self._catalog,
            wanted=frozenset(wanted.values()),
            output_dir=folder,
            reporter=reporter,
            control=control,
            cache=cache,
            watcher=options.watcher,
            models=models,
            origin=origin,
            batch=feed,
        )
        return OpenRun(job, reporter, journal, began, self.history, options.uploads, warnings)

    def reporter(
        self, run_id: str, observers: Sequence[Observer], control: RunControl
    ) -> tuple[EventReporter, list[str]]:
        """Return what tells everyone the events of a run, and which packs' observers can't be told."""
        contributed, warnings = self._contributed_observers()
        return EventReporter(run_id, [*self._observers, *observers, *contributed], control), warnings

    def result_cache(
        self,
        reporter: EventReporter,
        policy: CachePolicy | None,
        journal: Journal | None,
        earlier: PastRun | None,
        models: Models,
    ) -> ResultCache | None:
        """Return what looks results up for one run; None for a session without a cache."""
        store = self._store()
        if store is None:
            return None
        from flowra.dag.key import Keyer
        from flowra.execute.cache import ResultCache
        from flowra.execute.stored_values import StoredValues

        def warn(node: str, reason: str) -> None:
            reporter.log(node, reason, "warning")

        return ResultCache(
            values=StoredValues(store, lambda reason: warn("", reason)),
            # One for each run: it takes code, libraries and files as it sees them first.
            keyer=Keyer(self._catalog, file_digest=store.file_digest, models=models),
            policy=policy if policy is not None else CachePolicy(),
            warn=warn,
            journal=journal,
            resumed=earlier.calls if earlier is not None else {},
        )

    def _earlier(self, resume: str | None) -> PastRun | None:
        if resume is None:
            return None
        if not self._cache:
            raise UsageError("a run can only be resumed with a cache", fix="open the session without cache=False")
        return self.history.find(resume)

    def _journal(
        self, run_id: str, plan: LogicalPlan, folder: Path, header: Mapping[str, Any] | None
    ) -> Journal | None:
        if not self._cache:
            return None
        about = {
            "name": plan.name,
            "folder": str(plan.folder),
            "targets": sorted(plan.targets),
            "output_dir": str(folder),
        }
        return Journal(self.history.path_of(run_id), {"run": run_id, **about, **(header or {})})

    def _contributed_observers(self) -> tuple[list[Observer], list[str]]:
        observers: list[Observer] = []
        warnings = []
        manager = self._catalog.manager
        for pack, entry in manager.entries("observers"):
            try:
                loaded = manager.load(entry.target, pack)
                observers.append(loaded() if isinstance(loaded, type) else loaded)
            except Exception as error:  # noqa: BLE001  a pack's observer is no reason for a run not to begin
                said = error.what if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
                warnings.append(f"observer {entry.name} of {pack} can't be used: {said}")
        return observers, warnings


def _heard(cache: ResultCache | None, reporter: EventReporter) -> AbstractContextManager[None]:
    """Have what a store says while a run uses it become the run's events."""
    return cache.store.heard_by(reporter) if cache is not None else nullcontext()


def asked_of(
    plan: LogicalPlan, cache: ResultCache | None, wanted: Iterable[NodeOutput], asked: LogicalPlan | None = None
) -> tuple[PhysicalPlan, Mapping[str, Mapping[str, Value]]]:
    """Return the physical plan, and the values of what is known.

    Args:
        plan: The plan.
        cache: What is asked; None to know nothing.
        wanted: The outputs that are asked for.
        asked: The part of the plan that the cache is asked for; all of it if None.
    """
    if cache is None:
        return physical_plan(plan, frozenset(), frozenset(), wanted), {}
    from flowra.execute.planning import ask_cache

    wanted = list(wanted)
    physical, known = ask_cache(asked if asked is not None else plan, cache, wanted)
    return (physical if asked is None else physical_plan(plan, physical.known, physical.missed, wanted)), known


def _is_same(earlier: PastRun, plan: LogicalPlan, header: Mapping[str, Any] | None) -> bool:
    """Tell whether a run runs what an earlier one ran: the same graph, with the same inputs and folder."""
    now = json.loads(json.dumps({**(header or {}), "folder": str(plan.folder)}, default=str))
    return all(
        now.get(part) is not None and now[part] == earlier.header.get(part) for part in ("graph", "inputs", "folder")
    )
