"""The driver's side: which wheels workers need to have a pack as it is here, and the sending of them."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import Any

from flowra.exceptions import FlowraError
from flowra.execute.cluster.members import Member
from flowra.execute.cluster.packs import Ask
from flowra.pack.building.platforms import this_platform
from flowra.pack.delivery.arrival import receive
from flowra.pack.delivery.needs import needs_of, survey
from flowra.pack.delivery.repack import MOST_BYTES, WheelFile, wheel_of_installed, wheel_of_tree
from flowra.plugin.names import canonical_name
from flowra.plugin.packs import Pack

__all__ = ["PackSender"]


class PackSender:
    """Sends workers the packs of the driver, with what these depend on and the workers lack."""

    def deliver(self, pack: Pack, members: Sequence[Member], ask: Ask) -> dict[str, str]:
        """Have workers get a pack as it is here, and return why each did not, by address; empty for one that did."""
        try:
            found = _distribution_of(pack)
            own = _wheel_of(pack, found)
        except FlowraError as error:
            reason = f"{error.what}: {error.why}" if error.why else error.what
            return {member.address: reason for member in members}
        needs = [] if pack.python else needs_of(found)
        surveyed = ask(list(members), survey, needs)
        reasons: dict[str, str] = {}
        alike: dict[str, tuple[dict[str, Any], list[Member]]] = {}
        for member in members:
            about = surveyed.get(member.address)
            if not isinstance(about, dict):
                reasons[member.address] = f"it does not answer: {about}"
            elif about["unfit"]:
                reasons[member.address] = "; ".join(about["unfit"])
            else:
                alike.setdefault(repr(about), (about, []))[1].append(member)
        for about, same in alike.values():
            # One message for all that lack the same: the scheduler hands it on.
            answers = ask(same, receive, _parcel(pack, own, needs, about))
            for member in same:
                answer = answers.get(member.address)
                reasons[member.address] = answer if isinstance(answer, str) else f"it failed there: {answer!r}"
        return reasons


def _parcel(pack: Pack, own: WheelFile, needs: list[list[Any]], about: dict[str, Any]) -> dict[str, Any]:
    """Return what a worker is sent: the pack, and of what it lacks all that can be sent; it fetches the rest itself."""
    wheels = [own]
    fetch = []
    like_here = (about["platform"], about["python"]) == (this_platform(), _python())
    for name, version, _ in needs:
        if name not in about["missing"]:
            continue
        wheel = _wheel_to_send(name, like_here=like_here)
        if wheel is None or sum(len(each.data) for each in (*wheels, wheel)) > MOST_BYTES:
            fetch.append(f"{name}=={version}")
        else:
            wheels.append(wheel)
    return {
        "pack": pack.id,
        "distribution": pack.distribution,
        "version": pack.version,
        "wheels": [(each.name, each.sha256, each.data) for each in wheels],
        "fetch": fetch,
        "isolated": bool(pack.python),
    }


def _wheel_to_send(name: str, *, like_here: bool) -> WheelFile | None:
    """Return the wheel of something that the pack depends on; None where none can be made that fits the worker."""
    try:
        wheel = wheel_of_installed(distribution(name))
    except FlowraError:
        return None
    return wheel if like_here or wheel.name.endswith("-none-any.whl") else None


def _distribution_of(pack: Pack) -> Distribution:
    if pack.python:
        site = str(Path(pack.location).parent)
        wanted = canonical_name(pack.distribution)
        for each in distributions(path=[site]):
            if canonical_name(each.metadata["Name"]) == wanted:
                return each
        raise FlowraError("its distribution is not in its environment", where=site)
    try:
        return distribution(pack.distribution)
    except PackageNotFoundError as error:
        raise FlowraError("its distribution can't be found here any more", where=pack.location) from error


def _wheel_of(pack: Pack, found: Distribution) -> WheelFile:
    if pack.editable:
        return wheel_of_tree(found, Path(pack.location), pack.module)
    return wheel_of_installed(found)


def _python() -> str:
    return ".".join(platform.python_version_tuple()[:2])
