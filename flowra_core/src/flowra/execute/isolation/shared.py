"""Memory without a name that two processes map: one fills it, the other reads it, and hands it back when it is done.

It is used again, since most of the cost of memory is to get its pages. Nothing of it is left when both have ended,
however they ended.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Iterable

__all__ = ["LentMemory", "MappedMemory"]

#: How many pieces of memory, and how many bytes of them, are kept for the next message.
_KEPT = 4
_KEPT_BYTES = 256 * 1024**2


class LentMemory:
    """The memory that one side fills. Thread-safe."""

    def __init__(self) -> None:
        self._lent: dict[int, mmap.mmap] = {}
        self._free: dict[int, mmap.mmap] = {}
        self._dropped: list[int] = []
        self._last = 0
        self._lock = threading.Lock()

    def fill(self, views: Iterable[memoryview], size: int) -> tuple[int, int | None]:
        """Return the number of memory that holds these bytes, and its descriptor if the other side doesn't know it."""
        with self._lock:
            fits = [number for number, each in self._free.items() if size <= len(each) <= 2 * size]
            descriptor = None
            if fits:
                number = min(fits, key=lambda each: len(self._free[each]))
                memory = self._free.pop(number)
            else:
                number = self._last = self._last + 1
                descriptor = _nameless(size)
                try:
                    memory = mmap.mmap(descriptor, size)
                except BaseException:
                    os.close(descriptor)
                    raise
            begin = 0
            for view in views:
                memory[begin : begin + view.nbytes] = view
                begin += view.nbytes
            self._lent[number] = memory
            return number, descriptor

    def take_back(self, numbers: Iterable[int]) -> None:
        """Note that the other side is done with these."""
        with self._lock:
            for number in numbers:
                self._free[number] = self._lent.pop(number)
            while len(self._free) > _KEPT or sum(map(len, self._free.values())) > _KEPT_BYTES:
                oldest = next(iter(self._free))
                self._free.pop(oldest).close()
                self._dropped.append(oldest)

    def dropped(self) -> list[int]:
        """Return what is gone since it was last asked for; the other side lets go of it too."""
        with self._lock:
            dropped, self._dropped = self._dropped, []
        return dropped


class MappedMemory:
    """The memory that the other side fills."""

    def __init__(self) -> None:
        self._mapped: dict[int, mmap.mmap] = {}
        # Appended to when the last view dies, on whatever thread that happens: without a lock.
        self._done: deque[int] = deque()

    def view(self, number: int, size: int, descriptor: int | None) -> memoryview:
        """Return the bytes, read-only; when the last view of them is gone the memory is handed back."""
        if descriptor is not None:
            self._mapped[number] = mmap.mmap(descriptor, size)
        # A view of the mapping itself would not tell when it is gone.
        array = (ctypes.c_ubyte * size).from_buffer(self._mapped[number])
        weakref.finalize(array, self._done.append, number).atexit = False
        return memoryview(array).cast("B").toreadonly()

    def done(self) -> list[int]:
        """Return what can be handed back."""
        found = []
        while self._done:
            found.append(self._done.popleft())
        return found

    def drop(self, numbers: Iterable[int]) -> None:
        """Let go of memory that the other side no longer has."""
        for number in numbers:
            del self._mapped[number]


def _nameless(size: int) -> int:
    """Return a descriptor of memory of a size."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("flowra", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, size)
    return descriptor
