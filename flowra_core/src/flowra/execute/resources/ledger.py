"""Who has how much of what a machine offers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping

from flowra.execute.resources.offer import Offer

__all__ = ["Ledger"]

#: Sums of fractions are off by less than this; no resource is asked for in such parts.
_ROUNDING = 1e-9


class Ledger:
    """Gives out what an offer has, first come, first served. Every method may be called from any thread.

    Whoever waits for something is not overtaken by those who came later and want some of the same.

    Args:
        offer: What there is.
    """

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self._lock = threading.Lock()
        self._taken: dict[str, float] = {}
        self._holding: dict[Hashable, Mapping[str, float]] = {}
        self._waiting: dict[Hashable, tuple[Mapping[str, float], Callable[[], None]]] = {}

    def take(self, taker: Hashable, needs: Mapping[str, float], granted: Callable[[], None]) -> bool:
        """Take what is needed, or wait for it without blocking.

        Args:
            taker: Who takes it; it gives it back by `give_back`.
            needs: Amounts by name, none more than there is.
            granted: Called by another thread once it was taken, if it can't be had at once.

        Returns:
            Whether it was taken; True for one that has it already.
        """
        with self._lock:
            if taker in self._holding:
                return True
            if self._is_free(needs) and not any(needs.keys() & other.keys() for other, _ in self._waiting.values()):
                self._hold(taker, needs)
                return True
            self._waiting[taker] = needs, granted
            return False

    def give_back(self, taker: Hashable) -> None:
        """Give back what a taker has, or no longer wait for it; nothing happens for one that has nothing."""
        with self._lock:
            self._waiting.pop(taker, None)
            for name, amount in self._holding.pop(taker, {}).items():
                self._taken[name] -= amount
            granted = self._grant() if self._waiting else []
        for tell in granted:
            tell()

    def _grant(self) -> list[Callable[[], None]]:
        """Let those who wait take what they can have, in the order in which they came."""
        granted = []
        wanted: set[str] = set()
        for taker, (needs, tell) in list(self._waiting.items()):
            if wanted.isdisjoint(needs) and self._is_free(needs):
                del self._waiting[taker]
                self._hold(taker, needs)
                granted.append(tell)
            else:
                wanted.update(needs)
        return granted

    def _hold(self, taker: Hashable, needs: Mapping[str, float]) -> None:
        self._holding[taker] = needs
        for name, amount in needs.items():
            self._taken[name] = self._taken.get(name, 0.0) + amount

    def _is_free(self, needs: Mapping[str, float]) -> bool:
        return all(
            self._taken.get(name, 0.0) + amount <= self.offer.amount(name) + _ROUNDING for name, amount in needs.items()
        )
