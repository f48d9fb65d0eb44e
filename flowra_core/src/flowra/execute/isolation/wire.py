"""The messages between a supervising process and its child: a JSON header, and bytes beside it.

Few bytes follow the header through the socket. Many lie in memory that both processes map: its file descriptor travels
with the header, the memory has no name, and it is gone when the last of the two lets go of it, however that ends.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import socket
import struct
import tempfile
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from flowra.storage.codec.encoded import Buffer

__all__ = ["PROTOCOL", "Channel", "Message"]

#: The version of the messages. Both sides say it, and a child that says another is refused.
PROTOCOL = 1
#: Bytes that still go through the socket: below, making and mapping memory costs more than copying.
_INLINE = 64 * 1024
_PREFIX = struct.Struct(">I")


class Message:
    """One message.

    Attributes:
        kind: What it is.
        header: All of it that is plain data.
        data: The bytes beside it, read-only.
    """

    __slots__ = ("data", "header", "kind")

    def __init__(self, header: Mapping[str, Any], data: memoryview) -> None:
        self.kind: str = header["kind"]
        self.header = header
        self.data = data


class Channel:
    """One end of the connection. Any thread may send; one thread at a time receives."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._sending = threading.Lock()

    def fileno(self) -> int:
        """Return the descriptor, to wait for what arrives."""
        return self._socket.fileno()

    def send(self, kind: str, parts: Iterable[Buffer] = (), **header: Any) -> None:
        """Send a message; raises OSError where the other side is gone."""
        views = [memoryview(part).cast("B") for part in parts if memoryview(part).nbytes]
        size = sum(view.nbytes for view in views)
        shared = size > _INLINE
        text = json.dumps({"kind": kind, "size": size, "shared": shared, **header}).encode()
        prefix = _PREFIX.pack(len(text))
        with self._sending:
            if shared:
                memory = _filled(views)
                try:
                    socket.send_fds(self._socket, [prefix], [memory])
                finally:
                    os.close(memory)
                self._socket.sendall(text)
            else:
                self._socket.sendall(b"".join((prefix, text, *views)))

    def receive(self) -> Message:
        """Wait for a message; raises EOFError or OSError where the other side is gone."""
        prefix, descriptors, _, _ = socket.recv_fds(self._socket, _PREFIX.size, 1)
        try:
            if not prefix:
                raise EOFError("the other side is gone")
            prefix += self._exactly(_PREFIX.size - len(prefix))
            header = json.loads(self._exactly(_PREFIX.unpack(prefix)[0]))
            size = header["size"]
            if header["shared"]:
                data = memoryview(mmap.mmap(descriptors[0], size, access=mmap.ACCESS_READ))
            else:
                data = memoryview(self._exactly(size))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return Message(header, data)

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def _exactly(self, size: int) -> bytes:
        found = bytearray(size)
        view = memoryview(found)
        filled = 0
        while filled < size:
            received = self._socket.recv_into(view[filled:])
            if not received:
                raise EOFError("the other side is gone")
            filled += received
        return bytes(found)


def _filled(views: Iterable[memoryview]) -> int:
    """Return a descriptor of memory without a name that holds these bytes, and that nobody can change any more."""
    sealed = hasattr(os, "memfd_create") and hasattr(fcntl, "F_ADD_SEALS")
    if sealed:
        memory = os.memfd_create("flowra", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:
        with tempfile.TemporaryFile() as file:
            memory = os.dup(file.fileno())
    try:
        for view in views:
            written = 0
            while written < view.nbytes:
                written += os.write(memory, view[written:])
        if sealed:
            fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    except BaseException:
        os.close(memory)
        raise
    return memory
