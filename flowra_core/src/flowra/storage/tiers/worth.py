"""What is worth being uploaded."""

from __future__ import annotations

from threading import Lock
from typing import Literal

from flowra.storage.record import Record

__all__ = ["PATIENCE", "Pace", "UploadChoice", "Worth", "bytes_of"]

#: Which results go to the remote tier, unless a node says otherwise: those that are worth it, all, or none.
UploadChoice = Literal["auto", "all", "none"]

#: A result that is sent in so many seconds is sent, however quickly it was computed.
PATIENCE = 2.0
#: Bytes a second and seconds a request, as long as nothing has been measured.
_FIRST_BANDWIDTH, _FIRST_LATENCY = 10e6, 0.05
#: Transfers of fewer bytes say something of the latency, others of the bandwidth.
_TELLING_SIZE = 256 * 1024
#: How much one transfer counts for against those before.
_SHARE = 0.3


class Pace:
    """How quickly a remote store takes what it is given, as measured.

    Attributes:
        bandwidth: Bytes a second of one transfer.
        latency: Seconds of a small request.
    """

    def __init__(self) -> None:
        self.bandwidth = _FIRST_BANDWIDTH
        self.latency = _FIRST_LATENCY
        self._lock = Lock()

    def note(self, size: int, seconds: float) -> None:
        """Take a transfer into account."""
        with self._lock:
            if size < _TELLING_SIZE:
                self.latency += _SHARE * (seconds - self.latency)
            else:
                measured = size / max(seconds - self.latency, 1e-3)
                self.bandwidth += _SHARE * (measured - self.bandwidth)

    def seconds(self, size: int, requests: int) -> float:
        """Return how long some bytes take, in seconds."""
        return size / self.bandwidth + requests * self.latency


class Worth:
    """Decides which results go to the remote tier.

    A result goes if sending it takes no longer than computing it took, or at most `PATIENCE` seconds. What is left out
    is large and was computed quickly: others compute it sooner than they would fetch it.

    Args:
        choice: What goes; `auto` is the rule above.
        pace: How quickly the remote store takes it.
    """

    def __init__(self, choice: UploadChoice, pace: Pace) -> None:
        self.choice = choice
        self._pace = pace

    def goes(self, record: Record) -> bool:
        """Tell whether a result goes to the remote tier."""
        if self.choice != "auto":
            return self.choice == "all"
        sizes = [blob.size for blob in record.blobs()]
        return self._pace.seconds(sum(sizes), len(sizes) + 1) <= max(PATIENCE, record.seconds)


def bytes_of(record: Record) -> int:
    """Return how many bytes the values of a result have that are stored by themselves."""
    return sum(blob.size for blob in record.blobs())
