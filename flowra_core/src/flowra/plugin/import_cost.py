"""What importing a pack costs, measured in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowra.plugin.contributions import NodeEntry

__all__ = ["ImportCost", "ModuleCost", "measure_import_cost"]

_LONGEST_IMPORT_S = 120.0


@dataclass(frozen=True, slots=True)
class ModuleCost:
    """One module's import.

    Attributes:
        module: The module.
        seconds: What its import took, on top of the modules measured before it; None if it never ended.
        error: What it raised, `ErrorClass: message`; empty if it went well.
    """

    module: str
    seconds: float | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class ImportCost:
    """A pack's imports, in the order in which they were measured.

    Attributes:
        entry: The entry-point module: paid when the pack's hooks are asked.
        nodes: The modules of its nodes: each paid when a graph first uses one of its nodes.
    """

    entry: ModuleCost
    nodes: tuple[ModuleCost, ...] = ()

    @property
    def seconds(self) -> float:
        """What importing all of it took."""
        return sum(each.seconds or 0.0 for each in (self.entry, *self.nodes))

    @property
    def errors(self) -> tuple[ModuleCost, ...]:
        """The modules whose import failed."""
        return tuple(each for each in (self.entry, *self.nodes) if each.error)

    def to_json(self) -> dict[str, Any]:
        """Return the costs as plain data."""
        return {**asdict(self), "seconds": self.seconds}


def measure_import_cost(
    module: str, nodes: Iterable[NodeEntry] = (), *, timeout: float = _LONGEST_IMPORT_S, python: str = ""
) -> ImportCost:
    """Import a pack's modules in a process of their own and return what each took.

    Args:
        module: The entry-point module.
        nodes: The pack's nodes; each of their modules is imported once.
        timeout: The longest that all imports together may take, in seconds.
        python: The Python of the environment that the pack has of its own; this one if empty.

    Returns:
        The costs. Whatever the modules do, also where they end or hang the process, is told as their error.
    """
    modules = list(dict.fromkeys([module, *(node.target.partition(":")[0] for node in nodes)]))
    path = [entry for entry in sys.path if isinstance(entry, str)] if not python else None
    request = json.dumps({"path": path, "modules": modules})
    probe = Path(__file__).with_name("import_probe.py")
    try:
        finished = subprocess.run(  # noqa: S603 - a Python, a script of ours
            [python, "-I", str(probe)] if python else [sys.executable, str(probe)],
            input=request.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
        output, ending = finished.stdout, f"the import ended its process with exit status {finished.returncode}"
    except subprocess.TimeoutExpired as error:
        output, ending = error.stdout or b"", f"the import took more than {timeout:g} s"
    costs = [ModuleCost(**json.loads(line)) for line in output.splitlines()]
    if len(costs) < len(modules):
        costs.append(ModuleCost(modules[len(costs)], None, ending))
    entry, *rest = costs
    return ImportCost(entry, tuple(_not_measured(modules, rest)))


def _not_measured(modules: Sequence[str], measured: Sequence[ModuleCost]) -> Iterable[ModuleCost]:
    """Return the node modules' costs, those after a crash included."""
    yield from measured
    for module in modules[1 + len(measured) :]:
        yield ModuleCost(module, None, "not measured: the process had ended")
