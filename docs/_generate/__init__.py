"""Writes the parts of the documentation that the code itself says, so that they can't drift from it.

Sphinx calls `setup`; the tests call `generate` with a folder of their own. Nothing here needs Sphinx or a pack's
libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from _generate import api, commands, components, errors, events, fits, graphs, hooks, nodebin, nodes, settings, values

__all__ = ["PARTS", "generate", "setup"]

#: Each generated file, below `docs/generated/`, and what makes its text.
PARTS: dict[str, Callable[[], str]] = {
    "value-types.md": values.value_types,
    "annotations.md": values.annotations,
    "components.md": components.components,
    "component-settings.md": components.shared_settings,
    "component-defaults.md": components.usual_components,
    "fits.md": fits.fits,
    "fits-constrained.md": fits.constrained,
    "hooks.md": hooks.hooks,
    "commands.md": commands.commands,
    "errors.md": errors.hierarchy,
    "exit-codes.md": errors.exit_codes,
    "events.md": events.events,
    "event-fields.md": events.event_fields,
    "settings.md": settings.settings,
    "node-body.md": nodes.body,
    "image-nodes.md": nodes.image_nodes,
    "media-nodes.md": nodes.media_nodes,
    "yolo-nodes.md": nodes.yolo_nodes,
    "api-graph.md": api.graph,
    "api-session.md": api.session,
    "api-node.md": api.node,
    "api-values.md": api.values,
    "graph.schema.json": graphs.schema,
    "nodebin-manifest.schema.json": nodebin.manifest,
    "nodebin-node.schema.json": nodebin.node,
    "nodebin-record.schema.json": nodebin.record,
    "nodebin-fields.md": nodebin.fields,
    "faces.svg": graphs.faces,
}


def generate(folder: Path) -> None:
    """Write every part into a folder; a file that is right already is left alone, so that nothing is built again."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PARTS.items():
        path, text = folder / name, make().rstrip("\n") + "\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Generate before Sphinx looks for pages."""
    app.connect("builder-inited", lambda app: generate(Path(app.srcdir) / "generated"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
