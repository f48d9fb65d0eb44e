"""What an archive says of its pack: from the wheel's metadata, the pack's manifest and `[tool.flowra-pack]`."""

from __future__ import annotations

import sys
import zipfile
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from flowra.dag.description import NodeDescription
from flowra.exceptions import PluginError
from flowra.pack.nodebin.manifest import (
    Author,
    Bundle,
    Model,
    NodebinManifest,
    NodeFile,
    NodeGroup,
    PackSetting,
    Permission,
    Requires,
)
from flowra.plugin.compatibility import required_range

__all__ = ["PackTable", "described", "node_files", "read_pack_table"]


class PackTable(BaseModel):
    """`[tool.flowra-pack]` in a pack's pyproject.toml: what no other table has a place for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    icon: str = ""
    platforms: list[str] = []
    accelerators: list[str] = []
    permissions: dict[str, str] = {}
    models: list[Model] = []
    settings: list[PackSetting] = []
    unproved: dict[str, str] = {}


def read_pack_table(root: Path) -> PackTable:
    """Return the table of a pack.

    Raises:
        PluginError: It has a field that it can't have.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    path = root / "pyproject.toml"
    table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("flowra-pack", {})
    try:
        return PackTable.model_validate(table)
    except ValidationError as error:
        raise _wrong(error, str(path), "[tool.flowra-pack]") from error


def described(
    wheel: Path, pack: str, nodes: dict[str, NodeFile], table: PackTable, bundled: list[Bundle]
) -> NodebinManifest:
    """Return the manifest of the archive that holds a wheel.

    Args:
        wheel: The pack's wheel.
        pack: The pack's id.
        nodes: Its nodes, by name.
        table: What its pyproject.toml says for archives.
        bundled: The systems that all dependencies are in there for.
    """
    about = _metadata(wheel)
    groups: dict[str, list[str]] = {}
    for name, node in nodes.items():
        groups.setdefault(node.group, []).append(name)
    try:
        return NodebinManifest(
            id=pack,
            name=about["Name"],
            version=about["Version"],
            tagline=about["Summary"] or "",
            description=str(about.get_payload() or "")[:20_000],
            authors=_authors(about),
            license=about["License-Expression"] or (about["License"] or "").partition("\n")[0],
            urls=dict(_url(text) for text in about.get_all("Project-URL", [])),
            tags=[tag.strip() for tag in (about["Keywords"] or "").split(",") if tag.strip()],
            icon=table.icon,
            wheel=f"wheels/{wheel.name}",
            requires=Requires(
                flowra=required_range(about.get_all("Requires-Dist", [])),
                python=about["Requires-Python"] or "",
                platforms=table.platforms,
                accelerators=table.accelerators,
            ),
            bundled=bundled,
            groups=[NodeGroup(name=name, nodes=sorted(members)) for name, members in groups.items()],
            permissions=[Permission(name=name, reason=why) for name, why in table.permissions.items()],
            models=table.models,
            settings=table.settings,
        )
    except ValidationError as error:
        raise _wrong(error, wheel.name, "the pack's metadata") from error


def node_files(described_nodes: dict[str, Any]) -> dict[str, NodeFile]:
    """Return the documents of nodes, from their descriptions in the pack's manifest."""
    found = {}
    for name, data in described_nodes.items():
        node = NodeDescription.from_json(data)
        schemas = node.json_schema()
        ports = {"init": node.init, "inputs": node.inputs, "outputs": node.outputs}
        found[name] = NodeFile(
            type=node.type,
            version=node.version,
            summary=node.summary,
            doc=node.doc,
            group=node.group,
            cacheable=node.traits.cacheable,
            init=schemas["init"],
            inputs=schemas["inputs"],
            outputs=schemas["outputs"],
            components={role: {port.name: port.component.to_json() for port in each} for role, each in ports.items()},
            traits=node.traits.to_json(),
        )
    return found


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA") and each.count("/") == 1]
        return HeaderParser().parsestr(archive.read(name).decode("utf-8"))


def _authors(about: Message) -> list[Author]:
    from email.utils import getaddresses

    found = [Author(name=name, email=email) for name, email in getaddresses(about.get_all("Author-email", []))]
    names = [name.strip() for name in (about["Author"] or "").split(",") if name.strip()]
    return [*(Author(name=name) for name in names), *found]


def _url(text: str) -> tuple[str, str]:
    label, _, address = text.partition(",")
    return label.strip(), address.strip()


def _wrong(error: ValidationError, where: str, what: str) -> PluginError:
    reasons = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False)]
    return PluginError(
        f"{what} can't be used", where=where, why="\n".join(reasons), fix="docs/nodebin.md has the fields"
    )
