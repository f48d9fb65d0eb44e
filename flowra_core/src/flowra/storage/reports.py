"""What a store says about itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Collected", "StoreStats", "Verified", "size_in_words"]


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What is in a store.

    Attributes:
        location: The store's address.
        records: Results that can be looked up.
        blobs: Values in files of their own.
        blob_bytes: Their bytes.
        record_bytes: Bytes of all records, those that no longer count included.
        quarantined: Damaged values that were put aside.
        sessions: Processes, this one included, that have the store open.
    """

    location: str
    records: int
    blobs: int
    blob_bytes: int
    record_bytes: int
    quarantined: int
    sessions: int

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection removed.

    Attributes:
        records: Results that were dropped.
        blobs: Values that were dropped.
        bytes: The bytes of those values.
        leftovers: Files that crashed processes had left behind.
        kept_bytes: The bytes of the values that are still there.
        in_use_bytes: The part of them that running sessions use, and that can't be dropped now.
    """

    records: int
    blobs: int
    bytes: int
    leftovers: int
    kept_bytes: int
    in_use_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of every byte found.

    Attributes:
        blobs: Values that were read.
        bytes: Their bytes.
        quarantined: Where the damaged ones lie now.
        records: Results that were read.
        damaged_records: Results that can't be read; each is computed again when it is next asked for.
        incomplete_records: Results that were dropped because a value of theirs is damaged or gone.
    """

    blobs: int
    bytes: int
    quarantined: tuple[str, ...]
    records: int
    damaged_records: int
    incomplete_records: int

    @property
    def sound(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.quarantined or self.damaged_records or self.incomplete_records)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "sound": self.sound}


def size_in_words(size: int) -> str:
    """Return a size as people read it: `532 B`, `8.4 MB`."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
