"""The examination behind `flowra pack doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowra.plugin.environments import remake_command
from flowra.plugin.import_cost import ImportCost, measure_import_cost
from flowra.plugin.mending import disable_command, install_command
from flowra.plugin.packs import Pack, PackProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowra.plugin.manager import PluginManager

__all__ = ["Finding", "examine"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What the examination of one pack came to.

    Attributes:
        pack: The pack.
        cost: What its modules cost to import; None if it can't be used, or has no code on disk.
        problems: What has to be mended.
    """

    pack: Pack
    cost: ImportCost | None
    problems: tuple[PackProblem, ...]

    def costs(self) -> tuple[str, str, str]:
        """Return the cost of the entry module, of all node modules, and the slowest of them, as text."""
        if self.cost is None:
            return "-", "-", ""
        measured = [each for each in self.cost.nodes if each.seconds is not None]
        slowest = max(measured, key=lambda each: each.seconds or 0.0, default=None)
        return (
            _milliseconds(self.cost.entry.seconds),
            _milliseconds(sum(each.seconds or 0.0 for each in measured)) if measured else "-",
            f"{slowest.module} {_milliseconds(slowest.seconds)}" if slowest else "",
        )

    def to_json(self) -> dict[str, Any]:
        """Return the finding as plain data."""
        return {
            **self.pack.to_json(),
            "import_cost": self.cost.to_json() if self.cost else None,
            "problems": [problem.to_json() for problem in self.problems],
        }


def examine(manager: PluginManager, packs: Iterable[Pack]) -> list[Finding]:
    """Examine packs one after the other, so that none disturbs another's measurement."""
    findings = []
    for pack in packs:
        cost = None
        if pack.status in {"ok", "conflict"} and pack.distribution:
            cost = measure_import_cost(
                pack.module, [entry for owner, entry in manager.entries("nodes") if owner == pack], python=pack.python
            )
        findings.append(Finding(pack, cost, tuple(_problems(manager, pack, cost))))
    return findings


def _problems(manager: PluginManager, pack: Pack, cost: ImportCost | None) -> Iterator[PackProblem]:
    if pack.problem is not None:
        yield pack.problem
    # A pack shows its first conflict; here all are wanted.
    for conflict in manager.conflicts:
        problem = conflict.problem()
        if pack.id in conflict.pack_ids and problem != pack.problem:
            yield problem
    for failed in cost.errors if cost else ():
        again = install_command(pack.distribution, "--upgrade")
        mend = f"`{remake_command(pack.distribution) if pack.python else again}`"
        yield PackProblem(
            what=f"importing {failed.module} failed",
            why=failed.error,
            mend="mend its source" if pack.editable else f"{mend}; or {disable_command(pack.id)}",
        )
    yield from _hidden_commands(manager, pack)


def _hidden_commands(manager: PluginManager, pack: Pack) -> Iterator[PackProblem]:
    from flowra.cli.main import COMMANDS

    for owner, entry in manager.entries("commands"):
        if owner == pack and entry.name in COMMANDS:
            yield PackProblem(
                what=f"its command {entry.name} can't be called",
                why=f"flowra {entry.name} is a command of Flowra itself",
                mend="the pack has to give the command another name",
            )


def _milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 else "<1 ms"
