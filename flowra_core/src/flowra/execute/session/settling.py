"""The end of a run with a remote store: what is on its way there is waited for."""

from __future__ import annotations

from collections.abc import Iterator

from flowra.dag.catalog import NodeCatalog
from flowra.exceptions import FlowraError, StoreError, StoreUnavailableError, UsageError
from flowra.execute.control import RunControl
from flowra.execute.session.history import RunHistory
from flowra.storage.store import Store
from flowra.storage.tiers.store import TieredStore

__all__ = ["check_remote", "settle"]


def check_remote(store: Store | None) -> TieredStore:
    """Return a store as one whose remote tier can be relied on, as far as can be said before a run.

    Raises:
        UsageError: It has no remote tier.
        StoreError: Its remote tier does not answer, or takes nothing.
    """
    if not isinstance(store, TieredStore):
        raise UsageError(
            "there is no remote store that results could be required in",
            where=store.location if store is not None else None,
            fix="name one, as in --store s3://bucket/prefix, or leave --require-remote out",
        )
    remote = store.remote
    if not remote.answers() or remote.lost_for():
        raise StoreUnavailableError(
            "the store does not answer, and results are required in it",
            where=remote.location,
            why=remote.reason or None,
            fix=f"flowra store check {store.location} says more; without --require-remote the run goes on locally",
        )
    if not remote.writable:
        raise StoreError(
            "the store is read-only for us, and results are required in it",
            where=remote.location,
            why=remote.reason or None,
        )
    return store


def settle(
    store: Store | None, run: str, history: RunHistory, catalog: NodeCatalog, control: RunControl, *, require: bool
) -> None:
    """Wait for what is on its way; see `Session.settle`."""
    if require:
        uploads = check_remote(store).uploads
        uploads.require(_keys(run, history, catalog), give_up=lambda: control.cancelled)
    elif isinstance(store, TieredStore) and store.uploads.left:
        store.uploads.wait(give_up=lambda: control.cancelled)


def _keys(run: str, history: RunHistory, catalog: NodeCatalog) -> Iterator[bytes]:
    """Yield the keys of a run's results, except of nodes that state that their results stay on the machine."""
    stays: dict[str, bool] = {}
    for call in history.read(run).calls.values():
        if call.type not in stays:
            try:
                stays[call.type] = catalog.describe(call.type).traits.remote is False
            except FlowraError:  # a class of the program's own, that no pack contributes
                stays[call.type] = False
        if call.key is not None and not stays[call.type]:
            yield call.key
