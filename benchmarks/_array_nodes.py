"""The nodes and the store of cluster_values.py; in a module of their own, since workers have to import them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from flowra.dag.context import RunContext
from flowra.dag.node import BaseArgs, Node
from flowra.storage.local.store import LocalStore
from flowra.storage.refs import BlobRef, InlineRef

__all__ = ["FarStore", "Look", "Make", "Step", "add", "look", "make", "open_far", "step"]

_SIDE = 2896  # a picture of one channel of 8 MiB


def make(number: int) -> Any:
    """Return a picture."""
    return np.full((_SIDE, _SIDE), number % 251, np.uint8)


def step(array: Any) -> Any:
    """Return it one step brighter."""
    return array + np.uint8(1)


def look(array: Any, number: int) -> int:
    """Look at some of a picture."""
    return int(array[::512].sum()) + number


def add(first: Any, second: Any) -> int:
    """Look at some of two pictures."""
    return look(first, 0) + look(second, 0)


class Make(Node):
    """Make a picture."""

    class InputArgs(BaseArgs):
        """Which."""

        number: int

    class OutputArgs(BaseArgs):
        """The picture."""

        array: Any

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Return it."""
        return self.OutputArgs(array=make(args.number))


class Step(Node):
    """Make a picture one step brighter."""

    class InputArgs(BaseArgs):
        """The picture."""

        array: Any

    class OutputArgs(BaseArgs):
        """The brighter one."""

        array: Any

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Return it."""
        return self.OutputArgs(array=step(args.array))


class Look(Node):
    """Look at one or two pictures."""

    class InputArgs(BaseArgs):
        """The pictures."""

        array: Any
        other: Any = None
        number: int = 0

    class OutputArgs(BaseArgs):
        """What was seen."""

        seen: int

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Return it."""
        other = 0 if args.other is None else look(args.other, 0)
        return self.OutputArgs(seen=look(args.array, args.number) + other)


class FarStore(LocalStore):
    """Stands for a store across a network: each read waits for an answer, and for the bytes."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        super().__init__(Path(parts.path))
        self.location = address
        stated = parse_qs(parts.query)
        self._latency, self._rate = float(stated["latency"][0]), float(stated["rate"][0])
        self._alone = "alone" in stated

    def is_near(self, ref: BlobRef) -> bool:
        """Return that none is; for comparison that all are, so that no worker is asked."""
        return self._alone

    def get(self, ref: InlineRef | BlobRef) -> memoryview | None:
        """Return a value's bytes after as long as a network takes."""
        if isinstance(ref, BlobRef):
            time.sleep(self._latency + ref.size / self._rate)
        return super().get(ref)


def open_far(address: str, **_options: object) -> FarStore:
    """Open the store that an address names."""
    return FarStore(address)
