"""What the system refused, in the store's words."""

from __future__ import annotations

import errno
from pathlib import Path

from flowra.exceptions import StoreError

__all__ = ["store_error"]

_FIXES = {
    errno.ENOSPC: "free some space there, or `flowra cache gc`; or use another folder: --store FOLDER",
    errno.EDQUOT: "your quota there is used up: free some space, or use another folder: --store FOLDER",
    errno.EROFS: "use a folder that can be written to: --store FOLDER",
    errno.EACCES: "use a folder of your own: --store FOLDER",
    errno.EPERM: "use a folder of your own: --store FOLDER",
    errno.EMFILE: "this process has too many files open: raise the limit (`ulimit -n`), or run fewer nodes at once",
}


def store_error(what: str, path: Path | str, error: OSError) -> StoreError:
    """Return the error for an operation on a path that the system refused."""
    why = error.strerror or str(error)
    return StoreError(what, where=str(path), why=why, fix=_FIXES.get(error.errno or 0))
