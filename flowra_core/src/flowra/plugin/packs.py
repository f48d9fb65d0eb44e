"""What people see of an installed pack: its identity, its status, and what to mend."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Pack", "PackProblem", "Status"]

#: ok: usable; broken: its metadata, manifest or entry module is off; disabled: by a setting; incompatible: made for
#: other versions of Flowra; conflict: something that it claims is claimed by another pack too.
Status = Literal["ok", "broken", "disabled", "incompatible", "conflict"]


@dataclass(frozen=True, slots=True)
class PackProblem:
    """Why a pack, or part of it, can't be used.

    Attributes:
        what: What is the matter, in one line.
        why: The reason, in one line.
        mend: What to do about it; a command where one exists.
    """

    what: str
    why: str
    mend: str

    def to_json(self) -> dict[str, str]:
        """Return the problem as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Pack:
    """An installed pack, usable or not.

    Attributes:
        id: The entry point's name; node type ids start with it.
        distribution: The distribution that it comes from; empty for a pack registered in this process.
        version: The distribution's version.
        module: The entry-point module.
        location: The folder of the pack's code or, where that can't be found, of its metadata.
        editable: Whether it is installed for development, from its source tree.
        requires_flowra: The range of Flowra it states, as in `>=0.1,<0.2`; empty if it states none.
        status: Whether it can be used.
        problem: What to mend; None for a pack that is ok or disabled.
        python: The Python of the environment that it has of its own; empty if it is installed in this one.
    """

    id: str
    distribution: str
    version: str
    module: str
    location: str
    editable: bool
    requires_flowra: str
    status: Status
    problem: PackProblem | None = None
    python: str = ""

    def __str__(self) -> str:
        if not self.distribution:
            return f"pack {self.id}"
        isolated = ", in an environment of its own" if self.python else ""
        return f"pack {self.id} ({self.distribution} {self.version}{isolated})"

    def to_json(self) -> dict[str, Any]:
        """Return the pack as plain data."""
        return asdict(self)
