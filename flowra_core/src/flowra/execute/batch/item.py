"""An item of a batch, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from flowra.exceptions import FlowraError, RunCancelledError

__all__ = ["BatchItem", "ItemResult", "Totals"]


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One item: a graph's inputs, and values of ports of its nodes.

    Attributes:
        index: Its number, from 0.
        label: What people know it by; empty if nothing but its number.
        values: What it gives, by `input` or `node.port`.
        position: Where its values stand in the source of items and in each axis of the sweep.
        problem: Why it can't be run, if that is known before it is looked at.
        of_graph: Which values the graph has, since the item does not give them: relative paths in them are taken from
            the graph's folder.
    """

    index: int
    label: str
    values: Mapping[str, Any]
    position: tuple[int, ...] = ()
    problem: FlowraError | None = None
    of_graph: frozenset[str] = frozenset()

    @property
    def setting(self) -> tuple[int, ...]:
        """Its place in the sweep: the same for all items that are run with the same settings."""
        return self.position[1:]


@dataclass(frozen=True)
class ItemResult:
    """What came of an item.

    Attributes:
        index: Its number, from 0.
        label: What people know it by; empty if nothing but its number.
        given: What it gave, by `input` or `node.port`.
        status: `succeeded`, `failed` or `cancelled`.
        outputs: The graph's outputs by name, as `Run.outputs` has them; those that could not be had are missing.
        files: Where each output lies for people, as `Run.files` has it; empty where nothing was to be written.
        error: Why it failed.
        seconds: How long it took, from when the first of its nodes began to run; 0 if none had to.
        cached: Whether nothing had to run for it.
        setting: Its place in the sweep: a number for each axis.
    """

    index: int
    label: str
    given: Mapping[str, Any]
    status: Literal["succeeded", "failed", "cancelled"]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)
    error: FlowraError | None = None
    seconds: float = 0.0
    cached: bool = False
    setting: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """What people know it by: its label, or its number, and the setting that it was run with."""
        settings = [
            f"{name}={value}" for name, value in self.given.items() if self.setting and str(value) != self.label
        ]
        return ", ".join([self.label or str(self.index), *settings])

    @property
    def reason(self) -> str:
        """Why it failed, in as many lines as that takes; empty if it did not."""
        if self.error is None:
            return ""
        # What is wrong with the values of an item is a list, beside which the error has no reason of its own.
        problems = getattr(self.error, "problems", ())
        return self.error.why or "\n".join(map(str, problems)) or self.error.what

    def raise_for_status(self) -> ItemResult:
        """Return the result if the item succeeded.

        Raises:
            FlowraError: Why it failed.
            RunCancelledError: The batch was cancelled before the item was done.
        """
        if self.error is not None:
            raise self.error
        if self.status == "cancelled":
            raise RunCancelledError(f"item {self.name} was cancelled")
        return self

    def __getitem__(self, name: str) -> Any:
        """Return an output by name; raises the item's failure, or KeyError."""
        if name not in self.outputs:
            self.raise_for_status()
        return self.outputs[name]


@dataclass
class Totals:
    """How many items came to what.

    Attributes:
        total: How many there are; None while that is not known.
        succeeded: How many succeeded.
        cached: How many of those had nothing to run.
        failed: How many failed.
        cancelled: How many were begun and not finished.
        seconds: How long the batch took, or has taken so far.
    """

    total: int | None = None
    succeeded: int = 0
    cached: int = 0
    failed: int = 0
    cancelled: int = 0
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """How many items have come to an end."""
        return self.succeeded + self.failed

    def add(self, result: ItemResult) -> None:
        """Count a result."""
        if result.status == "succeeded":
            self.succeeded += 1
            self.cached += result.cached
        elif result.status == "failed":
            self.failed += 1
        else:
            self.cancelled += 1


@lru_cache(maxsize=1024)  # each call of an item asks for it
def item_folder(output_dir: Path, index: int) -> Path:
    """Return the folder for the files of an item."""
    return output_dir / f"{index:06d}"
