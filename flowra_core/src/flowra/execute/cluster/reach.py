"""Which workers reach the store of a run: each is asked to read something back before it gets a node."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from flowra.exceptions import FlowraError, StoreError
from flowra.execute.cluster.connection import Connection
from flowra.execute.cluster.members import Member
from flowra.execute.cluster.wire import ref_from_wire, ref_to_wire
from flowra.storage.address import open_store
from flowra.storage.codec.encoded import Encoded
from flowra.storage.refs import INLINE_LIMIT
from flowra.storage.store import Store

__all__ = ["StoreReach", "read_probe"]


def read_probe(location: str, ref: list[Any]) -> str:
    """Return why a value that the driver wrote can't be read: run on a worker, before a run. Empty if it can.

    Args:
        location: The store's address.
        ref: The value's reference, as `ref_to_wire` wrote it.
    """
    try:
        with open_store(location) as store:
            found = store.get(ref_from_wire(ref))  # type: ignore[arg-type]
    except (FlowraError, OSError) as error:
        return getattr(error, "why", None) or str(error).partition("\n")[0]
    return "" if found is not None else "another store lies there: what was just written to it is not in it"


class StoreReach:
    """Which workers reach a store.

    Args:
        connection: The cluster.
        store: The store, as the driver has it open.

    Attributes:
        store: The store.
    """

    def __init__(self, connection: Connection, store: Store) -> None:
        self._connection = connection
        self.store = store
        self._reasons: dict[Member, str] = {}
        self._full = False

    def ask(self) -> list[str]:
        """Ask the workers that were not asked yet; return what is wrong with those that don't reach it, in words."""
        asked = [member for member in self._connection.members if member not in self._reasons]
        if self._full or not asked:
            return []
        try:
            probe = ref_to_wire(self.store.put(_probe()))
        except StoreError:
            # It takes nothing, which is said once there is something to take.
            self._full = True
            return []
        answers = self._connection.ask_each(asked, read_probe, self.store.location, probe)
        unable = []
        for member in asked:
            answer = answers.get(member.address)
            if isinstance(answer, str):
                self._reasons[member] = answer
            # Without an answer it is lost, or will be asked again.
            if isinstance(answer, str) and answer:
                unable.append(
                    f"worker {member.name} can't use the store {self.store.location} and gets nothing: {answer}"
                )
        return unable

    @property
    def members(self) -> list[Member]:
        """The workers that reach it."""
        members = self._connection.members
        return members if self._full else [each for each in members if self._reasons.get(each) == ""]


def _probe() -> Encoded:
    """Return a value that only this machine writes, the same each time: a store has at most one for each machine."""
    seed = hashlib.sha256(f"flowra probe of {uuid.getnode():x}".encode()).digest()
    return Encoded("bytes", (seed * (INLINE_LIMIT // len(seed) + 1),))
