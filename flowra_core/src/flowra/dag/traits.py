"""What a node class states of itself in its body: whether it can be cached, retried, run beside others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Isolation", "NodeTraits", "Retry"]

#: Where a node runs: on a thread of the worker, or in a supervised process of its own.
Isolation = Literal["thread", "process"]


@dataclass(frozen=True)
class Retry:
    """When a node that failed is tried again.

    The n-th try waits `delay × factor^(n-1)` seconds, at most `max_delay`, each wait stretched or shortened at random
    by up to the share `jitter`, so that many nodes that failed together don't come back together.

    Args:
        times: How many further tries there are, at least 1.
        on: The error classes that are worth another try; subclasses count.
        delay: Seconds before the first further try.
        factor: By how much each wait is longer than the one before.
        max_delay: The longest wait in seconds.
        jitter: Share of the wait, in 0..1.
    """

    times: int
    on: tuple[type[BaseException] | str, ...]
    delay: float = 0.5
    factor: float = 2.0
    max_delay: float = 60.0
    jitter: float = 0.25

    def covers(self, error: BaseException) -> bool:
        """Tell whether an error is of a class that is worth another try."""
        names = {_name_of(declared) for declared in self.on}
        return any(_name_of(cls) in names for cls in type(error).__mro__)

    def wait(self, attempt: int, chance: float) -> float:
        """Return how long to wait, in seconds, before a further try.

        Args:
            attempt: Which further try, from 1.
            chance: A random number in 0..1.
        """
        base = min(self.max_delay, self.delay * self.factor ** (attempt - 1))
        return base * (1 + self.jitter * (2 * chance - 1))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data; error classes are named `module:Class`."""
        return {
            "times": self.times,
            "on": [_name_of(cls) for cls in self.on],
            "delay": self.delay,
            "factor": self.factor,
            "max_delay": self.max_delay,
            "jitter": self.jitter,
        }


def _name_of(cls: type[BaseException] | str) -> str:
    return cls if isinstance(cls, str) else f"{cls.__module__}:{cls.__qualname__}"


@dataclass(frozen=True)
class NodeTraits:
    """What a node class states of itself, as data.

    Attributes:
        cacheable: Whether a result may stand in for running it again.
        deterministic: Whether equal inputs give equal outputs.
        effects: Whether it changes something outside: sends, deletes, writes over.
        idempotent: Whether doing that twice leaves the same as doing it once.
        retries: When it is tried again, or None.
        timeout: Seconds that one call may take, or None.
        isolation: Where it runs.
        thread_safe: Whether one instance may run several calls at once.
        warm: Whether it has an `init` of its own, so that its instances are worth keeping.
        resources: What one call needs: `cpu` (cores), `memory` (bytes), `gpu` (cards), `gpu_memory` (bytes), or names
            of one's own.
        code_version: The version that stands for its code in cache keys; None to take the code itself.
        libraries: Distributions whose versions are part of its cache keys.
        fingerprinted: Whether it has a `fingerprint` of its own.
        batch_size: How many sets of inputs it takes at once, at most.
        remote: Whether its results go to a remote store: always, never, or None where the store decides.
    """

    cacheable: bool = True
    deterministic: bool = True
    effects: bool = False
    idempotent: bool = False
    retries: Retry | None = None
    timeout: float | None = None
    isolation: Isolation = "thread"
    thread_safe: bool = False
    warm: bool = False
    resources: dict[str, float] = field(default_factory=dict)
    code_version: str | None = None
    libraries: tuple[str, ...] = ()
    fingerprinted: bool = False
    batch_size: int = 1
    remote: bool | None = None

    @property
    def once(self) -> bool:
        """Whether a call that may have been made must not be made again unasked."""
        return self.effects and not self.idempotent

    def to_json(self) -> dict[str, Any]:
        """Return what differs from the usual, as plain data."""
        usual = NodeTraits()
        data = {name: value for name, value in self.__dict__.items() if value != getattr(usual, name)}
        if self.retries is not None:
            data["retries"] = self.retries.to_json()
        if self.libraries:
            data["libraries"] = list(self.libraries)
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> NodeTraits:
        """Make traits from what `to_json` wrote; raises TypeError for a name that is none."""
        fields = dict(data)
        if "retries" in fields:
            fields["retries"] = Retry(**{**fields["retries"], "on": tuple(fields["retries"]["on"])})
        if "libraries" in fields:
            fields["libraries"] = tuple(fields["libraries"])
        return cls(**fields)
