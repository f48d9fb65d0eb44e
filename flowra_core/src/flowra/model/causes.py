"""Why a hub could not be reached, in the words of whoever noticed it first."""

from __future__ import annotations

__all__ = ["first_cause"]


def first_cause(error: BaseException) -> str:
    """Return what a client's error began with, in words that hold no address and no token."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        error = error.__cause__ or error.__context__ or error
    said = error.strerror if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
