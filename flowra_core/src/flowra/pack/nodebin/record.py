"""RECORD.json: the digest and size of every file of an archive, which is what a signature covers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from flowra.pack.nodebin.json_bytes import json_bytes

__all__ = ["MANIFEST", "RECORD", "SIGNATURES", "FileRecord", "Record"]

MANIFEST, RECORD, SIGNATURES = "manifest.json", "RECORD.json", "signatures/"

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileRecord(BaseModel):
    """One file."""

    model_config = _STRICT

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of its bytes, in hexadecimal")]
    size: Annotated[int, Field(ge=0, description="Bytes")]


class Record(BaseModel):
    """RECORD.json: every file of the archive but itself and the signatures."""

    model_config = _STRICT

    format: Literal["nodebin-record/1"] = "nodebin-record/1"
    files: Annotated[dict[str, FileRecord], Field(description="By name, sorted")]

    def to_bytes(self) -> bytes:
        """Return the document."""
        return json_bytes(self.model_dump(mode="json"))
