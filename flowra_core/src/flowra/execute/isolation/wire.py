"""The messages between a supervising process and its child: a JSON header, and bytes beside it.

Few bytes follow the header through the socket. Many lie in memory that both processes map; its file descriptor travels
with the header when it is new.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from flowra.execute.isolation.shared import LentMemory, MappedMemory
from flowra.storage.codec.encoded import Buffer

__all__ = ["PROTOCOL", "Channel", "Message"]

#: The version of the messages. Both sides say it, and a child that says another is refused.
PROTOCOL = 2
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
        self._lent = LentMemory()
        self._mapped = MappedMemory()

    def fileno(self) -> int:
        """Return the descriptor, to wait for what arrives."""
        return self._socket.fileno()

    def send(self, kind: str, parts: Iterable[Buffer] = (), **header: Any) -> None:
        """Send a message; raises OSError where the other side is gone."""
        views = [memoryview(part).cast("B") for part in parts if memoryview(part).nbytes]
        size = sum(view.nbytes for view in views)
        with self._sending:
            header.update(kind=kind, size=size, done=self._mapped.done())
            descriptor = None
            if size > _INLINE:
                header["lent"], descriptor = self._lent.fill(views, size)
                views = []
            text = json.dumps({**header, "dropped": self._lent.dropped()}).encode()
            prefix = _PREFIX.pack(len(text))
            if descriptor is None:
                self._socket.sendall(b"".join((prefix, text, *views)))
                return
            try:
                socket.send_fds(self._socket, [prefix], [descriptor])
            finally:
                os.close(descriptor)
            self._socket.sendall(text)

    def receive(self) -> Message:
        """Wait for a message; raises EOFError or OSError where the other side is gone."""
        prefix, descriptors, _, _ = socket.recv_fds(self._socket, _PREFIX.size, 1)
        try:
            if not prefix:
                raise EOFError("the other side is gone")
            prefix += self._exactly(_PREFIX.size - len(prefix))
            header = json.loads(self._exactly(_PREFIX.unpack(prefix)[0]))
            self._lent.take_back(header["done"])
            self._mapped.drop(header["dropped"])
            size = header["size"]
            if "lent" in header:
                data = self._mapped.view(header["lent"], size, descriptors[0] if descriptors else None)
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
