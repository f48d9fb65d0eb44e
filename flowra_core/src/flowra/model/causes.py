"""Why a hub could not be reached, in the words of whoever noticed it first."""

from __future__ import annotations

import re

__all__ = ["first_cause", "shown_address"]

_CREDENTIALS = re.compile(r"//[^/@]*@")


def first_cause(error: BaseException) -> str:
    """Return what a client's error began with, in words that hold no address and no token."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        error = error.__cause__ or error.__context__ or error
    said = error.strerror if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def shown_address(endpoint: str) -> str:
    """Return a hub's address as errors show it: without the name and password that may stand in it."""
    return _CREDENTIALS.sub("//…@", endpoint)
