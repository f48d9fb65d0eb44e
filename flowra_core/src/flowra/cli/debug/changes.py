"""What is different between two runs of the same: output by output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowra.cli.debug.values import PREVIEW
from flowra.exceptions import FlowraError, PluginError
from flowra.type.value.base import short

if TYPE_CHECKING:
    from flowra.cli.debug.report import RunReport
    from flowra.dag.plan.logical import LogicalPlan
    from flowra.execute.session import Session
    from flowra.execute.session.history import PastRun

__all__ = ["Change", "changes_between", "changes_since"]


@dataclass(frozen=True)
class Change:
    """How one output of a call differs from what it was.

    Attributes:
        place: `node.port`.
        said: The difference, in words.
        picture: A small PNG of it, where both are pictures: brighter where they differ more.
    """

    place: str
    said: str
    picture: bytes | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.said}"


def changes_since(session: Session, plan: LogicalPlan, before: PastRun, report: RunReport) -> list[Change]:
    """Return how the outputs in a report differ from those of an earlier run of the same nodes.

    An output that has the same digest is the same. What the earlier run gave and the store has no more is said to be
    new.
    """
    from flowra.cli.debug.report import RunValues

    values = RunValues(session, plan, before)
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for node in report.nodes:
        planned = plan.nodes.get(node.node)
        if planned is None or node.status in ("failed", "not run"):
            continue
        known = values.outputs_of(node.name, planned.description)
        for output in node.outputs:
            place = f"{node.name}.{output.port}"
            ref = values.ref_of(known.get(output.port))
            if ref is not None and not isinstance(ref, str) and ref.digest.hex() == output.digest:
                continue
            new[place] = output.data
            with suppress(LookupError, FlowraError, ValueError):
                if output.port in known:
                    old[place] = values.load(known[output.port])
    return list(changes_between(old, new))


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what changed.

    Args:
        before: The earlier outputs, by `node.port`.
        after: The later ones.
    """
    for place in dict.fromkeys([*before, *after]):
        if place not in before:
            yield Change(place, "is new")
        elif place not in after:
            yield Change(place, "is gone")
        elif (change := _change(place, before[place], after[place])) is not None:
            yield change


def _change(place: str, before: Any, after: Any) -> Change | None:
    if _is_array(before) and _is_array(after):
        return _array_change(place, before, after)
    try:
        same = bool(before == after)
    except (TypeError, ValueError):
        same = False
    if same:
        return None
    old, new = short(before), short(after)
    return Change(place, f"{old} → {new}" if old != new else f"differs; both are {new}")


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") and hasattr(value, "dtype") and not isinstance(value, type)


def _array_change(place: str, before: Any, after: Any) -> Change | None:
    import numpy as np

    old, new = np.asarray(before), np.asarray(after)
    if old.shape != new.shape or old.dtype != new.dtype:
        return Change(
            place, f"{'×'.join(map(str, old.shape))} {old.dtype} → {'×'.join(map(str, new.shape))} {new.dtype}"
        )
    if old.dtype.kind not in "iufb":
        return None if np.array_equal(old, new) else Change(place, "differs")
    off = np.abs(new.astype(np.float64) - old.astype(np.float64))
    # What was NaN and is NaN still has not changed; what became or ceased to be NaN has.
    off[np.isnan(old.astype(np.float64)) & np.isnan(new.astype(np.float64))] = 0
    count = int(np.count_nonzero(~(off == 0)))
    if not count:
        return None
    finite = off[np.isfinite(off)]
    largest, mean = (float(finite.max()), float(finite.mean())) if finite.size else (float("nan"), float("nan"))
    said = f"{count:,} of {off.size:,} values differ, by up to {largest:.6g}, {mean:.3g} on average"
    if finite.size < off.size:
        said += f"; {off.size - finite.size:,} were or became NaN or infinite"
    return Change(place, said, _picture(off))


def _picture(off: Any) -> bytes | None:
    """Return a PNG of absolute differences, scaled so that the largest is white; None for what is no picture."""
    import numpy as np

    from flowra.type.handler import handler_for
    from flowra.type.value.media import AnyImageType

    if off.ndim == 3 and off.shape[2] in (3, 4):
        off = off.max(axis=2)
    if off.ndim != 2 or not np.isfinite(off).all():
        return None
    try:
        return handler_for(AnyImageType.handled_as).thumbnail((off / off.max() * 255).astype(np.uint8), PREVIEW)
    except PluginError:
        return None  # without a pack for pictures there are none to compare
