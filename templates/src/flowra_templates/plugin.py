"""What this pack contributes: templates for `flowra create`."""

from __future__ import annotations

from collections.abc import Iterable

from flowra.plugin import TemplateEntry, hookimpl

_TEMPLATES = {
    "node-pack": "Nodes in groups, with tests, an example graph each and CI",
    "model-pack": "A node that keeps a model loaded, with weights from a hub",
    "storage-backend": "A place for results: a store behind a scheme of addresses",
    "value-type": "A value type of your own, and nodes that make and take it",
}


@hookimpl
def flowra_templates() -> Iterable[TemplateEntry]:
    """Name the templates, the usual one first."""
    for name, summary in _TEMPLATES.items():
        yield TemplateEntry(name, path_package="flowra_templates", path=name.replace("-", "_"), summary=summary)
