"""What this pack contributes. Nothing is imported here but Flowra's plugin interface: nodes are loaded when used."""

from __future__ import annotations

from collections.abc import Iterable

from flowra.plugin import NodeEntry, hookimpl


@hookimpl
def flowra_nodes() -> Iterable[NodeEntry]:
    """Name the node classes, in the order in which people meet them."""
{%- for group in cookiecutter.groups.split(',') %}
    yield NodeEntry(
        "{{ cookiecutter.package }}.nodes.{{ group.strip() }}:{{ group.strip().title().replace('_', '') }}Example",
        group="{{ group.strip().replace('_', ' ') }}",
        summary="{{ 'Mix a picture with its negative' if cookiecutter.media == 'image' else 'Multiply a number' }}",
    )
{%- endfor %}
