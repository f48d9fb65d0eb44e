"""The end of a run with a remote store: what is on its way there is waited for."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from flowra.dag.catalog import NodeCatalog
from flowra.exceptions import FlowraError, StoreError, StoreUnavailableError, UsageError
from flowra.execute.control import RunControl
from flowra.execute.session.history import RunHistory
from flowra.storage.store import Store

if TYPE_CHECKING:
    from flowra.storage.tiers.store import TieredStore

__all__ = ["AfterRun", "check_remote", "settle"]

#: What of the results that are on their way when a run has ended.
AfterRun = Literal["later", "wait", "require"]


def check_remote(store: Store | None) -> TieredStore:
    """Return a store as one whose remote tier can be relied on, as far as can be said before a run.

    Raises:
        UsageError: It has no remote tier.
        StoreError: Its remote tier does not answer, or takes nothing.
    """
    from flowra.storage.tiers.store import TieredStore

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
            fix=f"flowra store check {shlex.quote(store.location)} says more; without --require-remote the run goes on "
            "locally",
        )
    if not remote.writable:
        raise StoreError(
            "the store is read-only for us, and results are required in it",
            where=remote.location,
            why=remote.reason or None,
        )
    return store


def settle(
    store: Store | None, history: RunHistory, run: str, catalog: NodeCatalog, control: RunControl, after: AfterRun
) -> StoreError | None:
    """Wait for what is on its way, as `Session.run` says; return why not everything is there that has to be."""
    if store is None or not store.tiered:
        return None
    from flowra.storage.tiers.store import TieredStore

    assert isinstance(store, TieredStore), "no other has tiers"
    if control.cancelled:
        store.uploads.hurry()
    if after == "later" or control.cancelled:
        return None
    if after == "wait":
        store.uploads.wait(give_up=lambda: control.cancelled)
        return None
    try:
        store.uploads.require(_keys(run, history, catalog, store), give_up=lambda: control.cancelled)
    except StoreError as error:
        return error
    return None


def _keys(run: str, history: RunHistory, catalog: NodeCatalog, store: TieredStore) -> Iterator[bytes]:
    """Yield the keys of a run's results, except of nodes that state that their results stay on the machine."""
    stays: dict[str, bool] = {}
    for call in history.read(run).calls.values():
        if call.type not in stays:
            try:
                stays[call.type] = catalog.describe(call.type).traits.remote is False
            except FlowraError:  # a class of the program's own, that no pack contributes
                stays[call.type] = False
        if call.key is None or stays[call.type]:
            continue
        # What is not cached has a key, but no result under it.
        if call.outputs is None or store.local.lookup(call.key) is not None:
            yield call.key
