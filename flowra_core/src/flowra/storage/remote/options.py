"""What an address says to the core, whatever the service: the generic options behind its `?`.

`s3://bucket/team?namespace=lab&read_only=true&region=eu-central-1` is a store in the namespace `lab`, only to be read;
`region` is the pack's own, and is left in the address that the pack is given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from flowra.exceptions import StoreError, printable

__all__ = ["DEFAULT_NAMESPACE", "RemoteOptions", "split_address", "without_secrets"]

DEFAULT_NAMESPACE = "default"
#: Seconds between two signs of life of a session.
_HEARTBEAT = 5.0
#: On a shared folder: clients of NFS believe what they know of a file for up to a minute.
_HEARTBEAT_OF_FOLDERS = 20.0
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_YES, _NO = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """The generic options of a remote store.

    Attributes:
        namespace: The part of the bucket that is looked at; each has values, records and collections of its own.
        read_only: Whether nothing is ever written.
        heartbeat: Seconds between two signs of life of a session, 0.05 to 300. After four that others don't see, a
            session counts as lost: its right to compute a key passes on, and what it used may be collected.
        connections: How many requests are made side by side, 1 to 256.
    """

    namespace: str = DEFAULT_NAMESPACE
    read_only: bool = False
    heartbeat: float = _HEARTBEAT
    connections: int = 32

    def on(self, location: str) -> str:
        """Return an address with these options on it, as far as they are not what they would be without."""
        usual = _usual(location)
        stated = []
        if self.namespace != usual.namespace:
            stated.append(f"namespace={quote(self.namespace)}")
        if self.read_only:
            stated.append("read_only=true")
        if self.heartbeat != usual.heartbeat:
            stated.append(f"heartbeat={self.heartbeat:g}")
        if self.connections != usual.connections:
            stated.append(f"connections={self.connections}")
        return location + ("&" if "?" in location else "?") + "&".join(stated) if stated else location


def split_address(address: str) -> tuple[str, RemoteOptions]:
    """Return an address without its generic options, and these.

    Raises:
        StoreError: An option has a value that it can't have.
    """
    bare, _, query = address.partition("?")
    usual = _usual(bare)
    namespace, read_only = usual.namespace, usual.read_only
    heartbeat, connections = usual.heartbeat, usual.connections
    rest = []
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        value = unquote(value)
        if name == "namespace":
            if not _NAMESPACE.fullmatch(value):
                raise _wrong(bare, name, value, "up to 63 of a-z, 0-9, '-' and '_', beginning with a letter or digit")
            namespace = value
        elif name == "read_only":
            if value.lower() not in _YES | _NO:
                raise _wrong(bare, name, value, "true or false")
            read_only = value.lower() in _YES
        elif name == "heartbeat":
            heartbeat = _number(bare, name, value, 0.05, 300)
        elif name == "connections":
            connections = int(_number(bare, name, value, 1, 256))
        else:
            rest.append(part)
    bare = f"{bare}?{'&'.join(rest)}" if rest else bare
    return bare, RemoteOptions(namespace, read_only, heartbeat, connections)


def without_secrets(address: str) -> str:
    """Return an address as errors show it: without its options, and without what stands before an `@`.

    Neither belongs there if it is a key, and somebody who writes one there is told so without repeating it.
    """
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0].partition('#')[0]}"


def _usual(location: str) -> RemoteOptions:
    return RemoteOptions(heartbeat=_HEARTBEAT_OF_FOLDERS if location.startswith("shared:") else _HEARTBEAT)


def _number(address: str, name: str, value: str, least: float, most: float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not least <= number <= most:
        raise _wrong(address, name, value, f"a number from {least:g} to {most:g}")
    return number


def _wrong(address: str, name: str, value: str, expected: str) -> StoreError:
    return StoreError(
        f"the option {name} of a store's address has a value it can't have",
        where=without_secrets(address),
        why=f"it is {printable(value, 80)!r}",
        fix=f"give {expected}",
    )
