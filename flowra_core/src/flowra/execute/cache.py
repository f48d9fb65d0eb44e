"""The results of earlier runs: found by the key of a call, kept when a call has been made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowra.dag.key import ActionKey, Keyer, Unkeyable
from flowra.dag.plan.logical import PlannedNode
from flowra.exceptions import NodeFailedError, StoreError
from flowra.execute.asked_models import models_asked, record_of_models
from flowra.execute.call_keys import CallKeys
from flowra.execute.encoding import ValueGoneError
from flowra.execute.given import given_inputs, replay_command
from flowra.execute.policy import CachePolicy
from flowra.execute.scheduler.state import Call, item_of, node_name
from flowra.execute.stored_values import StoredValues, value_of
from flowra.execute.values import ABSENT, Ended, Held, Many, Value
from flowra.storage.record import Record
from flowra.storage.refs import BlobRef, EndedRef, InlineRef, ListRef, Ref
from flowra.storage.store import KeyLock, Store
from flowra.type.value.scalar import File, Folder

if TYPE_CHECKING:
    from flowra.execute.session.history import JournalEntry
    from flowra.execute.session.journal import Journal
    from flowra.model import UsedModel

__all__ = ["ResultCache"]


@dataclass
class ResultCache:
    """Looks calls up in a store, and in the run that is resumed; records them there, and in the run's journal.

    Attributes:
        values: Reads and writes values, in the store in which the records are too.
        keyer: Makes the keys.
        policy: Which nodes are looked up.
        warn: Told once for each node that can't be cached though it says it can, with the reason.
        journal: The run's journal; None to write none.
        resumed: The calls that ended in the run that is resumed, by name.
        goes_on: Whether the same graph with the same inputs is run as in the run that is resumed; without that a call
            that has no key may be another than it was.
    """

    values: StoredValues
    keyer: Keyer
    policy: CachePolicy
    warn: Callable[[str, str], None]
    journal: Journal | None = None
    resumed: Mapping[str, JournalEntry] = field(default_factory=dict)
    goes_on: bool = False
    _warned: set[str] = field(default_factory=set)
    _resumed_by_key: dict[bytes, JournalEntry] | None = None

    def __post_init__(self) -> None:
        self._keys = CallKeys(self.keyer, self.values, self._not_keyed)

    @property
    def store(self) -> Store:
        """Where values and records are."""
        return self.values.store

    def key(self, call: Call) -> ActionKey | None:
        """Return the key of a call, or None where it can't have one: then its result is used in this run alone."""
        return self._keys.of(call)

    def find_many(self, calls: Sequence[Call]) -> list[dict[str, Value] | Ended | None]:
        """Return for each call what it gave in the run that is resumed or in an earlier one; None where it has to run.

        The store is asked once for all of them.
        """
        found: list[dict[str, Value] | Ended | None] = []
        asked: list[tuple[int, ActionKey]] = []
        for place, call in enumerate(calls):
            key = self.key(call)
            resumed = self.resume(key, call) if self.resumed else None
            found.append(resumed)
            if key is not None and resumed is None and self.shares(call) and not self._refreshes(call):
                asked.append((place, key))
        for (place, _), record in zip(asked, self._recorded([key for _, key in asked]), strict=True):
            if record is not None:
                found[place] = self._usable(record[1].outputs, calls[place], record[0], "cached")
        return found

    def shares(self, call: Call) -> bool:
        """Tell whether a call's result may stand in for running it, here or elsewhere."""
        traits = call.node.description.traits
        if not traits.cacheable or self.policy.everything_off:
            return False
        off = self.policy.off
        return not off or node_name(call.state.name) not in off

    def recall(self, key: ActionKey, call: Call) -> dict[str, Value] | Ended | None:
        """Return the outputs recorded for a key, not read yet; None where there are none that can be used."""
        if self._refreshes(call):
            return None
        record = self._recorded([key], self._store_of(call))[0]
        return None if record is None else self._usable(record[1].outputs, call, record[0], "cached")

    def resume(self, key: ActionKey | None, call: Call) -> dict[str, Value] | Ended | None:
        """Return the outputs that a call gave in the run that is resumed, if it is the same call."""
        if not self.resumed or (key is None and not self.goes_on):
            return None
        entry = self._resumed_entry(key, call)
        if entry is None or entry.type != call.node.type:
            return None
        if key is not None and entry.key != key.digest and entry.preimage is not None:
            # It used models that only its code names: the same call is one that would use the same.
            key = self.keyer.with_models(key, entry.preimage.get("models", {}))
            if key is None:
                return None
        if entry.key != (key.digest if key is not None else None):
            return None
        outputs = entry.outputs
        if outputs is None:
            record = self._looked_up([entry.key]).get(entry.key) if entry.key is not None else None
            if record is None:
                return None
            outputs = record.outputs
        return self._usable(outputs, call, key, "resumed")

    def _resumed_entry(self, key: ActionKey | None, call: Call) -> JournalEntry | None:
        if item_of(call.state.name) is None:
            return self.resumed.get(call.name)
        # The items of a batch are told apart by what they give: there may be others now, in another order.
        if key is None:
            return None
        if self._resumed_by_key is None:
            self._resumed_by_key = {entry.key: entry for entry in self.resumed.values() if entry.key is not None}
        return self._resumed_by_key.get(key.digest)

    def hold(
        self, key: ActionKey, call: Call, cancelled: Callable[[], bool], patience: float | None = None
    ) -> KeyLock | None:
        """Wait for the right to compute a key, against all who share the store; None if it was given up on.

        Args:
            key: The key.
            call: Its call.
            cancelled: Tells whether to give up.
            patience: Seconds to wait at most; None for as long as it takes.
        """
        held = self._store_of(call).lock(key.digest, timeout=patience, give_up=cancelled)
        return held if held.acquire() else None

    def remember(
        self,
        key: ActionKey | None,
        call: Call,
        outputs: Mapping[str, Value] | Ended,
        seconds: float,
        models: Mapping[str, UsedModel],
    ) -> None:
        """Record what a call gave, unless a value of it can't be stored.

        Args:
            key: Its key, as far as it was known before it ran.
            call: The call.
            outputs: What it gave.
            seconds: How long it ran.
            models: The models that its code asked for.
        """
        refs = self._refs(call, outputs)
        if refs is None:
            return
        preimage = None
        shared = key is not None and self.shares(call)
        if key is not None and models:
            if shared:
                self._record_models(key, call, models, seconds)
            key = key.with_models({each: used.identity for each, used in models.items()})
        if key is not None and shared:
            record = Record(key.digest, call.node.type, refs, seconds, key.preimage_json(), time.time())
            try:
                winner = self._store_of(call).publish(record, replace=self._refreshes(call))
                if self.values.unreadable and winner is not record and self._names_unreadable(winner.outputs.values()):
                    winner = self._store_of(call).publish(record, replace=True)
                if call.node.description.traits.remote:
                    self.store.offer(winner)
            except StoreError as error:
                # The values are there: the journal still says which, for --resume.
                self.values.give_up(error)
                winner, shared, preimage = record, False, key.preimage()
            if winner is not record and not isinstance(outputs, Ended):
                _adopt(winner.outputs, outputs)
                refs = dict(winner.outputs)
        elif key is not None:
            preimage = key.preimage()
        if self.journal is None:
            return
        if key is not None and shared:
            self.journal.recorded(call.name, call.node.type, key.digest, seconds, how="ran")
        else:
            digest = key.digest if key is not None else None
            self.journal.ended(call.name, call.node.type, digest, refs, seconds, how="ran", preimage=preimage)

    def _record_models(self, key: ActionKey, call: Call, models: Iterable[str], seconds: float) -> None:
        """Record which models a call asked for, so that the next look-up can say what they mean then."""
        record, store = record_of_models(key, call.node.type, models, seconds), self._store_of(call)
        try:
            known = store.lookup(key.digest)
            if known is None or known.preimage != record.preimage:
                known = store.publish(record, replace=known is not None)
            if call.node.description.traits.remote:
                self.store.offer(known)
        except StoreError as error:
            self.values.give_up(error)

    def _recorded(self, keys: Sequence[ActionKey], store: Store | None = None) -> list[tuple[ActionKey, Record] | None]:
        """Return for each key its record, with the key that it has once models are known which its code names."""
        records = self._looked_up([key.digest for key in keys], store)
        found: list[tuple[ActionKey, Record] | None] = []
        further: dict[int, ActionKey] = {}
        for place, key in enumerate(keys):
            record = records.get(key.digest)
            asked = models_asked(record) if record is not None else None
            found.append(None if record is None or asked is not None else (key, record))
            if asked is not None and (whole := self.keyer.with_models(key, asked)) is not None:
                further[place] = whole
        if further:
            records = self._looked_up([key.digest for key in further.values()], store)
            found = [
                (further[place], records[further[place].digest])
                if place in further and further[place].digest in records
                else each
                for place, each in enumerate(found)
            ]
        return found

    def flush(self) -> None:
        """Wait until what was kept is as durable as the store was told to make it."""
        try:
            self.store.flush()
        except StoreError as error:
            self.values.give_up(error)

    def note_failure(self, name: str, error: NodeFailedError, call: Call | None = None) -> None:
        """Leave a call's failure in the journal, with what it was given, so that it can be made again."""
        if self.journal is not None:
            given = given_inputs(self.values, call) if call is not None else None
            self.journal.failed(name, error.to_json(), given, worker=error.worker)
            if given is not None and not self.journal.broken:
                error.replay = replay_command(self.journal.path.stem, name, given)

    def _refs(self, call: Call, outputs: Mapping[str, Value] | Ended) -> dict[str, Ref] | None:
        if isinstance(outputs, Ended):
            return {port.name: EndedRef(outputs.reason) for port in call.node.description.outputs}
        refs: dict[str, Ref] = {}
        for port, value in outputs.items():
            ref = self.values.referenced(value)
            if isinstance(ref, Unkeyable):
                self._not_keyed(call.node, f"output {port}: {ref.reason}")
                return None
            refs[port] = ref
        return refs

    def _usable(
        self, refs: Mapping[str, Ref], call: Call, key: ActionKey | None, how: str
    ) -> dict[str, Value] | Ended | None:
        outputs: dict[str, Value] = {}
        found: dict[str, Value] | Ended = outputs
        for port in call.node.description.outputs:
            ref = refs.get(port.name)
            if ref is None:
                return None
            if isinstance(ref, EndedRef):
                found = Ended(ref.reason)
                break
            value = outputs[port.name] = value_of(ref, port.value_type)
            if not self._is_there(value):
                return None
        if self.journal is not None:
            if how == "cached" and key is not None:
                self.journal.recorded(call.name, call.node.type, key.digest, 0.0, how="cached")
            else:
                digest = key.digest if key is not None else None
                self.journal.ended(call.name, call.node.type, digest, refs, 0.0, how=how)
        return found

    def _names_unreadable(self, refs: Iterable[Ref]) -> bool:
        return any(
            self._names_unreadable(ref.items) if isinstance(ref, ListRef) else ref.digest in self.values.unreadable
            for ref in refs
        )

    def _is_there(self, value: Value) -> bool:
        if isinstance(value, Many):
            return all(map(self._is_there, value.items))
        if isinstance(value, Held) and isinstance(value.type, (File, Folder)):
            try:
                path = self.values.load(value)
            except ValueGoneError:
                return False
            return not hasattr(path, "exists") or bool(path.exists())
        return not isinstance(value, Held) or isinstance(value.ref, InlineRef) or self.store.has(value.ref)  # type: ignore[arg-type]

    def _store_of(self, call: Call) -> Store:
        """Return where a call's result is looked up and kept: on this machine alone, if its node says so."""
        return self.store.here() if call.node.description.traits.remote is False else self.store

    def _refreshes(self, call: Call) -> bool:
        refresh = self.policy.refresh
        return bool(refresh) and node_name(call.state.name) in refresh

    def _looked_up(self, keys: list[bytes], store: Store | None = None) -> dict[bytes, Record]:
        store = store if store is not None else self.store
        try:
            if len(keys) == 1:
                record = store.lookup(keys[0])
                return {} if record is None else {keys[0]: record}
            return store.lookup_many(keys)
        except StoreError as error:
            self.values.give_up(error)
            return {}

    def _not_keyed(self, node: PlannedNode, reason: str) -> None:
        if self.values.broken:
            return  # said already, and why
        asked_for = not self.policy.everything_off and node.id not in self.policy.off
        if asked_for and node.description.traits.cacheable and node.id not in self._warned:
            self._warned.add(node.id)
            self.warn(node.id, f"not cached: {reason}")


def _adopt(refs: Mapping[str, Ref], outputs: Mapping[str, Value]) -> None:
    """Go on with what another computed first for the same key: what comes after must see one result."""
    for port, value in outputs.items():
        winner = refs.get(port)
        if isinstance(value, Held) and isinstance(winner, (InlineRef, BlobRef)) and winner != value.ref:
            value.ref, value.data = winner, ABSENT
        elif isinstance(value, Many) and isinstance(winner, ListRef) and len(winner.items) == len(value.items):
            _adopt(
                {str(index): item for index, item in enumerate(winner.items)},
                {str(index): item for index, item in enumerate(value.items)},
            )
