"""How long the values of a run are kept: until the last node that takes them has ended."""

from __future__ import annotations

from collections.abc import Iterable

from flowra.execute.scheduler.memory import MemoryBudget
from flowra.execute.scheduler.state import NodeState

__all__ = ["Lifetimes"]


class Lifetimes:
    """Lets values go that nobody takes any more. The scheduler's lock is held by whoever calls.

    Args:
        memory: Counts what is held.

    Attributes:
        recalled: The states whose results were known before the run.
    """

    def __init__(self, memory: MemoryBudget) -> None:
        self._memory = memory
        self.recalled: set[NodeState] = set()

    def taken(self, sources: Iterable[NodeState]) -> None:
        """Note that one taker of these states has ended, and let go what nobody takes any more."""
        for source in sources:
            source.takers -= 1
            if not source.takers and not source.keep:
                self._let_go(source)

    def release_known(self) -> None:
        """Let go of the known results that nobody takes; what is asked for is active."""
        for state in self.recalled:
            if not state.takers and not state.keep:
                state.outputs = None

    def _let_go(self, state: NodeState) -> None:
        """Let go of a state's values. What only a branch would take that nobody asks for has ended as a taker too."""
        given_up = [state]
        while given_up:
            state = given_up.pop()
            if state.outputs is not None and state in self.recalled:
                self._memory.drop(state.outputs)  # the job itself holds them to its end
            state.outputs = None
            if not state.active:
                state.active = True  # never again
                for source in (*state.eager, *state.lazy):
                    source.takers -= 1
                    if not source.takers and not source.keep:
                        given_up.append(source)
