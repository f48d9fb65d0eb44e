"""What an archive may hold at most, and how a bad one is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flowra.exceptions import PluginError, UsageError, printable

__all__ = ["DEFAULT_LIMITS", "Limits", "refused", "unreadable"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold at most.

    Attributes:
        entries: Files.
        ratio: How many times larger a file may be unpacked than packed.
        total: Bytes of all files, unpacked.
        file: Bytes of the archive itself.
        document: Bytes of one JSON document, which is read into memory.
    """

    entries: int = 20_000
    ratio: int = 100
    total: int = 4 << 30
    file: int = 2 << 30
    document: int = 32 << 20


DEFAULT_LIMITS = Limits()


def refused(where: str, why: str) -> PluginError:
    """Return the error for an archive that is not what the format allows."""
    return PluginError(
        "this is no .nodebin that can be trusted",
        where=printable(where),
        why=printable(why),
        fix="get the file anew from whoever made it; nothing of it was written or run",
    )


def unreadable(path: Path, error: OSError) -> UsageError:
    """Return the error for an archive or wheel that can't be read."""
    return UsageError(
        "the file can't be read",
        where=str(path),
        why=error.strerror or str(error),
        fix="check the path, and who may read it",
    )
