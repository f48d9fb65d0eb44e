"""What goes from the local tier to the remote one.

A result goes when it has been published here, in the background: first its values, then its record, so that whoever
finds the record finds the values. Of two machines that computed one key, the first that uploads counts: the other takes
that result over, for later runs. A run that goes on with its own meanwhile is not wrong: what it computes from it has
keys of its own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Lock

from flowra.exceptions import StoreDeniedError, StoreError, StoreUnavailableError
from flowra.storage.codec.encoded import Encoded
from flowra.storage.listener import Bulletin
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record
from flowra.storage.refs import BlobRef
from flowra.storage.store import KeyLock
from flowra.storage.tiers.pending import Pending, PendingList
from flowra.storage.tiers.queue import THREADS, Left, Queued, UploadQueue
from flowra.storage.tiers.refused import Refused
from flowra.storage.tiers.remote_tier import RemoteTier, in_words
from flowra.storage.tiers.worth import Pace, UploadChoice, Worth, bytes_of

__all__ = ["UPLOAD_WAIT", "Uploads"]

#: Seconds that the end of a run, or of a session, waits for what is on its way.
UPLOAD_WAIT = 10.0
#: Seconds without an answer after which what is required is given up.
REQUIRED_WAIT = 30.0
#: Seconds that others wait at most for a result that is in the queue; if it takes longer they may compute it.
_LONGEST_HOLD = 10.0
#: Seconds that what is being sent has to get there once the store is closed.
_LAST_WAIT = 2.0


class _GoneError(StoreError):
    """A value that is neither here nor there: its result can never be uploaded."""


class Uploads:
    """Sends results to a remote store.

    Args:
        local: Where they are.
        remote: Where they go.
        bulletin: Where is said what people should know.
        choice: Which go, unless a node says otherwise.
    """

    def __init__(self, local: LocalStore, remote: RemoteTier, bulletin: Bulletin, choice: UploadChoice) -> None:
        self.pace = Pace()
        self._local = local
        self._remote = remote
        self._bulletin = bulletin
        self._worth = Worth(choice, self.pace)
        self._pending = PendingList(local.path / "uploads", remote.place)
        self._queue = UploadQueue(self._upload, self._let_go, remote.answers)
        self._refused = Refused()
        # Rights to compute that nobody here needs any more, by key: others get them once they can find the result.
        self._resting: dict[bytes, KeyLock] = {}
        self._resting_lock = Lock()
        # Values that are known to be there.
        self._sent: set[bytes] = set()
        self._waited = False
        self._left_to_others = False

    @property
    def left(self) -> Left:
        """What is still to be uploaded, what was tried and not taken included."""
        return self._queue.left + self._refused.left

    def consider(self, record: Record, *, replace: bool = False) -> None:
        """Have a result uploaded if it is worth it."""
        if self._worth.goes(record):
            self.add(record, replace=replace)

    def consider_later(self, key: bytes, *, always: bool) -> None:
        """Have a result of another process uploaded if it is worth it, or `always`; it is read in the background."""

        def consider() -> None:
            record = self._local.lookup(key)
            if record is not None and (always or self._worth.goes(record)):
                self.add(record)

        if self._remote.writable:
            self._waited = False
            self._queue.run(consider)

    def leave(self) -> None:
        """Upload nothing from now on."""
        self._left_to_others = True

    def add(self, record: Record, *, replace: bool = False) -> None:
        """Have a result uploaded."""
        if not self._remote.writable:
            self._remote.note_not_written()
            return
        if self._left_to_others:
            return
        pending = Pending(record.key, replace)
        self._pending.add(pending)
        self._enqueue(Queued(pending, bytes_of(record)))

    def postpone(self, record: Record, error: StoreError, *, replace: bool = False) -> None:
        """Note a result that was to be there at once and could not be: the next run on this machine tries again."""
        if isinstance(error, StoreDeniedError) or self._left_to_others:
            return
        pending = Pending(record.key, replace)
        self._pending.add(pending)
        self._refused.add(Queued(pending, bytes_of(record)), error)
        if not isinstance(error, StoreUnavailableError):
            self._say_refused(record, error)

    def _enqueue(self, queued: Queued) -> None:
        self._refused.discard(queued.pending)
        self._queue.add(queued)
        self._waited = False

    def take_over(self) -> None:
        """Have that uploaded which sessions that ended, and earlier runs of this one, have left, if this one may."""
        if not self._remote.writable:
            return
        for queued in self._refused.take_all():
            self._enqueue(queued)
        for pending in self._pending.taken_over():
            record = self._local.lookup(pending.key)
            if record is None:
                self._pending.done(pending)
            else:
                self._enqueue(Queued(pending, bytes_of(record)))

    def give_back(self, key: bytes, lease: KeyLock) -> None:
        """Give the right to compute a key back, as soon as others find the result, if that is soon."""
        with self._resting_lock:
            self._resting[key] = lease
        takes = self._queue.left.bytes / self.pace.bandwidth / THREADS
        if takes > _LONGEST_HOLD or not self._queue.holds(key):
            self._let_go(key)

    def take_back(self, key: bytes) -> KeyLock | None:
        """Return the right to compute a key, if it is this session's still."""
        with self._resting_lock:
            return self._resting.pop(key, None)

    def _let_go(self, key: bytes) -> None:
        if (lease := self.take_back(key)) is not None:
            with suppress(StoreError):  # it runs out
                lease.release()

    def send(self, blob: BlobRef) -> None:
        """Have a value in the remote store.

        Raises:
            StoreUnavailableError: It does not answer.
            StoreError: It does not take it, or the value is nowhere.
        """
        if blob.digest in self._sent:
            return
        content = self._local.get(blob)
        if content is not None:
            encoded = Encoded(blob.codec, (content,))
            with self._queue.room_for(blob.size):
                began = time.monotonic()
                self._remote.write(lambda store: store.put(encoded))
                self.pace.note(blob.size, time.monotonic() - began)
        elif not self._remote.write(lambda store: store.has(blob)):
            raise _GoneError("a value is gone", where=self._local.location)
        self._sent.add(blob.digest)

    def published(self, record: Record, *, replace: bool = False) -> Record:
        """Have a result in the remote store, and return the one that counts there; raises as `send` does."""
        for blob in record.blobs():
            self.send(blob)
        return self._remote.write(lambda store: store.publish(record, replace=replace))

    def wait(self, seconds: float = UPLOAD_WAIT, *, give_up: Callable[[], bool] = lambda: False) -> Left:
        """Wait until everything is there, or the remote store does not answer; say and return what is left."""
        self._queue.wait(
            seconds,
            give_up=lambda: give_up() or not self._remote.answers(),
            tell=lambda left: self._bulletin.uploading(left.results, left.bytes),
        )
        self._waited = True
        left = self.left
        if left:
            self._bulletin.say(
                f"{left.in_words()} not uploaded yet: the next run goes on, or flowra store push does", "info"
            )
        return left

    def hurry(self) -> None:
        """Don't wait at the end for what is on its way: somebody is waiting for the end."""
        self._waited = True

    def require(
        self, keys: Iterable[bytes], *, leftovers: bool = False, give_up: Callable[[], bool] = lambda: False
    ) -> int:
        """Wait until some results are there, whatever they are worth.

        Args:
            keys: Their keys.
            leftovers: Whether what earlier runs have left has to be there, too.
            give_up: Ends the wait.

        Returns:
            How many of them were not there before.

        Raises:
            StoreError: They can't be, all of them.
        """
        keys = list(dict.fromkeys(keys))
        there = self._remote.write(lambda store: store.lookup_many(keys)) if keys else {}
        sent = 0
        for key in keys:
            if key not in there and (record := self._local.lookup(key)) is not None:
                self.add(record)
                sent += 1
        left = self._queue.wait(
            math.inf,
            give_up=lambda: give_up() or self._remote.lost_for() > REQUIRED_WAIT,
            tell=lambda left: self._bulletin.uploading(left.results, left.bytes),
        )
        self._waited = True
        if left:
            raise self._lacking(left, self._remote.reason)
        # Where it lets us not write, the queue is empty, and this says so.
        refused = self._refused.results()
        wanted = {*keys, *(pending.key for pending in refused)} if leftovers else set(keys)
        there = self._remote.write(lambda store: store.lookup_many(wanted)) if wanted or leftovers else {}
        lacking = {key for key in wanted if key not in there or Pending(key, replace=True) in refused}
        if lacking:
            why, fix = (self._refused.why, self._refused.fix) if refused else ("", None)
            raise self._lacking(Left(len(lacking)), why, fix)
        return sent

    def _lacking(self, left: Left, why: str, fix: str | None = None) -> StoreError:
        then = "they are on this machine: when the store takes them, flowra store push sends them"
        return StoreUnavailableError(
            f"{left.in_words()} not in the store",
            where=self._remote.location,
            why=why or None,
            fix=f"{fix}; {then}" if fix else then,
        )

    def close(self) -> None:
        """Wait a little for what is on its way, unless somebody has waited already; the rest is for another session."""
        if self._queue.busy and not self._waited:
            self._queue.wait(UPLOAD_WAIT, give_up=lambda: not self._remote.answers(), tell=lambda _: None)
        with self._resting_lock:
            resting = list(self._resting)
        for key in resting:
            self._queue.run(lambda key=key: self._let_go(key))  # type: ignore[misc]
        self._queue.close(_LAST_WAIT)
        self._pending.close()

    def _upload(self, queued: Queued) -> None:
        pending = queued.pending
        try:
            record = self._local.lookup(pending.key)
        except StoreError as error:
            self._bulletin.say(f"results are not uploaded: {in_words(error)}", once=error.what)
            self._refused.add(queued, error)
            return  # it stays noted
        if record is not None:
            try:
                winner = self.published(record, replace=pending.replace)
                if winner != record:
                    with suppress(StoreError):  # a full disk: this machine goes on with its own
                        self._local.publish(winner, replace=True)
            except StoreUnavailableError:
                raise
            except StoreDeniedError:
                # It stays noted: whoever may write takes it over.
                self._queue.drop_all()
                return
            except _GoneError as error:
                said = f"a result of {record.node_type} is not uploaded: {in_words(error)}"
                self._bulletin.say(f"{said} (others like it are not told of)", once=error.what)
            except StoreError as error:
                self._say_refused(record, error)
                self._refused.add(queued, error)
                return  # it stays noted
        self._pending.done(pending)

    def _say_refused(self, record: Record, error: StoreError) -> None:
        fix = f"; {error.fix}" if error.fix else ""
        self._bulletin.say(
            f"a result of {record.node_type} is not uploaded: {in_words(error)}{fix}. It stays here: the next run "
            "tries again, or flowra store push does (others like it are not told of)",
            once=error.what,
        )
