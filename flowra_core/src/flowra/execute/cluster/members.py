"""The workers of a cluster as the driver sees them: what they have, what they offer, what they are busy with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowra.config.settings import load_settings
from flowra.dag.plan.logical import PlannedNode
from flowra.execute.resources import Offer
from flowra.plugin.manager import default_manager
from flowra.version import VERSION

__all__ = ["ClusterOffer", "Member", "describe_process", "member_of"]

#: Resources that a worker has for itself where it sees some of its machine's graphics cards only.
_OF_CARDS = frozenset({"gpu", "gpu_memory"})


def describe_process(resources: list[str]) -> dict[str, Any]:
    """Return what a worker has: run there, before a run.

    Args:
        resources: The names of the resources that nodes of the run ask for.
    """
    import os
    import platform
    import socket
    import time

    packs = {pack.id: pack.version for pack in default_manager().packs if pack.status == "ok"}
    return {
        "flowra": VERSION,
        "python": platform.python_version(),
        "host": socket.gethostname(),
        "process": os.getpid(),
        "clock": time.time(),
        "packs": packs,
        # What people state of cards is of the whole machine.
        "slot": "" if "gpu" in load_settings().resources else os.environ.get("CUDA_VISIBLE_DEVICES", ""),
        "offer": Offer().amounts(resources),
    }


@dataclass(eq=False)
class Member:
    """A worker.

    Attributes:
        address: Its address.
        name: What people call it.
        host: The machine that it runs on.
        threads: How many batches it works at, at most.
        packs: The versions of its packs by id.
        offer: What its machine has, of what the nodes of the run ask for.
        flowra: The version of Flowra there.
        python: The version of Python there.
        process: Its process id, on its machine.
        slot: The graphics cards that it sees, where it does not see all of its machine's.
        busy: How many batches it has.
        sources: The digests of the sources of its packs by id, of those that were asked for.
        clock: Seconds that this machine's clock is ahead of that of the worker's.
    """

    address: str
    name: str
    host: str
    threads: int
    packs: dict[str, str]
    offer: dict[str, float]
    flowra: str = VERSION
    python: str = ""
    process: int = 0
    slot: str = ""
    busy: int = 0
    sources: dict[str, str] = field(default_factory=dict)
    clock: float = 0.0

    def pool(self, resource: str) -> str:
        """Return which workers it shares a resource with, as a name: those of its machine, or of its cards."""
        return f"{self.host} {self.slot}" if self.slot and resource in _OF_CARDS else self.host

    def has_pack_of(self, node: PlannedNode) -> bool:
        """Tell whether it has the pack of a node; classes that no pack contributes are imported by their module."""
        pack_id = node.type.partition("/")[0]
        return pack_id == "local" or pack_id in self.packs

    def lacks(self, needs: Mapping[str, float]) -> list[str]:
        """Return what its machine has not enough of, in words."""
        return Offer(self.offer).lacking(needs)


def member_of(address: str, about: dict[str, Any], worker: dict[str, Any], asked: tuple[float, float]) -> Member:
    """Make a member of what a worker says of itself, and the scheduler of it.

    Args:
        address: Its address.
        about: What `describe_process` gave there.
        worker: What the scheduler says.
        asked: When it was asked, and when all had answered, by this machine's clock.
    """
    began, ended = asked
    return Member(
        address=address,
        name=str(worker.get("name") or address),
        host=about["host"],
        threads=int(worker.get("nthreads", 1)),
        packs=dict(about["packs"]),
        offer=dict(about["offer"]),
        flowra=about["flowra"],
        python=about["python"],
        process=about["process"],
        slot=about["slot"],
        # Where its time lies between the question and the answer, the two clocks can't be told apart.
        clock=0.0 if began <= about["clock"] <= ended else (began + ended) / 2 - about["clock"],
    )


class ClusterOffer(Offer):
    """What the machines of a cluster offer: all together, and to one node at most what one of them has.

    Args:
        members: The workers.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__({})
        self._members = members

    def amount(self, name: str) -> float:
        """Return how much of a resource all machines have together."""
        return sum({member.pool(name): member.offer.get(name, 0.0) for member in self._members}.values())

    def lacking(self, needs: Mapping[str, float]) -> list[str]:
        """Return what no machine has enough of, as the machine that comes closest has it."""
        return min((member.lacks(needs) for member in self._members), key=len, default=[])
