"""When records were used, so that a collection drops the oldest first.

A session writes a list of the keys that it used, when it ends and every hour; all of them count as used at the time
that the service gives the object. A collection brings the lists together into one, with the times in it.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterable, Mapping
from struct import Struct

from flowra.storage.refs import DIGEST_SIZE
from flowra.storage.remote.layout import Layout
from flowra.storage.remote.objects import ObjectStore
from flowra.storage.remote.session import MOST_DIGESTS, digests_in

__all__ = ["Uses"]

_ROW = Struct(f"<{DIGEST_SIZE}sd")
_MERGED = "merged-"


class Uses:
    """The lists of what was used."""

    def __init__(self, objects: ObjectStore, layout: Layout) -> None:
        self._objects = objects
        self._layout = layout

    def leave(self, keys: Iterable[bytes]) -> None:
        """Leave a list of keys that were used up to now."""
        content = b"".join(sorted(keys))
        if content:
            self._objects.put(f"{self._layout.uses}{secrets.token_hex(12)}", [content])

    def read(self) -> tuple[dict[bytes, float], list[str]]:
        """Return when each key was last used, as far as that was said; and the names of the lists that say so."""
        times: dict[bytes, float] = {}
        names = []
        for each in self._objects.list(self._layout.uses):
            content = self._objects.get(each.name, length=MOST_DIGESTS)
            if content is None:
                continue
            names.append(each.name)
            if each.name.startswith(self._layout.uses + _MERGED):
                rows: Iterable[tuple[bytes, float]] = _rows(content)
            else:
                rows = ((key, each.modified) for key in digests_in(content))
            for key, used in rows:
                # No time is later than the one at which its list was written; one that was made up may be.
                times[key] = max(times.get(key, 0.0), used if used <= each.modified else each.modified)
        return times, names

    def keep(self, times: Mapping[bytes, float], lists: Iterable[str]) -> None:
        """Write down times in one list, in place of those that they were read from."""
        if times:
            content = b"".join(_ROW.pack(key, used) for key, used in times.items())
            self._objects.put(f"{self._layout.uses}{_MERGED}{secrets.token_hex(12)}", [content])
        self._objects.delete(lists)


def _rows(content: bytes) -> Iterable[tuple[bytes, float]]:
    try:
        return _ROW.iter_unpack(content)
    except struct.error:
        return ()
