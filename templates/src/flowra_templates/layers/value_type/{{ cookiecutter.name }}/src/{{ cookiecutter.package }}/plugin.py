"""What this pack contributes. Nothing is imported here but Flowra's plugin interface: nodes are loaded when used."""

from __future__ import annotations

from collections.abc import Iterable

from flowra.plugin import NodeEntry, ValueTypeEntry, hookimpl


@hookimpl
def flowra_nodes() -> Iterable[NodeEntry]:
    """Name the node classes, in the order in which people meet them."""
    yield NodeEntry(
        "{{ cookiecutter.package }}.nodes.colors:MakePalette",
        group="colors",
        summary="Make a palette of colours",
    )
    yield NodeEntry(
        "{{ cookiecutter.package }}.nodes.colors:Brightest",
        group="colors",
        summary="Find the brightest colour",
    )


@hookimpl
def flowra_value_types() -> Iterable[ValueTypeEntry]:
    """Name the value type, and what handles its values."""
    yield ValueTypeEntry(
        "Palette",
        handler="{{ cookiecutter.package }}.palette_handler:PaletteHandler",
        type="{{ cookiecutter.package }}.palette:PaletteType",
    )
