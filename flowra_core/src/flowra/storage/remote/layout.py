"""What is called what in a bucket.

```
v1/NAMESPACE/
  blobs/ab/cdef….npy        one value each, named by its digest and its codec
  records/ab/cdef…          one record each, named by its key (see envelope.py)
  locks/abcdef…             who computes a key now (see leases.py)
  sessions/ID               that a session is alive (see session.py)
  sessions/ID.ROUND.N       what it uses, said to a collection that is going on
  uses/…                    which records were used, for the order of collection (see uses.py)
  gc/round gc/ROUND         the collection that is going on, and what it is about to remove (see collecting.py)
```

`v1` stands before everything, so that another layout can live beside this one.
"""

from __future__ import annotations

import re

from flowra.storage.codec.encoded import RESERVED_CODECS
from flowra.storage.refs import BlobRef

__all__ = ["Layout", "is_name"]

_BLOB = re.compile(r"([0-9a-f]{2})/([0-9a-f]{62})\.([a-z][a-z0-9-]{0,31})")
#: What sessions and collections are called.
_NAME = re.compile(r"[0-9a-f-]{1,64}")
_RECORD = re.compile(r"([0-9a-f]{2})/([0-9a-f]{62})")


class Layout:
    """The names of a namespace's objects."""

    def __init__(self, namespace: str) -> None:
        self.root = f"v1/{namespace}/"
        self.blobs = f"{self.root}blobs/"
        self.records = f"{self.root}records/"
        self.locks = f"{self.root}locks/"
        self.sessions = f"{self.root}sessions/"
        self.uses = f"{self.root}uses/"
        self.collections = f"{self.root}gc/"
        self.round = f"{self.collections}round"

    def blob(self, ref: BlobRef) -> str:
        """Return the name of a value."""
        name = ref.digest.hex()
        return f"{self.blobs}{name[:2]}/{name[2:]}.{ref.codec}"

    def record(self, key: bytes) -> str:
        """Return the name of the record for a key."""
        name = key.hex()
        return f"{self.records}{name[:2]}/{name[2:]}"

    def lock(self, key: bytes) -> str:
        """Return the name of the right to compute a key."""
        return f"{self.locks}{key.hex()}"

    def blob_called(self, name: str, size: int) -> BlobRef | None:
        """Return the value that an object holds, or None if its name is not one of a value."""
        found = _BLOB.fullmatch(name.removeprefix(self.blobs))
        if found is None or found[3] in RESERVED_CODECS:
            return None
        return BlobRef(found[3], bytes.fromhex(found[1] + found[2]), size)

    def key_called(self, name: str) -> bytes | None:
        """Return the key whose record an object holds, or None if its name is not one of a record."""
        found = _RECORD.fullmatch(name.removeprefix(self.records))
        return bytes.fromhex(found[1] + found[2]) if found else None


def is_name(text: str) -> bool:
    """Tell whether a session or a collection can be called so."""
    return _NAME.fullmatch(text) is not None
