"""What nodes may take on a machine: found out where it can be, stated in the settings where it can't."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from flowra.config.settings import load_settings
from flowra.execute.resources.gpus import Gpu, usable_gpus
from flowra.execute.resources.limits import usable_cores, usable_memory

__all__ = ["Offer"]


class Offer:
    """How much of each resource there is. What can be detected is looked for when it is first asked for.

    `cpu` (processors), `memory` (bytes), `gpu` (cards) and `gpu_memory` (bytes on all cards together) are detected;
    of any other name there is what was stated, else nothing.

    Args:
        stated: Amounts by name, which count in place of what would be detected; the setting `resources` if None.
    """

    def __init__(self, stated: Mapping[str, float] | None = None) -> None:
        self._stated = stated
        self._found: dict[str, float] = {}

    @cached_property
    def gpus(self) -> tuple[Gpu, ...]:
        """The graphics cards that this process may use."""
        return usable_gpus()

    def amount(self, name: str) -> float:
        """Return how much there is of a resource; 0 where there is none of it, or nothing says how much."""
        if self._stated is None:
            self._stated = load_settings().resources
        if name in self._stated:
            return self._stated[name]
        if name not in self._found:
            detect = self._detectors.get(name)
            self._found[name] = detect() if detect is not None else 0.0
        return self._found[name]

    def amounts(self, names: Iterable[str]) -> dict[str, float]:
        """Return how much there is of each of some resources, as plain data for another process."""
        return {name: self.amount(name) for name in names}

    def lacking(self, needs: Mapping[str, float]) -> list[str]:
        """Return what can never be had of what is needed, each in words: "gpu 1 (there is none)"."""
        return [
            f"{name} {needed:g} (there is {f'{found:g}' if found else 'none'})"
            for name, needed in needs.items()
            if needed > (found := self.amount(name))
        ]

    @property
    def _detectors(self) -> Mapping[str, Callable[[], float]]:
        return {
            "cpu": usable_cores,
            "memory": lambda: float(usable_memory() or 0),
            "gpu": lambda: float(len(self.gpus)),
            "gpu_memory": lambda: float(sum(gpu.memory or 0 for gpu in self.gpus)),
        }
