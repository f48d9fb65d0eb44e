"""Which workers reach the store of a run: each is asked to read something back before it gets a node."""

from __future__ import annotations

import hashlib
import uuid
from contextlib import suppress
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


def read_probe(location: str, ref: list[Any], home: str) -> list[str]:
    """Return why a worker can't read what the driver wrote, or can't hand on what it writes: run there, before a run.

    Args:
        location: The store's address.
        ref: The reference of a value that the driver wrote, as `ref_to_wire` wrote it.
        home: Where the driver's store keeps things first (`Store.home`).

    Returns:
        Why it can't, empty if it can; and where this worker's store keeps things first.
    """
    probe = ref_from_wire(ref)
    try:
        with open_store(location) as store:
            found = store.get(probe)  # type: ignore[arg-type]
            own = store.home
            if found is not None and own != home:
                # It may have been here since an earlier run: whether the others can be reached now is what counts.
                store.share(probe)
    except (FlowraError, OSError) as error:
        return [getattr(error, "why", None) or str(error).partition("\n")[0], ""]
    return ["" if found is not None else "another store lies there: what was just written to it is not in it", own]


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
        # Whether members keep things first where the driver does.
        self._near: dict[Member, bool] = {}
        self._full = False

    def ask(self) -> list[str]:
        """Ask the workers that were not asked yet; return what is wrong with those that don't reach it, in words."""
        asked = [member for member in self._connection.members if member not in self._reasons]
        if self._full or not asked:
            return []
        try:
            ref = self.store.put(_probe())
        except StoreError:
            # It takes nothing, which is said once there is something to take.
            self._full = True
            return []
        with suppress(StoreError):  # workers on this machine read it all the same
            self.store.share(ref)
        probe = ref_to_wire(ref)
        answers = self._connection.ask_each(asked, read_probe, self.store.location, probe, self.store.home)
        unable = []
        for member in asked:
            answer = answers.get(member.address)
            if not isinstance(answer, list):
                continue  # it is lost, or will be asked again
            reason, home = answer
            self._reasons[member] = reason
            self._near[member] = home == self.store.home
            if reason:
                unable.append(
                    f"worker {member.name} can't use the store {self.store.location} and gets nothing: {reason}"
                )
        return unable

    @property
    def all_near(self) -> bool:
        """Whether every worker that reaches the store sees at once what the driver puts there."""
        return self._full or all(self._near[member] for member in self.members)

    @property
    def members(self) -> list[Member]:
        """The workers that reach it."""
        members = self._connection.members
        return members if self._full else [each for each in members if self._reasons.get(each) == ""]


def _probe() -> Encoded:
    """Return a value that only this machine writes, the same each time: a store has at most one for each machine."""
    seed = hashlib.sha256(f"flowra probe of {uuid.getnode():x}".encode()).digest()
    return Encoded("bytes", (seed * (INLINE_LIMIT // len(seed) + 1),))
