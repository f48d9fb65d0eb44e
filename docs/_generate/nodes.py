"""What a node class may state in its body, and the nodes of the packs."""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
from pathlib import Path

from _generate.markdown import code, docstring, table
from flowra.dag.description import NodeDescription
from flowra.dag.node import Node
from flowra.dag.port import Port
from flowra.plugin.manifest import MANIFEST_NAME

__all__ = ["body", "body_names", "image_nodes", "media_nodes", "yolo_nodes"]

_STATED = re.compile(r"(?P<about>(?:    #: .*\n)+)    (?P<name>[a-z][a-z_]*): ClassVar\[.*?\] = (?P<default>.*)\n")


def _stated() -> list[tuple[str, str, str]]:
    found = []
    for match in _STATED.finditer(inspect.getsource(Node)):
        about = " ".join(line.strip().removeprefix("#: ") for line in match["about"].splitlines())
        default = "{}" if match["default"].startswith("MappingProxyType") else match["default"]
        found.append((match["name"], default, about))
    return found


def body_names() -> list[str]:
    """Return what a class body may state."""
    return [name for name, _, _ in _stated()]


def body() -> str:
    """Return the table of what a class body may state."""
    return table(("in the class body", "default", "meaning"), [(code(n), code(d), about) for n, d, about in _stated()])


def image_nodes() -> str:
    """Return a section for each node of flowra-image."""
    return _nodes_of("flowra_image")


def media_nodes() -> str:
    """Return a section for each node of flowra-media."""
    return _nodes_of("flowra_media")


def yolo_nodes() -> str:
    """Return a section for each node of flowra-yolo."""
    return _nodes_of("flowra_yolo")


def _nodes_of(package: str) -> str:
    """Return a section for each node of a pack, from the manifest that its wheel carries."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"the documentation describes the nodes of {package}; install it"
    assert spec.origin is not None, f"{package} is a package with a file"
    manifest = json.loads((Path(spec.origin).parent / MANIFEST_NAME).read_text(encoding="utf-8"))
    groups: dict[str, list[NodeDescription]] = {}
    for entry in manifest["contributions"]["nodes"]:
        description = NodeDescription.from_json(manifest["nodes"][entry["name"]])
        groups.setdefault(entry["group"], []).append(description)
    parts = []
    for group, nodes in groups.items():
        parts.append(f"## {group[0].upper()}{group[1:]}\n")
        parts += [_node(node) for node in nodes]
    return "\n".join(parts)


def _node(node: NodeDescription) -> str:
    parts = [f"### {code(node.type)}", docstring(node.doc).text]
    for heading, ports in (("init", node.init), ("input", node.inputs), ("output", node.outputs)):
        if ports:
            rows = [(code(port.name), code(port.value_type), _default(port, heading), _about(port)) for port in ports]
            parts.append(table((heading, "type", "default", "meaning"), rows))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _default(port: Port, heading: str) -> str:
    if heading == "output":
        return ""
    return "required" if port.required else code(json.dumps(port.to_json()["default"], ensure_ascii=False))


def _about(port: Port) -> str:
    low, high = getattr(port.component, "min", None), getattr(port.component, "max", None)
    unit = getattr(port.component, "unit", "")
    ends = [f"{word} {_number(end)}" for word, end in (("from", low), ("to", high)) if end is not None]
    limits = " ".join([*ends, *([unit] if unit else [])])
    return f"{port.description} ({limits})" if limits else port.description


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
