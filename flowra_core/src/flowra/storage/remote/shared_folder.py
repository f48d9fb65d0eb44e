"""Objects as files in a folder on a network disk (NFS, SMB) that machines share: `shared:///mnt/team/flowra`.

It needs nothing of the disk but what those file systems do atomically on the server: a file is written under a
temporary name and moved into place, or linked there if it may not replace another. No lock of a file is taken and
nothing is appended to, which are the two things that can't be relied on across machines.

Temporary files lie in `~tmp`, which no object can be called.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from flowra.exceptions import StoreDeniedError, StoreError, StoreUnavailableError
from flowra.storage.codec.encoded import Buffer
from flowra.storage.remote.objects import ObjectInfo, ObjectStore

__all__ = ["SharedFolder"]

_NAME = re.compile(r"(?!\.{1,2}(?:/|$))[a-z0-9._-]+(?:/(?!\.{1,2}(?:/|$))[a-z0-9._-]+)*")
_PREFIX = re.compile(r"[a-z0-9._/-]*")
_TEMPORARY = "~tmp"
#: Seconds after which a temporary file is a crash's, by the clock of the disk's own server.
_LEFTOVER_AGE = 86_400.0
_PIECE = 1 << 20
#: What says that there is no such object: a folder is none, and below a file there is none.
_MISSING = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_UNAVAILABLE = frozenset(
    {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOTCONN}
)


class SharedFolder(ObjectStore):
    """Objects in a folder that several machines have mounted.

    New files and folders get the folder's own permissions: make one that a group may write to, and what is put there
    is the group's too.

    Args:
        folder: The folder. It has to be there: one that is not may be a disk that is not mounted.

    Attributes:
        conditional_put: Whether the file system has hard links; without them the last of several writers counts.

    Raises:
        StoreDeniedError: It is not there, or can't be looked into.
    """

    def __init__(self, folder: Path) -> None:
        self.path = Path(os.path.abspath(folder))  # noqa: PTH100 - a link may be moved on purpose
        self.location = f"shared://{quote(self.path.as_posix())}"
        self._temporary = self.path / _TEMPORARY
        self._numbers = itertools.count()
        self._session = f"{os.getpid():x}-{secrets.token_hex(6)}"
        try:
            self._status = self.path.stat()
        except OSError as error:
            raise StoreDeniedError(
                "the shared folder can't be used",
                where=str(self.path),
                why=error.strerror,
                fix="mount the disk, and make the folder there with permissions for all who are to share it",
            ) from error
        if not self.path.is_dir():
            raise StoreDeniedError("the shared folder can't be used", where=str(self.path), why="it is a file")
        self.conditional_put = self._has_links()

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes | None:
        """Return an object's bytes; see `ObjectStore.get`."""
        try:
            with self._file(name).open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                wanted = max(0, size - start) if length is None else max(0, min(length, size - start))
                file.seek(start)
                content = file.read(wanted)
        except _MISSING:
            self._miss()
            return None
        except OSError as error:
            raise self._error("an object can't be read", name, error) from error
        if len(content) != wanted:
            raise self._cut_off(name, len(content), wanted)
        return content

    def download(self, name: str, target: Path) -> bool:
        """Copy an object to a file; see `ObjectStore.download`."""
        try:
            source = self._file(name).open("rb")
        except _MISSING:
            self._miss()
            return False
        except OSError as error:
            raise self._error("an object can't be read", name, error) from error
        try:
            with source, target.open("wb") as file:
                size = os.fstat(source.fileno()).st_size
                shutil.copyfileobj(source, file, _PIECE)
                copied = file.tell()
        except OSError as error:
            raise self._error("an object can't be copied", name, error) from error
        if copied != size:
            raise self._cut_off(name, copied, size)
        return True

    def put(self, name: str, parts: Sequence[Buffer], *, if_absent: bool = False) -> bool:
        """Write an object; see `ObjectStore.put`."""

        def write(file: BinaryIO) -> None:
            for part in parts:
                file.write(part)

        return self._write(name, write, if_absent=if_absent)

    def upload(self, name: str, source: Path) -> None:
        """Copy a file to an object; see `ObjectStore.upload`."""

        def write(file: BinaryIO) -> None:
            with source.open("rb") as given:
                shutil.copyfileobj(given, file, _PIECE)

        self._write(name, write, if_absent=False)

    def head(self, name: str) -> ObjectInfo | None:
        """Return an object's size and time; see `ObjectStore.head`."""
        try:
            status = self._file(name).stat()
        except _MISSING:
            self._miss()
            return None
        except OSError as error:
            raise self._error("an object can't be looked at", name, error) from error
        return None if stat.S_ISDIR(status.st_mode) else ObjectInfo(name, status.st_size, status.st_mtime)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose names begin with a prefix; see `ObjectStore.list`."""
        if not _PREFIX.fullmatch(prefix) or ".." in prefix.split("/"):
            raise StoreError(f"{prefix[:80]!r} is no beginning of an object's name", where=self.location)
        folder = prefix.rpartition("/")[0]
        yield from self._below(folder, prefix)

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects; see `ObjectStore.delete`."""
        for name in names:
            try:
                self._file(name).unlink()
            except _MISSING:
                continue
            except OSError as error:
                raise self._error("an object can't be removed", name, error) from error

    def close(self) -> None:
        """Do nothing: no file is left open."""

    def _file(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise StoreError(
                f"{name[:80]!r} can't be the name of an object",
                where=self.location,
                why="a name is made of segments of a-z, 0-9, '.', '_' and '-', joined by '/'",
            )
        return self.path / name

    def _where(self, name: str) -> str:
        return str(self.path / name)

    def _error(self, what: str, name: str, error: OSError) -> StoreError:
        where, why = self._where(name), error.strerror or str(error)
        if error.errno in _DENIED:
            return StoreDeniedError(what, where=where, why=why, fix="have its owner give you the right to")
        if error.errno in _UNAVAILABLE:
            return StoreUnavailableError(what, where=where, why=why, fix="see whether the disk's server can be reached")
        fix = "free some space there" if error.errno in {errno.ENOSPC, errno.EDQUOT} else None
        return StoreError(what, where=where, why=why, fix=fix)

    def _cut_off(self, name: str, came: int, size: int) -> StoreError:
        return StoreUnavailableError(
            "an object was cut off", where=self._where(name), why=f"{came:,} of {size:,} bytes came"
        )

    def _below(self, folder: str, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the objects below a folder whose names begin with a prefix."""
        try:
            with os.scandir(self.path / folder) as entries:
                found = list(entries)
            for entry in found:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != _TEMPORARY and (f"{name}/".startswith(prefix) or prefix.startswith(f"{name}/")):
                        yield from self._below(name, prefix)
                elif name.startswith(prefix) and _NAME.fullmatch(name):
                    with suppress(FileNotFoundError):  # removed meanwhile
                        status = entry.stat(follow_symlinks=False)
                        yield ObjectInfo(name, status.st_size, status.st_mtime)
        except _MISSING:
            self._miss()
        except OSError as error:
            raise self._error("a folder can't be listed", folder, error) from error

    def _write(self, name: str, write: Callable[[BinaryIO], None], *, if_absent: bool) -> bool:
        target = self._file(name)
        temporary = self._temporary / f"{self._session}-{next(self._numbers)}"
        try:
            try:
                with self._create(temporary) as file:
                    write(file)
                return self._publish(temporary, target, if_absent=if_absent)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise self._error("an object can't be written", name, error) from error

    def _create(self, path: Path) -> BinaryIO:
        try:
            return self._create_in_folder(path)
        except FileNotFoundError:
            self._make_folder(path.parent)
            return self._create_in_folder(path)

    def _create_in_folder(self, path: Path) -> BinaryIO:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with suppress(PermissionError):  # a server that gives all files one owner
            os.fchmod(descriptor, self._status.st_mode & 0o666)
        return os.fdopen(descriptor, "wb")

    def _publish(self, temporary: Path, target: Path, *, if_absent: bool) -> bool:
        for _ in range(2):
            try:
                if not if_absent or not self.conditional_put:
                    if if_absent and target.exists():
                        return False
                    temporary.replace(target)
                else:
                    target.hardlink_to(temporary)
            except FileNotFoundError:
                self._make_folder(target.parent)
                continue
            except FileExistsError:
                # NFS repeats a call whose answer was lost, and then says that there is a file of that name: ours.
                return temporary.stat().st_nlink > 1
            return True
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target))

    def _make_folder(self, folder: Path) -> None:
        """Make a folder below the whole, and those above it, with the permissions of the whole."""
        self._miss()
        below = folder.relative_to(self.path)
        for each in (*list(reversed(below.parents))[1:], below):
            path = self.path / each
            with suppress(FileExistsError):
                path.mkdir()
                with suppress(PermissionError):
                    path.chmod(self._status.st_mode & 0o7777)

    def _miss(self) -> None:
        """Take something for missing; raise StoreUnavailableError if that is the whole: its disk may not be mounted."""
        with suppress(OSError):
            if os.path.samestat(self.path.stat(), self._status):
                return
        why = "it was removed, or its disk is not mounted any more"
        raise StoreUnavailableError("the shared folder is gone", where=str(self.path), why=why, fix="mount the disk")

    def _has_links(self) -> bool:
        """Find out whether the disk has hard links, and remove what crashes have left long ago.

        A folder that can't be written to is as good as one without.
        """
        probe = self._temporary / self._session
        link = probe.with_name(f"{self._session}-link")
        try:
            self._create(probe).close()
        except OSError:
            return False
        try:
            self._sweep(probe.stat().st_mtime)
            link.hardlink_to(probe)
        except OSError:
            return False
        finally:
            probe.unlink(missing_ok=True)
            link.unlink(missing_ok=True)
        return True

    def _sweep(self, now: float) -> None:
        for path in self._temporary.iterdir():
            with suppress(OSError):  # somebody else sweeps, or it is somebody else's
                if now - path.stat().st_mtime > _LEFTOVER_AGE:
                    path.unlink()
