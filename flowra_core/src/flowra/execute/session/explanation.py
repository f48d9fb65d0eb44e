"""Says in words why a node ran in a run, or why it did not: by comparing what its key was made of."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flowra.dag.key import differences
from flowra.exceptions import RunError, UsageError
from flowra.execute.scheduler.state import ITEM_MARK, item_of, node_name
from flowra.execute.session.history import JournalEntry, PastRun, RunHistory
from flowra.storage.store import Store

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True)
class Explanation:
    """Why a node ran, or did not.

    Attributes:
        run: The run's id.
        node: The node, or one item of it.
        verdict: What happened, in a sentence.
        reasons: What of its key changed since the run that it is compared with; empty where nothing did.
        compared_with: That run's id; empty where there is none.
    """

    run: str
    node: str
    verdict: str
    reasons: tuple[str, ...] = ()
    compared_with: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def explain(history: RunHistory, store: Store | None, run: str, node: str) -> Explanation:
    """Say why a node ran in a run, or why it did not.

    Args:
        history: The journals.
        store: Where the records lie, with what keys were made of.
        run: The run: an id, the beginning of one, or `last`.
        node: The node's name in the run.

    Raises:
        UsageError: There is no such run, or no such node in it.
    """
    past = history.find(run)
    entry = past.calls.get(node)
    if entry is None:
        return _without_result(past, node)
    if entry.how == "cached":
        return Explanation(past.id, node, "did not run: its result was recorded before, for the same code and inputs")
    if entry.how == "resumed":
        return Explanation(past.id, node, "did not run: it had succeeded in the run that was resumed")
    if entry.key is None:
        return Explanation(
            past.id, node, "ran: it can't be keyed, so nothing can stand in for it (the run's log says why)"
        )
    earlier = _earlier(history, past, node)
    if earlier is None:
        return Explanation(past.id, node, "ran: no earlier run of this graph has it")
    before, entry_before = earlier
    if entry_before.key == entry.key:
        return _same_key(past, before, entry)
    old, new = _preimage(entry_before, store), _preimage(entry, store)
    if old is None or new is None:
        verdict = "ran: its key changed; what of it is no longer known, since a record was dropped from the store"
        return Explanation(past.id, node, verdict, (), before.id)
    return Explanation(past.id, node, f"ran: since {before.id} this changed", tuple(differences(old, new)), before.id)


def _same_key(past: PastRun, before: PastRun, entry: JournalEntry) -> Explanation:
    verdict = (
        f"ran, with the same code and inputs as in {before.id}: it is declared not cacheable, the cache was off "
        "for it, it was refreshed, or its result was dropped from the store"
    )
    return Explanation(past.id, entry.node, verdict, (), before.id)


def _without_result(past: PastRun, node: str) -> Explanation:
    if node in past.failures:
        error = past.failures[node]
        return Explanation(past.id, node, f"failed: {error.get('why') or error.get('what')}")
    if past.is_batch and (shared := [name for name in past.calls if node_name(name) == node_name(node)]):
        verdict = (
            "ran for items: ask for one of them, as in "
            if item_of(node) is None
            else "did not run for this item by itself: it is shared by items that give it the same, as in "
        )
        return Explanation(past.id, node, verdict + ", ".join(shared[:3]))
    items = [name for name in past.calls if name.startswith(f"{node}[")]
    if items:
        verdict = f"maps over a list: ask for one of its {len(items)} items, as in {items[0]}"
        return Explanation(past.id, node, verdict)
    graph = past.header.get("graph")
    known = [*past.calls, *(graph.get("nodes", {}) if isinstance(graph, Mapping) else {})]
    if node in known:
        return Explanation(past.id, node, "gave no result: it was not asked for, or something before it failed")
    near = difflib.get_close_matches(node, known, n=1)
    raise UsageError(
        f"the run {past.id} has no node {node!r}",
        fix=f"did you mean {near[0]}?" if near else f"flowra runs show {past.id} lists its nodes",
    )


def _earlier(history: RunHistory, past: PastRun, node: str) -> tuple[PastRun, JournalEntry] | None:
    """Return the latest run of the same graph before a run in which the node gave a result."""
    ids = history.ids()
    for run_id in ids[ids.index(past.id) + 1 :]:
        try:
            candidate = history.read(run_id)
        except RunError:
            continue
        if candidate.name != past.name:
            continue
        entry = candidate.calls.get(_name_in(candidate, past, node))
        if entry is not None and entry.key is not None:
            return candidate, entry
    return None


def _name_in(candidate: PastRun, past: PastRun, node: str) -> str:
    """Return what a call is called in another run: an item of a batch may have another number there."""
    number = item_of(node)
    item = past.items.get(number) if number is not None else None
    if item is None:
        return node
    for alike in ("given", "label"):
        for other, each in candidate.items.items():
            if item.get(alike) and each.get(alike) == item.get(alike):
                return f"{ITEM_MARK}{other}/{node_name(node)}"
    return "" if candidate.items else node


def _preimage(entry: JournalEntry, store: Store | None) -> Mapping[str, Any] | None:
    if entry.preimage is not None:
        return entry.preimage
    record = store.lookup(entry.key) if store is not None and entry.key is not None else None
    if record is None:
        return None
    try:
        preimage = json.loads(record.preimage)
    except (ValueError, RecursionError):
        return None  # whoever can write to a shared store can write anything there
    return preimage if isinstance(preimage, dict) else None
