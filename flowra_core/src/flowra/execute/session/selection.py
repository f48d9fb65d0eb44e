"""Which results belong to a graph, without running it."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowra.dag.catalog import NodeCatalog
from flowra.dag.key import Keyer
from flowra.dag.plan.logical import LogicalPlan
from flowra.dag.plan.planner import outputs_of
from flowra.execute.cache import ResultCache
from flowra.execute.planning import ask_cache
from flowra.execute.policy import CachePolicy
from flowra.execute.stored_values import StoredValues
from flowra.storage.record import Record
from flowra.storage.store import Store

__all__ = ["keys_of_plan"]


@dataclass
class _NotingCache(ResultCache):
    """Keeps the keys that it is asked for."""

    asked: list[bytes] = field(default_factory=list)

    def _looked_up(self, keys: list[bytes], store: Store | None = None) -> dict[bytes, Record]:
        self.asked += keys
        return super()._looked_up(keys, store)


def keys_of_plan(plan: LogicalPlan, catalog: NodeCatalog, store: Store) -> list[bytes]:
    """Return the keys of a plan's calls, as far as they are known: those that come after a miss are not."""
    keyer = Keyer(catalog, file_digest=store.file_digest)
    cache = _NotingCache(StoredValues(store), keyer, CachePolicy(), lambda *_: None)
    ask_cache(plan, cache, outputs_of(plan).values())
    return list(dict.fromkeys(cache.asked))
