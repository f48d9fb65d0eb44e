"""What the handlers of this pack share: refusals in one line, names of files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowra_media.errors import MediaError

__all__ = ["as_refusal", "with_ending"]


@contextmanager
def as_refusal() -> Iterator[None]:
    """Turn an error of this pack into the ValueError of one line with which a handler refuses a value."""
    try:
        yield
    except MediaError as error:
        raise ValueError("; ".join(part for part in (error.what, error.why, error.fix) if part)) from error


def with_ending(stem: Path, suffix: str) -> Path:
    """Return the stem with an ending added; a dot in its name stays."""
    return stem.with_name(stem.name + suffix)
