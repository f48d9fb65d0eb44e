"""The packs of workers beside the driver's: before a run, when a worker comes later, and where they may be replaced."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

from flowra.exceptions import ClusterError, FlowraError
from flowra.execute.cluster.connection import Connection
from flowra.execute.cluster.members import Member
from flowra.plugin.environments import remake_command
from flowra.plugin.manager import default_manager
from flowra.plugin.manifest import source_digest
from flowra.plugin.packs import Pack
from flowra.version import VERSION

__all__ = ["Ask", "PackCheck", "PackDelivery", "check_flowra", "forget_loaded", "pack_states"]

#: Calls a function on workers and returns what it gave there, by address.
Ask = Callable[..., dict[str, Any]]

#: What this process has loaded of packs, as their sources were when it was first asked.
_loaded: dict[str, str] = {}


class PackDelivery(Protocol):
    """Gives workers the packs of the driver: `flowra.pack.delivery` has one."""

    def deliver(self, pack: Pack, members: Sequence[Member], ask: Ask) -> dict[str, str]:
        """Have workers get a pack as it is here, and return why each did not, by address; empty for one that did."""


def pack_states(ids: list[str]) -> dict[str, list[str]]:
    """Return version and digest of the sources of each of these packs that can be used: run on a worker."""
    manager = default_manager()
    if not set(ids) <= {pack.id for pack in manager.packs if pack.status == "ok"}:
        manager.refresh()  # it may have been installed since
    return {
        pack.id: [pack.version, _as_loaded(pack)] for pack in manager.packs if pack.status == "ok" and pack.id in ids
    }


def forget_loaded(pack: str) -> None:
    """Take note that this process will load a pack anew."""
    _loaded.pop(pack, None)


def _as_loaded(pack: Pack) -> str:
    """Return the digest of the sources that this process runs: a file that is edited later changes nothing in it."""
    if pack.python:
        return _digest(pack)
    if pack.id not in _loaded or pack.module.partition(".")[0] not in sys.modules:
        _loaded[pack.id] = _digest(pack)
    return _loaded[pack.id]


def _digest(pack: Pack) -> str:
    """Return the digest of a pack's sources; empty where they are no folder."""
    folder = Path(pack.location)
    if not (pack.location and folder.is_dir()) or folder.suffix in (".dist-info", ".egg-info"):
        return ""
    return source_digest(folder)


class PackCheck:
    """Compares the packs of workers with those that a plan needs.

    Args:
        connection: The cluster.
        needed: The ids of the packs whose nodes the plan has.
        packs: The packs that are here.
        delivery: What gives workers those that they lack, or have otherwise; None where that was not allowed.
    """

    def __init__(
        self, connection: Connection, needed: Collection[str], packs: Sequence[Pack], delivery: PackDelivery | None
    ) -> None:
        self._connection = connection
        self._needed = {pack.id: (pack, _digest(pack)) for pack in packs if pack.id in needed}
        self._delivery = delivery
        self._checked: set[Member] = set()
        self._late: list[str] = []
        #: Why packs could not be given, by worker and pack.
        self._reasons: dict[tuple[Member, str], str] = {}
        self._working: threading.Thread | None = None

    @property
    def usable(self) -> list[Member]:
        """The workers whose packs are known to be those of the plan, or to be missing."""
        return [member for member in self._connection.members if member in self._checked]

    def start(self) -> list[str]:
        """Compare before a run, and return what people are to be told.

        Raises:
            ClusterError: A worker has a pack otherwise, or no worker has it, or it can't be given to them.
        """
        members = list(self._connection.members)
        check_flowra(members)
        self._look(members)
        said = self._deliver(members) if self._delivery is not None else []
        for pack, digest in self._needed.values():
            for member in members:
                if reason := _differs(member, pack, digest):
                    why = self._with_reason(reason[1], [member], pack)
                    raise _refused(
                        f"worker {member.name} has {reason[0]}",
                        member.address,
                        why,
                        pack,
                        tried=self._delivery is not None,
                    )
            without = [member.name for member in members if pack.id not in member.packs]
            if len(without) == len(members):
                why = self._with_reason(f"{', '.join(without[:5])} lack it", members, pack)
                raise _refused(f"no worker has the pack {pack.id}", None, why, pack, tried=self._delivery is not None)
            if without:
                said.append(f"worker {', '.join(without)} lacks the pack {pack.id} and gets none of its nodes")
        self._checked.update(members)
        return said

    def come(self) -> list[str]:
        """Compare those that came since, without waiting, and return what people are to be told by now.

        A worker that comes late never ends the run: it gets no node of a pack that it has otherwise.
        """
        new = [member for member in self._connection.members if member not in self._checked]
        if new and not (self._working is not None and self._working.is_alive()):
            # Beside the run, which goes on with the others: a worker may have to fetch something.
            self._working = threading.Thread(target=self._take_in, args=(new,), name="flowra-packs", daemon=True)
            self._working.start()
        said, self._late = self._late, []
        return said

    def _take_in(self, members: list[Member]) -> None:
        said: list[str] = []
        able = [member for member in members if member.flowra == VERSION]
        for member in members:
            if member.flowra != VERSION:
                said.append(f"worker {member.name} has Flowra {member.flowra}, here is {VERSION}: it gets nothing")
                self._connection.drop(member)
        try:
            self._look(able)
            if self._delivery is not None:
                said += self._deliver(able)
        except (FlowraError, OSError, RuntimeError) as error:
            said.append(f"worker {', '.join(each.name for each in able)} can't be compared: {error}".partition("\n")[0])
            return  # lost, or asked again
        finally:
            self._late += said
        for pack, digest in self._needed.values():
            for member in able:
                if (reason := _differs(member, pack, digest)) is not None:
                    del member.packs[pack.id]
                    self._late.append(f"worker {member.name} has {reason[0]} and gets none of its nodes: {reason[1]}")
        self._checked.update(able)

    def _with_reason(self, why: str, members: Sequence[Member], pack: Pack) -> str:
        """Add why the pack could not be given, where it was tried."""
        reasons = dict.fromkeys(self._reasons[each, pack.id] for each in members if (each, pack.id) in self._reasons)
        return "; ".join([why, *(f"it can't be given to them: {reason}" for reason in reasons)])

    def _look(self, members: list[Member]) -> None:
        """Ask workers what they have of the packs that are needed."""
        if not self._needed or not members:
            return
        found = self._connection.ask_each(members, pack_states, sorted(self._needed))
        for member in members:
            states = found.get(member.address)
            if isinstance(states, dict):
                for pack in self._needed:
                    member.packs.pop(pack, None)
                    member.sources.pop(pack, None)
                member.packs.update({pack: state[0] for pack, state in states.items()})
                member.sources.update({pack: state[1] for pack, state in states.items()})

    def _deliver(self, members: list[Member]) -> list[str]:
        """Give workers what they lack or have otherwise; return what people are to be told."""
        assert self._delivery is not None
        said: list[str] = []
        for pack, digest in self._needed.values():
            wanting = [each for each in members if pack.id not in each.packs or _differs(each, pack, digest)]
            if not wanting or not pack.distribution:
                continue
            reasons = self._delivery.deliver(pack, wanting, self._connection.ask_each)
            given = [member.name for member in wanting if not reasons.get(member.address)]
            if given:
                said.append(f"worker {', '.join(given)} was given {pack.distribution} {pack.version}")
            for member in wanting:
                if reason := reasons.get(member.address):
                    said.append(f"worker {member.name} can't be given {pack.distribution} {pack.version}: {reason}")
                    self._reasons[member, pack.id] = reason
            self._look(wanting)
        return said


def check_flowra(members: Sequence[Member]) -> None:
    """Raise ClusterError for a worker that has another version of Flowra."""
    for member in members:
        if member.flowra != VERSION:
            raise ClusterError(
                f"worker {member.name} has another version of Flowra",
                where=member.address,
                why=f"it has {member.flowra}, and here is {VERSION}",
                fix=f"install the same there: pip install flowra=={VERSION}",
            )


def _differs(member: Member, pack: Pack, digest: str) -> tuple[str, str] | None:
    """Return how a worker's pack differs from the one here, in words; None where it does not or is not there."""
    found = member.packs.get(pack.id)
    if found is None:
        return None
    if found != pack.version:
        return (
            f"another version of the pack {pack.id}",
            f"it has {pack.id} {found}, and here is {pack.id} {pack.version}",
        )
    theirs = member.sources.get(pack.id, "")
    if digest and theirs and theirs != digest:
        why = f"its {pack.id} {found} is not what lies here, or the worker has loaded what lay there before"
        return f"other code of the pack {pack.id}", why
    return None


def _refused(what: str, where: str | None, why: str, pack: Pack, *, tried: bool) -> ClusterError:
    if not pack.distribution:
        return ClusterError(
            what, where=where, why=f"{why}; it was registered in this process alone", fix="make it a distribution"
        )
    named = f"{pack.distribution}=={pack.version}"
    by_hand = remake_command(named) if pack.python else f"pip install {named}"
    return ClusterError(
        what,
        where=where,
        why=why,
        fix=f"have them get it from here: --sync-packs; or install it there, and start them again: {by_hand}"
        if not tried
        else f"install it there, and start them again: {by_hand}",
    )
