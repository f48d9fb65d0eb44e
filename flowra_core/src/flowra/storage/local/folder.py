"""The folder of a local store: what lies where, and with which permissions.

```
flowra-store.json   says that this is a store, and of which format
blobs/ab/cdef….npy  one value each, named by its digest and its codec
records.log         every record, appended (see log.py); the truth
index-*.sqlite      where in the log each key's record is (see index.py); can be deleted at any time
sessions/*.use      what each open session uses, for collection (see leases.py)
uses                when each record was last used, from sessions that ended
files               digests of files from outside (see file_digests.py)
tmp/ trash/         values being written, values being collected
quarantine/         values that were damaged
open.lock gc.lock keys.lock
```

A store holds what its user computed with: a new folder is for its owner alone (0700). Files get their permissions from
the folder's: make a folder that a group may write to, and what is put there is the group's too. Whoever can write to a
store can forge results in it, but can't make anyone execute anything: no codec does.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from pathlib import Path

from flowra.exceptions import StoreError
from flowra.storage.local.errors import store_error

__all__ = ["FORMAT", "StoreFolder"]

#: The format of the folder, written into it.
FORMAT = "flowra-store/1"
_MARKER = "flowra-store.json"


class StoreFolder:
    """Paths and permissions of a local store. Making one makes the folder, if it is not there.

    Raises:
        StoreError: It can't be made, or it is a folder of something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve would follow a link that may be moved on purpose
        self.blobs = self.path / "blobs"
        self.sessions = self.path / "sessions"
        self.tmp = self.path / "tmp"
        self.trash = self.path / "trash"
        self.quarantine = self.path / "quarantine"
        self.log = self.path / "records.log"
        self.uses = self.path / "uses"
        self.files = self.path / "files"
        self.open_lock = self.path / "open.lock"
        self.gc_lock = self.path / "gc.lock"
        self.keys_lock = self.path / "keys.lock"
        try:
            self._make()
        except OSError as error:
            raise store_error("the store can't be opened", self.path, error) from error

    def create(self, path: Path, flags: int) -> int:
        """Open a file below the folder, made with the folder's permissions if it is not there."""
        descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, self.file_mode)
        if self._shared:
            # Only what the folder allows to others: the umask of whoever writes first must not decide.
            with suppress(PermissionError):  # somebody else's, made with the same permissions
                os.fchmod(descriptor, self.file_mode)
        return descriptor

    def make_folder(self, path: Path) -> None:
        """Make a folder below the folder, with its permissions."""
        try:
            path.mkdir(mode=self._folder_mode)
        except FileExistsError:
            return
        if self._shared:
            path.chmod(self._folder_mode)

    def write_whole(self, path: Path, content: bytes) -> None:
        """Write a small file so that it is there whole or not at all."""
        # Threads of one process may open a new store at the same time.
        temporary = self.tmp / f"{path.name}-{os.getpid()}-{threading.get_ident()}"
        try:
            with os.fdopen(self.create(temporary, os.O_WRONLY | os.O_TRUNC), "wb") as file:
                file.write(content)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _make(self) -> None:
        existed = self.path.is_dir()
        if not existed:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = self.path.stat().st_mode
        self._folder_mode = mode & 0o777
        self._shared = bool(mode & 0o077)
        self.file_mode = mode & 0o666
        # A value never changes; without the right to write, nobody changes one by accident through a mapping.
        self.blob_mode = mode & 0o444
        marker = self.path / _MARKER
        try:
            self._check(marker.read_bytes())
        except FileNotFoundError:
            if existed and not self._looks_new():
                raise StoreError(
                    "this folder is no store, and is not empty",
                    where=str(self.path),
                    fix="give an empty folder, or one that does not exist yet",
                ) from None
            self.make_folder(self.tmp)
            self.write_whole(marker, json.dumps({"format": FORMAT}).encode() + b"\n")
        for folder in (self.blobs, self.sessions, self.tmp, self.trash, self.quarantine):
            self.make_folder(folder)

    def _looks_new(self) -> bool:
        """Return whether nothing is there but what another process may have made while it opens the store too."""
        return {entry.name for entry in self.path.iterdir()} <= {self.tmp.name, _MARKER}

    def _check(self, content: bytes) -> None:
        try:
            found = json.loads(content)["format"]
        except (ValueError, KeyError, TypeError):
            found = None
        if found != FORMAT:
            raise StoreError(
                "this store has a format that this version of Flowra does not know",
                where=str(self.path / _MARKER),
                why=f"it is {found!r}, and this version knows {FORMAT!r}",
                fix="use another folder, or the version of Flowra that made it",
            )
