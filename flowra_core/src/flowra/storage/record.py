"""The record of one action: what a node gave for one key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from flowra.storage.refs import BlobRef, Ref, blobs_of

__all__ = ["Record"]


class Record(NamedTuple):
    """What a node gave for one key.

    Attributes:
        key: The action key, 32 bytes.
        node_type: `image/Resize`.
        outputs: The refs of the outputs, by port.
        seconds: How long the node ran.
        preimage: What the key was made of, as JSON in UTF-8, so that two keys can be compared in words.
        created: When the node ended, in seconds since the epoch. For people and for the order of collection only:
            nothing is decided by comparing clocks.
    """

    key: bytes
    node_type: str
    outputs: Mapping[str, Ref]
    seconds: float = 0.0
    preimage: bytes = b"{}"
    created: float = 0.0

    def blobs(self) -> Iterator[BlobRef]:
        """Yield the blobs that the outputs need."""
        for ref in self.outputs.values():
            yield from blobs_of(ref)
