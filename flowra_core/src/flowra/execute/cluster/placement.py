"""Which batch of calls goes to which worker."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowra.dag.plan.logical import PlannedNode
from flowra.execute.cluster.batches import MOST, SECONDS, Batch, Costs, Waiting, goes_alone
from flowra.execute.cluster.members import Member
from flowra.execute.cluster.peers import LEAST_BYTES
from flowra.execute.cluster.usable import UsableWorkers
from flowra.execute.scheduler.state import Call, NodeState
from flowra.execute.values import Held, Many
from flowra.storage.refs import BlobRef

__all__ = ["Placed", "Placement"]

#: A whole list of calls that takes less than this, in seconds, is not spread.
_TRIFLE = 0.002
#: Calls that are looked at first when batches are formed: enough for some batches for each of some workers.
_WINDOW = 4 * MOST
#: Seconds that a batch may wait for its turn on a worker while another has nothing to do.
_LONGEST_TURN = 0.2


@dataclass(eq=False)
class Placed:
    """A batch and the worker that gets it.

    Attributes:
        batch: The batch.
        member: The worker.
        taking: What it takes of the machine's resources.
        future: What stands for it in dask, once it was sent.
        since: When the worker got it, on the monotonic clock.
        asked: Whether the worker was asked to give back what it has not begun.
    """

    batch: Batch
    member: Member
    taking: dict[str, float]
    future: Any = None
    since: float = field(default_factory=time.monotonic)
    asked: bool = False


class Placement:
    """Decides where calls run, and keeps count of what workers are busy with. Whoever uses it holds a lock.

    Args:
        workers: The workers that the run may use.
        resumed: The names of the nodes that may be known from the run that is resumed: they are not computed ahead.
    """

    def __init__(self, workers: UsableWorkers, resumed: Container[str]) -> None:
        self._workers = workers
        self._resumed = resumed
        self._costs = Costs()
        self._where: dict[bytes, str] = {}
        self._taken: dict[tuple[str, str], float] = {}

    def free(self) -> list[Member]:
        """Return the workers that can be given something, the least busy first."""
        able = [member for member in self._workers.members if member.busy < 2 * member.threads]
        return sorted(able, key=lambda member: member.busy / member.threads)

    def form(self, pending: list[Waiting]) -> tuple[list[Placed], list[Waiting]]:
        """Take calls from those that wait, in batches for workers that can take them; return what is left too."""
        # With 100,000 calls that wait, looking at each of them for each batch would take longer than making them.
        formed, left = self._formed(pending[:_WINDOW], more=len(pending) > _WINDOW)
        if formed or len(pending) <= _WINDOW:
            return formed, left + pending[_WINDOW:]
        return self._formed(pending, more=False)

    def _formed(self, pending: list[Waiting], *, more: bool) -> tuple[list[Placed], list[Waiting]]:
        formed: list[Placed] = []
        alone = [each for each in pending if goes_alone(each)]
        plain = [each for each in pending if not goes_alone(each)]
        threads = sum(member.threads for member in self._workers.members) or 1
        left: list[Waiting] = []
        alike = Counter(each.call.node for each in pending if each.call.node.description.traits.batch_size > 1)
        for group in _groups(alone, alike, threads):
            waiting = group[0]
            member = self._member_for([waiting], idle=waiting.alone or waiting.call.node.description.traits.once)
            if member is None:
                left += group
                continue
            taking = dict(waiting.call.node.description.traits.resources)
            formed.append(self._placed(Batch(group), member, taking))
        costs = [self._costs.of(each.call.node) for each in plain]
        total = sum(cost for cost in costs if cost is not None)
        unknown = sum(cost is None for cost in costs)
        trifle = not unknown and total <= _TRIFLE
        share = SECONDS if trifle else max(min(SECONDS, total / (2 * threads)), 1e-6)
        most_unknown = math.ceil(unknown / threads)
        position = 0
        while position < len(plain):
            # Near the end a worker that is busy gets nothing yet: another may be free sooner.
            scarce = len(plain) - position <= threads and not trifle and not more
            member = self._member_for(plain[position : position + 1], idle=scarce)
            if member is None:
                # What the first one waits for, others need not.
                left.append(plain[position])
                position += 1
                if not self.free():
                    break
                continue
            roots: list[Waiting] = []
            seconds, guesses = 0.0, 0
            start, at_once = position, _at_once(plain[position], alike, threads)
            while position < len(plain) and len(roots) < MOST:
                waiting, cost = plain[position], costs[position]
                belongs = len(roots) < at_once and waiting.call.node is plain[start].call.node
                if (
                    roots
                    and not belongs
                    and (
                        seconds + (cost or 0.0) > share
                        or (cost is None and guesses >= most_unknown)
                        or not member.has_pack_of(waiting.call.node)
                    )
                ):
                    break
                roots.append(waiting)
                seconds += cost or 0.0
                guesses += cost is None
                position += 1
            batch = Batch(roots, seconds=seconds)
            if seconds < SECONDS:
                batch.grow(self._costs, self._follows(member))
            formed.append(self._placed(batch, member, {}))
        return formed, left + plain[position:]

    def _follows(self, member: Member) -> Callable[[PlannedNode], bool]:
        return lambda node: member.has_pack_of(node) and node.id not in self._resumed

    def _member_for(self, roots: list[Waiting], *, idle: bool) -> Member | None:
        """Return the worker for a call: one that may, is least busy, and has what it takes."""
        node = roots[0].call.node
        needs = node.description.traits.resources
        able = [
            member
            for member in self.free()
            if member.has_pack_of(node) and (not needs or self._has(member, needs))
            if not idle or member.busy < member.threads
        ]
        if not able:
            return None
        least = able[0].busy
        equal = [member for member in able if member.busy == least]
        if len(equal) == 1:
            return equal[0]
        near = self._bytes_at(roots[0].call)
        return max(equal, key=lambda member: near.get(member.address, 0))

    def _has(self, member: Member, needs: Any) -> bool:
        return all(
            self._taken.get((member.pool(name), name), 0.0) + amount <= member.offer.get(name, 0.0) + 1e-9
            for name, amount in needs.items()
        )

    def _bytes_at(self, call: Call) -> dict[str, int]:
        """Return how many bytes of a call's inputs were made where."""
        found: dict[str, int] = {}
        for digest, size in _large(call.inputs.values()):
            address = self._where.get(digest)
            if address is not None:
                found[address] = found.get(address, 0) + size
        return found

    def holders(self, placed: Placed) -> dict[bytes, str]:
        """Return which other workers have values that a batch takes, by the digests of these, as addresses."""
        if not self._where:
            return {}
        there = {member.address for member in self._workers.members} - {placed.member.address}
        taken = [value for root in placed.batch.roots for value in root.call.inputs.values()]
        taken += [value for state in placed.batch.ahead for value in _given(state)]
        found = {digest: self._where.get(digest, "") for digest, _ in _large(taken)}
        return {digest: address for digest, address in found.items() if address in there}

    def _placed(self, batch: Batch, member: Member, taking: dict[str, float]) -> Placed:
        member.busy += 1
        for name, amount in taking.items():
            pool = member.pool(name), name
            self._taken[pool] = self._taken.get(pool, 0.0) + amount
        return Placed(batch, member, taking)

    def stuck(self, sent: Iterable[Placed]) -> Placed | None:
        """Return a batch of which calls wait for their turn for a while, though another worker has nothing to do."""
        idle = [member for member in self._workers.members if not member.busy]
        if not idle:
            return None
        late = time.monotonic() - _LONGEST_TURN
        places: dict[Member, int] = {}
        for placed in sorted(sent, key=lambda each: each.since):
            place = places[placed.member] = places.get(placed.member, -1) + 1
            # A worker begins batches in the order in which it got them; one that it is at has a call that runs.
            roots = placed.batch.roots[1 if place < placed.member.threads else 0 :]
            if not roots or placed.asked or placed.since > late or placed.taking:
                continue
            if any(all(member.has_pack_of(root.call.node) for root in roots) for member in idle):
                return placed
        return None

    def give_back(self, placed: Placed) -> None:
        """Take note that a worker is through with a batch, or lost."""
        placed.member.busy -= 1
        for name, amount in placed.taking.items():
            self._taken[placed.member.pool(name), name] -= amount

    def note(self, node: PlannedNode, member: Member, reply: list[Any]) -> None:
        """Take note of what a call cost, and where what it gave is at hand."""
        if reply[0] not in ("ran", "ended"):
            return
        self._costs.note(node, reply[2], awaited=reply[3])
        if reply[0] == "ran":
            for ref in reply[1].values():
                if ref[0] == "blob" and ref[3] >= LEAST_BYTES:
                    self._where[ref[2]] = member.address


def _large(values: Iterable[Any]) -> Iterator[tuple[bytes, int]]:
    """Yield digest and size of each value, in lists too, that is worth going to."""
    pending = list(values)
    while pending:
        value = pending.pop()
        if isinstance(value, Many):
            pending += value.items
        elif isinstance(value, Held) and isinstance(value.ref, BlobRef) and value.ref.size >= LEAST_BYTES:
            yield value.ref.digest, value.ref.size


def _given(state: NodeState) -> Iterator[Any]:
    """Yield what the nodes before one have given by now."""
    for source in state.eager:
        if source.outputs is not None:
            yield from source.outputs.values()


def _groups(alone: list[Waiting], alike: Mapping[PlannedNode, int], threads: int) -> list[list[Waiting]]:
    """Return calls that have a worker's thread for themselves; those of a node that takes several go together."""
    groups: list[list[Waiting]] = []
    begun: dict[PlannedNode, list[Waiting]] = {}
    for waiting in alone:
        group = begun.get(waiting.call.node)
        if group is None or waiting.asks or waiting.alone or len(group) >= _at_once(waiting, alike, threads):
            groups.append([waiting])
            if not (waiting.asks or waiting.alone):
                begun[waiting.call.node] = groups[-1]
        else:
            group.append(waiting)
    return groups


def _at_once(waiting: Waiting, alike: Mapping[PlannedNode, int], threads: int) -> int:
    """Return how many calls like one are worth being made together: all workers are to get some."""
    most = waiting.call.node.description.traits.batch_size
    if most == 1 or waiting.alone or waiting.asks:
        return 1
    return max(1, min(most, math.ceil(alike[waiting.call.node] / threads)))
