"""The way to FFmpeg: PyAV where it is installed, files opened so that they can't reach for others."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowra_media.errors import MediaError, MissingLibraryError

if TYPE_CHECKING:
    from types import ModuleType

    from av.container import InputContainer

__all__ = ["MemoryFile", "failure", "opened", "pyav"]

#: The containers that are read. A playlist (HLS, concat) is none: it would make FFmpeg open whatever addresses and
#: files a stranger wrote into it.
_CONTAINERS = (
    "aac,ac3,aiff,amr,apng,asf,avi,caf,eac3,flac,flv,gif,ivf,m4v,matroska,webm,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,"
    "mpeg,mpegts,mpegvideo,mxf,nut,ogg,rm,tta,voc,w64,wav,wv,yuv4mpegpipe"
)
_TAKES_ANY_TITLE = 19
_OPTIONS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file", "probesize": "5000000"}


def pyav() -> ModuleType:
    """Return the module `av`; raises `MissingLibraryError` where it is not installed."""
    try:
        import av
        import av.logging
    except ImportError as error:
        raise MissingLibraryError(
            "videos, and sound that libsndfile can't read or write, need PyAV",
            why=f"it can't be imported: {error}",
            fix='pip install "flowra-media[video]"',
        ) from error
    # FFmpeg's own lines go to stderr; what matters of them is in its errors.
    av.logging.set_level(None)
    return av


class MemoryFile(io.RawIOBase):
    """Bytes that FFmpeg reads as a file, from where they lie."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._place = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        end = len(self._data) if size is None or size < 0 else self._place + size
        found = bytes(self._data[self._place : end])
        self._place += len(found)
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: len(self._data)}[whence]
        self._place = max(0, start + offset)
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place


@contextmanager
def opened(source: Path | memoryview | bytes, name: str) -> Iterator[InputContainer]:
    """Open a file of sound or moving pictures; what FFmpeg says against it, then or later, becomes a `MediaError`.

    Args:
        source: A path, or the bytes of a file.
        name: How messages call it.
    """
    av = pyav()
    what: Any = f"file:{source.absolute()}" if isinstance(source, Path) else MemoryFile(memoryview(source))
    # Titles that are no UTF-8 are no reason to refuse a file; from 19 on PyAV takes them as they come.
    lenient = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < _TAKES_ANY_TITLE else {}
    try:
        with av.open(what, "r", options=dict(_OPTIONS), **lenient) as container:
            yield container
    except av.FFmpegError as error:
        raise failure(name, error) from error


def failure(name: str, error: Exception) -> MediaError:
    """Return an error of FFmpeg's as one of this pack's."""
    reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return MediaError(
        f"{name} can't be read", why=f"FFmpeg: {reason}", fix="open it in a player; copy or download it again"
    )
