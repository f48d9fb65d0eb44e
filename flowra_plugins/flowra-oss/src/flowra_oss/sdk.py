"""The import of oss2."""

from __future__ import annotations

import warnings

__all__ = ["import_oss2"]


def import_oss2() -> None:
    """Import oss2 without what Python says about its sources where they are compiled for the first time."""
    with warnings.catch_warnings():
        # "invalid escape sequence", which Python 3.12 shows to whoever starts a run.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        import oss2  # noqa: F401
