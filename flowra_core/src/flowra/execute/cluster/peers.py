"""Values straight from worker to worker: what the store would have to bring over a network, another worker may have.

A value is stored before it is handed on, so that whoever asks a worker in vain, or one that is lost, reads the store.
What comes is the encoded bytes, over the connection that dask's workers have between them, and is compared with the
digest that the driver named. No value travels as a pickle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from importlib import import_module
from typing import Any

from flowra.exceptions import StoreError
from flowra.execute.cluster.at_hand import ValuesAtHand
from flowra.execute.encoding import NotStorableError, ValueGoneError, encode
from flowra.execute.stored_values import StoredValues
from flowra.storage.codec.encoded import Encoded
from flowra.storage.refs import BlobRef, InlineRef, digest_of
from flowra.storage.store import Store

__all__ = ["LEAST_BYTES", "PeeredValues", "Peers", "serve_values"]

#: Bytes from which on it is worth asking another worker.
LEAST_BYTES = 65536
#: Bytes of a value that one worker sends another, at most: it is in memory twice meanwhile.
_MOST_BYTES = 1 << 30
_OPERATION = "flowra_value"
#: Seconds that a worker has to answer in, and bytes a second at the least.
_PATIENCE, _SLOWEST = 3.0, 8 << 20


class Peers:
    """What other workers have of the values of a run; made on a thread on which a worker runs a batch.

    Args:
        run_id: The run.
    """

    def __init__(self, run_id: str) -> None:
        self._run = run_id
        self._worker: Any = import_module("distributed").get_worker()
        self._holders: dict[bytes, str] = {}
        self._silent: set[str] = set()

    def note(self, holders: Mapping[bytes, str]) -> None:
        """Take note of which workers have which values, by the values' digests and the workers' addresses."""
        self._holders.update(holders)

    def fetch(self, ref: BlobRef) -> memoryview | None:
        """Return the bytes of a value that another worker has; None where none gives it."""
        address = self._holders.get(ref.digest)
        if address is None or address in self._silent or not LEAST_BYTES <= ref.size <= _MOST_BYTES:
            return None
        asking = asyncio.run_coroutine_threadsafe(self._ask(address, ref.digest), self._worker.loop.asyncio_loop)
        try:
            data = asking.result(_PATIENCE + ref.size / _SLOWEST)
        except (OSError, FutureTimeoutError, asyncio.CancelledError, KeyError, ValueError):
            asking.cancel()
            self._silent.add(address)  # lost, or as good as that
            return None
        if data is None or digest_of(ref.codec, data) != ref.digest:
            return None
        return memoryview(data)

    async def _ask(self, address: str, digest: bytes) -> bytes | None:
        answer: bytes | None = await getattr(self._worker.rpc(address), _OPERATION)(run=self._run, digest=digest)
        return answer


class PeeredValues(StoredValues):
    """The values of a run, of which some may come from other workers.

    Args:
        store: The store.
        peers: What those have.
        warn: As of `StoredValues`.
    """

    def __init__(self, store: Store, peers: Peers, warn: Callable[[str], None]) -> None:
        super().__init__(store, warn)
        self._peers = peers

    def _read(self, ref: InlineRef | BlobRef) -> memoryview:
        if not isinstance(ref, BlobRef):
            return super()._read(ref)
        if self.store.is_near(ref):
            try:
                return super()._read(ref)
            except ValueGoneError:
                if (found := self._peers.fetch(ref)) is None:
                    raise
            with suppress(StoreError):  # what the store has lost is put back, where it takes anything
                self.store.put(Encoded(ref.codec, (found,)))
            return found
        found = self._peers.fetch(ref)
        return found if found is not None else super()._read(ref)


def serve_values(held_by: Callable[[str], tuple[ValuesAtHand, Store] | None]) -> None:
    """Have the worker of this thread answer others that ask for values.

    Args:
        held_by: Gives what is at hand for a run, and its store; None where the run is not known.
    """

    async def give(run: str, digest: bytes) -> bytes | None:
        held = held_by(run)
        # Not on the loop of the worker, which has to answer its scheduler.
        return None if held is None else await asyncio.to_thread(_encoded, *held, digest)

    import_module("distributed").get_worker().handlers.setdefault(_OPERATION, give)


def _encoded(at_hand: ValuesAtHand, store: Store, digest: bytes) -> bytes | None:
    """Return the bytes of a value that is at hand: as they lie here already, or written anew."""
    found = at_hand.find(digest)
    if found is None:
        return None
    ref, data, value_type = found
    try:
        if store.is_near(ref) and (stored := store.get(ref)) is not None:
            return bytes(stored)
        return encode(data, value_type).to_bytes()
    except (StoreError, NotStorableError):
        return None
