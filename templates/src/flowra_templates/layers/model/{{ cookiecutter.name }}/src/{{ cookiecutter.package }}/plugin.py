"""What this pack contributes. Nothing is imported here but Flowra's plugin interface: nodes are loaded when used."""

from __future__ import annotations

from collections.abc import Iterable

from flowra.plugin import NodeEntry, hookimpl


@hookimpl
def flowra_nodes() -> Iterable[NodeEntry]:
    """Name the node classes, in the order in which people meet them."""
    yield NodeEntry(
        "{{ cookiecutter.package }}.nodes.classification:Classify",
        group="classification",
        summary="Say what a picture shows",
    )
