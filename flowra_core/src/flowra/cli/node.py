"""`flowra node`: the node types at hand."""

from __future__ import annotations

import json
from typing import Any

import click

from flowra.exceptions import PluginError

__all__ = ["command"]


@click.group("node")
def command() -> None:
    """List and describe node types."""


@command.command("list")
@click.option("--pack", "pack_id", help="Only the nodes of this pack.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_nodes(pack_id: str | None, as_json: bool) -> None:
    """List the node types of the installed packs."""
    from flowra.plugin.manager import default_manager

    manager = default_manager()
    rows = [
        {
            "type": f"{pack.id}/{entry.name}",
            "group": entry.group,
            "summary": entry.summary or _summary(pack.id, entry.name),
        }
        for pack, entry in manager.entries("nodes")
        if pack_id is None or pack.id == pack_id
    ]
    if pack_id is not None and pack_id not in {pack.id for pack in manager.packs}:
        raise PluginError(f"there is no pack {pack_id}", fix="flowra pack list shows the packs there are")
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not rows:
        click.echo("no nodes: install a pack, for example with  pip install flowra-image", err=True)
        return
    width = max(len(row["type"]) for row in rows)
    group = None
    for row in sorted(rows, key=lambda row: (row["type"].partition("/")[0], row["group"], row["type"])):
        heading = f"{row['type'].partition('/')[0]} · {row['group']}" if row["group"] else row["type"].partition("/")[0]
        if heading != group:
            click.echo(("" if group is None else "\n") + click.style(heading, bold=True))
            group = heading
        click.echo(f"  {row['type']:<{width}}  {row['summary']}".rstrip())


def _summary(pack_id: str, name: str) -> str:
    """Return a node's summary from its pack's manifest; a pack without one is not imported just for its summaries."""
    from flowra.plugin.manager import default_manager

    written = default_manager().manifest_node(f"{pack_id}/{name}")
    return str(written.get("summary", "")) if written else ""


@command.command("show")
@click.argument("type_id", metavar="NODE")
@click.option(
    "--json", "as_json", is_flag=True, help="Print description and JSON Schemas, from which a form can be drawn."
)
def show(type_id: str, as_json: bool) -> None:
    """Describe the node type NODE, as in image/Resize: what it does, its ports, their types and limits."""
    from flowra.dag.catalog import NodeCatalog

    catalog = NodeCatalog()
    description = catalog.describe(type_id)
    pack, entry = catalog.manager.node(type_id)
    if as_json:
        data: dict[str, Any] = {
            **description.to_json(),
            "group": description.group or entry.group,
            "pack": {"id": pack.id, "distribution": pack.distribution, "version": pack.version},
            "schema": description.json_schema(),
        }
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))
        return
    click.echo(
        click.style(description.type, bold=True)
        + f"  version {description.version}, {pack.distribution} {pack.version}"
    )
    for line in description.doc.splitlines():
        click.echo(f"  {line}".rstrip())
    for heading, ports in (
        ("init", description.init),
        ("inputs", description.inputs),
        ("outputs", description.outputs),
    ):
        if not ports:
            continue
        click.echo(f"\n{click.style(heading, bold=True)}")
        width = max(len(port.name) for port in ports)
        for port in ports:
            settings = ", ".join(f"{name} {_shown(value)}" for name, value in port.component.settings().items())
            facts = [str(port.value_type), *([settings] if settings else [])]
            if heading != "outputs":
                facts.append(
                    "required"
                    if port.required
                    else f"default {json.dumps(port.to_json().get('default'), ensure_ascii=False)}"
                )
            click.echo(f"  {port.name:<{width}}  {', '.join(facts)}")
            if port.description:
                click.echo(f"  {'':<{width}}  {port.description}")


def _shown(setting: Any) -> str:
    return " | ".join(map(str, setting)) if isinstance(setting, tuple) else str(setting)
