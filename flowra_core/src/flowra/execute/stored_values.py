"""The values of a run in a store: written when somebody else takes them, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowra.dag.key import Unkeyable
from flowra.exceptions import StoreError
from flowra.execute.encoding import NotStorableError, ValueGoneError, decode, encode
from flowra.execute.values import ABSENT, Ended, Held, Many, Value
from flowra.storage.refs import BlobRef, EndedRef, InlineRef, ListRef, Ref
from flowra.storage.store import Store
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf, OptionalOf

__all__ = ["StoredValues", "value_of"]


class StoredValues:
    """Writes values to a store, and reads them.

    Args:
        store: The store.
        warn: Told once that it takes nothing more, with the reason.

    Attributes:
        store: The store.
        broken: Why something could not be kept, once that has happened.
        unreadable: Digests of values that are whole and can't be read: records that name them count no more.
    """

    def __init__(self, store: Store, warn: Callable[[str], None] = lambda _: None) -> None:
        self.store = store
        self.broken = ""
        self.unreadable: set[bytes] = set()
        self._warn = warn

    def referenced(self, value: Value) -> Ref | Unkeyable:
        """Return a value's reference, storing it if it has none."""
        if isinstance(value, Many):
            items = [self.referenced(item) for item in value.items]
            bad = next((item for item in items if isinstance(item, Unkeyable)), None)
            return bad if bad is not None else ListRef(tuple(items))  # type: ignore[arg-type]
        if isinstance(value, Ended):
            return EndedRef(value.reason)
        if not isinstance(value, Held):
            return Unkeyable("an item of it failed")
        if value.ref is None and not value.unkeyed:
            try:
                value.ref = self.store.put(encode(value.data, value.type))
            except NotStorableError as error:
                value.unkeyed = f"{error.what}: {error.why}"
            except StoreError as error:
                self.give_up(error)
                value.unkeyed = error.what
        return value.ref if value.ref is not None else Unkeyable(value.unkeyed)

    def load(self, value: Held) -> Any:
        """Return a value's data, read from the store if it is not in memory.

        Raises:
            ValueGoneError: The store has lost it, or it was damaged, or is nothing that its type can be read from.
        """
        # Read once: another thread may leave the value to the store at any moment.
        data = value.data
        if data is ABSENT:
            assert value.ref is not None
            stored = self._read(value.ref)
            try:
                data = value.data = decode(value.ref.codec, stored, value.type)
            except MemoryError:
                raise
            except Exception as error:  # whatever a pack's handler says of bytes that others may have written
                self.unreadable.add(value.ref.digest)
                raise ValueGoneError(
                    "a stored value can't be read", where=self.store.location, why=f"{type(error).__name__}: {error}"
                ) from error
        return data

    def _read(self, ref: InlineRef | BlobRef) -> memoryview:
        """Return the bytes of a value; raises ValueGoneError."""
        try:
            stored = self.store.get(ref)
        except StoreError as error:
            raise ValueGoneError(error.what, where=error.where, why=error.why) from error
        if stored is None:
            raise ValueGoneError("a stored value is gone or was damaged", where=self.store.location)
        return stored

    def give_up(self, error: StoreError) -> None:
        """Go on without keeping what the store can't take; said once, since a full disk stays full for a while."""
        if not self.broken:
            self.broken = f"results are not kept: {error.what}" + (f" ({error.why})" if error.why else "")
            self._warn(self.broken)


def value_of(ref: Ref, value_type: ValueType) -> Value:
    """Return the value that a reference names, not read yet."""
    if isinstance(ref, ListRef):
        inner = value_type.item if isinstance(value_type, OptionalOf) else value_type
        # What a node gave that mapped lies in more lists than its type says.
        item = inner.item if isinstance(inner, ListOf) else inner
        return Many([value_of(each, item) for each in ref.items])
    if isinstance(ref, EndedRef):
        return Ended(ref.reason)
    return Held(value_type, ABSENT, ref)
