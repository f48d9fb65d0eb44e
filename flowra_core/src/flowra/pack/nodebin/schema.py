"""The JSON Schemas (Draft 2020-12) of the documents in an archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowra.pack.nodebin.manifest import NodebinManifest, NodeFile
from flowra.pack.nodebin.record import Record

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["SCHEMAS", "document_schema"]

#: The documents that have a schema, by name.
SCHEMAS: dict[str, type[BaseModel]] = {"manifest": NodebinManifest, "node": NodeFile, "record": Record}


def document_schema(name: str) -> dict[str, Any]:
    """Return the schema of `manifest`, `node` or `record`."""
    schema = SCHEMAS[name].model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
