"""What the outputs of nodes are while a graph runs: values, lists of them, ended branches, failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flowra.type.value.base import ValueType

if TYPE_CHECKING:
    from flowra.exceptions import NodeFailedError
    from flowra.execute.scheduler.state import Call
    from flowra.storage.refs import BlobRef, InlineRef

__all__ = ["ABSENT", "Ended", "Failed", "Held", "Many", "Value"]


class _Absent:
    """The data of a value that is not in memory: it lies in the store, and is read when a node needs it."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


class Held:
    """A value, in memory or known by its reference alone.

    Attributes:
        type: Its value type.
        data: The value, or `ABSENT`.
        ref: Its reference in the store; None while it has none.
        unkeyed: Why it can't have one, in words; empty if it can.
        origin: The call that gave it, its port, and its place in a list; None unless it was recalled.
    """

    # By hand, since a dataclass with slots can't be referred to weakly on Python 3.10.
    __slots__ = ("__weakref__", "data", "origin", "ref", "type", "unkeyed")

    def __init__(self, type: ValueType, data: Any = ABSENT, ref: InlineRef | BlobRef | None = None) -> None:
        self.type = type
        self.data = data
        self.ref = ref
        self.unkeyed = ""
        self.origin: tuple[Call, str, tuple[int, ...]] | None = None

    @property
    def size(self) -> int:
        """Bytes that it holds in memory, as far as that is known: arrays say, small values count nothing."""
        return int(getattr(self.data, "nbytes", 0))


@dataclass(slots=True, eq=False)
class Many:
    """What a node that mapped over a list gave: one value for each item, in order."""

    items: list[Value]


@dataclass(slots=True, eq=False)
class Ended:
    """No value: a node ended the branch here."""

    reason: str


@dataclass(slots=True, eq=False)
class Failed:
    """No value: a node failed, or was not run because of a failure before it, or because the run was cancelled.

    Attributes:
        reason: In words, naming the node that failed.
        error: The failure; None for what was cancelled.
    """

    reason: str
    error: NodeFailedError | None = None


Value = Held | Many | Ended | Failed
