"""Values as nodes get them: in memory, read from the store, or computed again where the store has lost them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flowra.exceptions import NodeFailedError
from flowra.execute.encoding import ValueGoneError
from flowra.execute.scheduler.state import Call
from flowra.execute.stored_values import StoredValues
from flowra.execute.values import ABSENT, Ended, Failed, Held, Many, Value
from flowra.storage.refs import BlobRef

__all__ = ["ValueReader", "mark_origin", "referring"]


class ValueReader:
    """Reads values. Every method may be called from any thread.

    Args:
        values: Where values lie that are not in memory; None if all are there.
        again: Makes a call once more and returns its outputs; None where it has none.
        warn: Told what was lost, with the name of the call that gave it.

    Attributes:
        loaded: Told each value that was read into memory.
    """

    def __init__(
        self,
        values: StoredValues | None,
        again: Callable[[Call], Mapping[str, Value] | None],
        warn: Callable[[str, str], None],
    ) -> None:
        self._values = values
        self._again = again
        self._warn = warn
        # One repair at a time: several takers of a lost value have it computed once.
        self._repairing = threading.RLock()
        self.loaded: Callable[[Held], None] = lambda _: None

    def plain(self, value: Any) -> Any:
        """Return a value as plain data; a literal in a list of links is that already.

        Raises:
            LookupError: There is no value: a branch ended, or a node failed.
            NodeFailedError: The store has lost it, and it can't be computed again.
        """
        if isinstance(value, Held):
            # Read once: another thread may leave the value to the store at any moment.
            data = value.data
            return data if data is not ABSENT else self.load(value)
        if isinstance(value, Many):
            return [self.plain(item) for item in value.items if not isinstance(item, Ended)]
        if isinstance(value, (Ended, Failed)):
            raise LookupError(value.reason)
        return value

    def prepare(self, values: Iterable[Any]) -> None:
        """Have the store bring what is about to be read and is not in memory, all of it at a time."""
        if self._values is not None:
            self._values.store.prepare(_stored(values))

    def load(self, value: Held) -> Any:
        """Return the data of a value that is not in memory; raises as `plain` does."""
        assert self._values is not None, "only what was stored is left out of memory"
        try:
            data = self._values.load(value)
        except ValueGoneError as error:
            with self._repairing:
                data = self._repaired(value, error)
        self.loaded(value)
        return data

    def _repaired(self, value: Held, error: ValueGoneError) -> Any:
        """Have a lost value computed again by the call that gave it, and return its data."""
        assert self._values is not None
        try:
            return self._values.load(value)  # another thread may have had it computed meanwhile
        except ValueGoneError:
            if value.origin is None:
                raise _lost(error) from error
        call, port, path = value.origin
        self._warn(call.name, f"the stored {port} is gone or was damaged; it is computed again")
        outputs = self._again(call)
        found: Any = None if outputs is None else outputs.get(port)
        for index in path:
            found = found.items[index] if isinstance(found, Many) and index < len(found.items) else None
        if not isinstance(found, Held):
            raise _lost(error, call) from error
        data = found.data
        value.data, value.ref = data, found.ref
        return data if data is not ABSENT else self._values.load(value)


def _stored(values: Iterable[Any]) -> Iterator[BlobRef]:
    """Yield the references of values that are in the store alone."""
    for value in values:
        if isinstance(value, Many):
            yield from _stored(value.items)
        elif isinstance(value, Held) and value.data is ABSENT and isinstance(value.ref, BlobRef):
            yield value.ref


def mark_origin(value: Value, call: Call, port: str, path: tuple[int, ...] = ()) -> None:
    """Note which call gave a value, so that it can be had again if the store loses it."""
    if isinstance(value, Held):
        value.origin = (call, port, path)
    elif isinstance(value, Many):
        for index, item in enumerate(value.items):
            mark_origin(item, call, port, (*path, index))


def referring(value: Any) -> Any:
    """Return a value that has only the reference of this one, so that who keeps it does not keep the data."""
    if isinstance(value, Held) and value.ref is not None:
        twin = Held(value.type, ABSENT, value.ref)
        twin.origin = value.origin
        return twin
    return Many([referring(item) for item in value.items]) if isinstance(value, Many) else value


def _lost(error: ValueGoneError, call: Call | None = None) -> NodeFailedError:
    about = (
        (f"node {call.name} can't give a stored value again", call.name, call.node.type)
        if call is not None
        else ("a value of this run is lost", "", "")
    )
    return NodeFailedError(
        about[0],
        node=about[1],
        type=about[2],
        where=error.where,
        why=error.what,
        fix="run the graph again: what is lost is then computed anew",
    )
