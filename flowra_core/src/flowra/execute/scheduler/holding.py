"""What units of a run hold of a machine's resources, and their wait for it."""

from __future__ import annotations

from collections.abc import Mapping

from flowra.dag.plan.logical import LogicalPlan
from flowra.execute.resources import Ledger
from flowra.execute.scheduler.crew import Crew, Unit

__all__ = ["Holding"]


class Holding:
    """Takes resources for units, and puts those off that have to wait for some.

    Args:
        ledger: Gives out what units need.
        crew: Runs them once they have it.

    Attributes:
        units: The units that have, or wait for, something of the ledger.
    """

    def __init__(self, ledger: Ledger, crew: Crew) -> None:
        self._ledger = ledger
        self._crew = crew
        self._queue = crew.queue
        self.units: set[Unit] = set()

    def take(self, unit: Unit, needs: Mapping[str, float]) -> bool:
        """Take what a unit needs; if it can't be had now, the unit is put off until it was taken for it."""
        with self._crew.lock:
            self.units.add(unit)
            self._queue.hold(unit)
        taken = self._ledger.take(unit, needs, lambda: self._go_ahead(unit))
        with self._crew.lock:
            # A run that was cancelled meanwhile takes the unit itself.
            return taken and self._queue.release(unit)

    def _go_ahead(self, unit: Unit) -> None:
        """Have a unit run that has what it needs now; another run may be what gave it back."""
        with self._crew.lock:
            if self._queue.release(unit):
                self._crew.enqueue_from_outside(unit)

    def give_back(self, unit: Unit) -> None:
        """Give back what a unit has, or no longer wait for it."""
        self.units.discard(unit)
        self._ledger.give_back(unit)

    def out_of_reach(self, plan: LogicalPlan) -> str | None:
        """Return what nodes of a plan need that can never be had, in words."""
        for node in plan.nodes.values():
            needs = node.description.traits.resources
            if needs and (lacking := self._ledger.offer.lacking(needs)):
                return f"{node.id} needs {', '.join(lacking)}"
        return None
