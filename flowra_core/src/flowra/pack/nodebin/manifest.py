"""manifest.json: what a pack is, for whoever decides about it without opening the rest."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = [
    "Author", "Bundle", "Model", "ModelFile", "NodeGroup", "NodebinManifest", "PackSetting", "Permission", "Requires",
]  # fmt: skip

_MODEL = ConfigDict(extra="forbid", frozen=True, strict=True)

Line = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=200)]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.!+-]+$", max_length=100)]


class Author(BaseModel):
    """Who made the pack."""

    model_config = _MODEL

    name: Line = ""
    email: Line = ""


class Requires(BaseModel):
    """What the pack needs."""

    model_config = _MODEL

    flowra: Annotated[Line, Field(description="Versions of Flowra, as `>=0.1,<0.2`; empty for any")] = ""
    python: Annotated[Line, Field(description="Versions of Python, as `>=3.10`; empty for any")] = ""
    platforms: Annotated[list[Line], Field(description="Systems that it works on; empty for all")] = []
    accelerators: Annotated[list[Line], Field(description="As `cuda`, `rocm`, `metal`; empty for none")] = []


class NodeGroup(BaseModel):
    """The nodes under one heading."""

    model_config = _MODEL

    name: Line
    nodes: Annotated[list[Name], Field(description="Each described in nodes/<name>.json")]


class Permission(BaseModel):
    """Something that the pack's nodes do beyond computing, and why."""

    model_config = _MODEL

    name: Annotated[Line, Field(description="As `network`, `files`, `subprocess`, `camera`")]
    reason: Annotated[Line, Field(min_length=1, description="For the person who installs the pack")]


class ModelFile(BaseModel):
    """One file of a model."""

    model_config = _MODEL

    path: Line
    sha256: Digest
    size: Annotated[int, Field(ge=0)]


class Model(BaseModel):
    """A model that the nodes load; the weights are never in the archive."""

    model_config = _MODEL

    hub: Annotated[Line, Field(description="As `modelscope`")]
    id: Line
    revision: Line
    files: list[ModelFile] = []


class PackSetting(BaseModel):
    """A setting that the pack reads."""

    model_config = _MODEL

    name: Name
    description: Line = ""
    secret: Annotated[bool, Field(description="Whether it must not be shown or logged")] = False


class Bundle(BaseModel):
    """A system that the archive holds every dependency for."""

    model_config = _MODEL

    platform: Annotated[Line, Field(description="As `linux-x86_64`")]
    python: Annotated[Line, Field(description="As `3.11`")]


class NodebinManifest(BaseModel):
    """manifest.json."""

    model_config = _MODEL

    format: Literal["nodebin/1"] = "nodebin/1"
    id: Annotated[Name, Field(description="The pack's id, with which its node types begin")]
    name: Annotated[Name, Field(description="The distribution's name, by which it is installed and removed")]
    version: Version
    tagline: Annotated[Line, Field(description="What it is, in one line")] = ""
    description: Annotated[str, Field(max_length=20_000, description="What it is, in Markdown")] = ""
    authors: list[Author] = []
    license: Annotated[Line, Field(description="An SPDX expression")] = ""
    urls: Annotated[dict[str, Line], Field(description="Addresses by their label")] = {}
    tags: list[Line] = []
    icon: Annotated[Line, Field(description="A file below icons/; empty for none")] = ""
    wheel: Annotated[Line, Field(description="The pack's wheel, below wheels/")]
    requires: Requires = Requires()
    bundled: Annotated[list[Bundle], Field(description="Systems that wheels/deps/ serves without a network")] = []
    groups: list[NodeGroup] = []
    permissions: list[Permission] = []
    models: list[Model] = []
    settings: list[PackSetting] = []

    @property
    def nodes(self) -> list[str]:
        """The names of all nodes."""
        return [name for group in self.groups for name in group.nodes]


class NodeFile(BaseModel):
    """nodes/<Node>.json: one node, as a front end draws its form and a graph is checked without the pack."""

    model_config = _MODEL

    format: Literal["nodebin-node/1"] = "nodebin-node/1"
    type: Annotated[Line, Field(description="`pack/Node`")]
    version: Annotated[int, Field(ge=1, description="Of the node's arguments")]
    summary: str = ""
    doc: str = ""
    group: Line = ""
    cacheable: Annotated[bool, Field(description="Whether a result may stand in for running the node again")]
    init: Annotated[dict[str, Any], Field(description="JSON Schema of `InitArgs`")]
    inputs: Annotated[dict[str, Any], Field(description="JSON Schema of `InputArgs`")]
    outputs: Annotated[dict[str, Any], Field(description="JSON Schema of `OutputArgs`")]
    components: Annotated[
        dict[str, dict[str, dict[str, Any]]],
        Field(description="How each port is presented: `init`, `inputs` and `outputs`, by the port's name"),
    ]
    traits: Annotated[dict[str, Any], Field(description="What the class states of how it runs")] = {}
