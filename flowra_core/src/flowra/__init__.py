"""Flowra: a graph execution engine for multimodal AI workflows, and the toolchain to write node packs for it.

The names that most programs need are here; each is imported when it is first used, so that `import flowra` costs next
to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowra.version import VERSION

if TYPE_CHECKING:
    from flowra.dag.graph import Graph
    from flowra.dag.node import BaseArgs, Node
    from flowra.execute.session import Run, Session

__all__ = ["BaseArgs", "Graph", "Node", "Run", "Session", "__version__"]

__version__ = VERSION

_HOMES = {
    "BaseArgs": "flowra.dag.node",
    "Graph": "flowra.dag.graph",
    "Node": "flowra.dag.node",
    "Run": "flowra.execute.session",
    "Session": "flowra.execute.session",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
