"""The documents of the .nodebin format: their JSON Schemas, and the manifest's fields as a table."""

from __future__ import annotations

import json
from typing import Any

from _generate.markdown import code, table
from flowra.pack.nodebin.schema import document_schema

__all__ = ["fields", "manifest", "node", "record"]


def manifest() -> str:
    """Return the schema of manifest.json."""
    return _schema("manifest")


def node() -> str:
    """Return the schema of nodes/<Node>.json."""
    return _schema("node")


def record() -> str:
    """Return the schema of RECORD.json."""
    return _schema("record")


def fields() -> str:
    """Return the fields of manifest.json, those of its parts below them."""
    schema = document_schema("manifest")
    return table(("field", "meaning"), list(_rows("", schema, schema["$defs"])))


def _schema(name: str) -> str:
    return json.dumps(document_schema(name), ensure_ascii=False, indent=2)


def _rows(prefix: str, schema: dict[str, Any], parts: dict[str, Any]) -> Any:
    for name, field in schema["properties"].items():
        required = " Required." if name in schema.get("required", ()) else ""
        said = field.get("description", "")
        reference = field.get("$ref") or field.get("items", {}).get("$ref")
        part = parts[reference.rpartition("/")[2]] if reference else None
        if part is not None and not said:
            said = part["description"].partition("\n")[0]
        if name == "format":
            said, required = f"`{field['const']}`", " Required."
        yield code(f"{prefix}{name}"), f"{said.rstrip('.')}.{required}" if said else required.strip()
        if part is not None:
            yield from _rows(f"{prefix}{name}{'[]' if 'items' in field else ''}.", part, parts)
