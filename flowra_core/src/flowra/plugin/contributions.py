"""What a pack contributes: one frozen dataclass for each kind, made of plain strings.

A contribution names its code as `"module:Attribute"` and so costs nothing to list; the module is imported when the
node, handler or command is first used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from flowra.exceptions import PluginError
from flowra.plugin.conflicts import UNIQUE_FIELDS
from flowra.plugin.contribution_base import Contribution

__all__ = [
    "KINDS",
    "CommandEntry",
    "ComponentTypeEntry",
    "ExecutorEntry",
    "Migration",
    "ModelHubEntry",
    "NodeEntry",
    "ObserverEntry",
    "StorageEntry",
    "TemplateEntry",
    "ValueTypeEntry",
    "check_unique",
]

_SCHEME_PATTERN = re.compile(r"[a-z][a-z0-9+.-]*")


@dataclass(frozen=True, slots=True)
class NodeEntry(Contribution):
    """A node class.

    Attributes:
        target: The class, as `"module:Class"`.
        name: Its name in type ids (`pack/Name`); the class's own name if left empty.
        group: The group that node lists show it in: `filters`.
        summary: What it does, in one line.
    """

    kind: ClassVar[str] = "nodes"

    target: str
    name: str = ""
    group: str = ""
    summary: str = ""

    def __post_init__(self) -> None:
        self.check_strings()
        self.check_target("target", self.target)
        if not self.name:
            object.__setattr__(self, "name", self.target.rpartition(":")[2].rpartition(".")[2])
        self.check_name(self.name)


@dataclass(frozen=True, slots=True)
class ValueTypeEntry(Contribution):
    """A handler for a value type: it coerces, summarises and exports the type's values.

    Attributes:
        name: The value type's name: `AnyImage`. A type of the pack's own is written with the pack's id before it,
            `acme/Spectrum`.
        handler: A `flowra.type.handler.ValueHandler` subclass, as `"module:Class"`.
        type: For a type that Flowra does not declare itself, its `ValueType` subclass, as `"module:Class"`.
    """

    kind: ClassVar[str] = "value_types"

    name: str
    handler: str
    type: str | None = None

    def __post_init__(self) -> None:
        self.check_strings()
        self.check_name(self.name)
        self.check_target("handler", self.handler)
        if self.type is not None:
            self.check_target("type", self.type)


@dataclass(frozen=True, slots=True)
class _NamedTarget(Contribution):
    """A name, and the code behind it."""

    name: str
    target: str

    def __post_init__(self) -> None:
        self.check_strings()
        self.check_name(self.name)
        self.check_target("target", self.target)


@dataclass(frozen=True, slots=True)
class ComponentTypeEntry(_NamedTarget):
    """A component type: how a port is presented and edited.

    Attributes:
        name: The component's name: `Curve`.
        target: A `flowra.type.component_type.Component` subclass, as `"module:Class"`.
    """

    kind: ClassVar[str] = "component_types"


@dataclass(frozen=True, slots=True)
class StorageEntry(Contribution):
    """A storage backend.

    Attributes:
        scheme: The scheme of the store addresses it serves, in lower case: `s3`.
        target: The backend class, as `"module:Class"`.
        summary: What it stores into, in one line.
    """

    kind: ClassVar[str] = "storage_backends"

    scheme: str
    target: str
    summary: str = ""

    def __post_init__(self) -> None:
        self.check_strings()
        if not _SCHEME_PATTERN.fullmatch(self.scheme):
            raise self.error(f"{self.scheme!r} is no scheme; schemes are like 's3'")
        self.check_target("target", self.target)


@dataclass(frozen=True, slots=True)
class ModelHubEntry(_NamedTarget):
    """A hub that models are downloaded from.

    Attributes:
        name: The hub's name: `modelscope`.
        target: The hub class, as `"module:Class"`.
    """

    kind: ClassVar[str] = "model_hubs"


@dataclass(frozen=True, slots=True)
class ExecutorEntry(_NamedTarget):
    """An executor of physical plans.

    Attributes:
        name: The executor's name: `dask`.
        target: The executor class, as `"module:Class"`.
    """

    kind: ClassVar[str] = "executors"


@dataclass(frozen=True, slots=True)
class TemplateEntry(Contribution):
    """A cookiecutter template for `flowra create`.

    Attributes:
        name: The template's name: `node-pack`.
        path_package: The package that holds the template as data: `flowra_templates`.
        path: The template's folder inside that package, with `/`: `node_pack`.
        summary: What it makes, in one line.
    """

    kind: ClassVar[str] = "templates"

    name: str
    path_package: str
    path: str
    summary: str

    def __post_init__(self) -> None:
        self.check_strings()
        self.check_name(self.name)
        parts = self.path.split("/")
        if not self.path or "\\" in self.path or any(part in {"", ".", ".."} for part in parts):
            raise self.error(f"path {self.path!r} is no folder inside the package")


@dataclass(frozen=True, slots=True)
class CommandEntry(Contribution):
    """A subcommand of `flowra`.

    Attributes:
        name: The command's name: `annotate`.
        target: The click command, as `"module:object"`.
        summary: What it does, in the one line that `flowra --help` shows.
    """

    kind: ClassVar[str] = "commands"

    name: str
    target: str
    summary: str

    def __post_init__(self) -> None:
        self.check_strings()
        self.check_name(self.name)
        self.check_target("target", self.target)


@dataclass(frozen=True, slots=True)
class ObserverEntry(_NamedTarget):
    """An observer of run events.

    Attributes:
        name: The observer's name: `notifier`.
        target: A callable that takes one event, or a class of such, as `"module:object"`.
    """

    kind: ClassVar[str] = "observers"


@dataclass(frozen=True, slots=True)
class Migration(Contribution):
    """How the arguments of an earlier version of a node become those of the next version.

    Attributes:
        node: The node's name in its pack: `Resize`.
        from_version: The version that is left behind, from 1; the result is of version `from_version + 1`.
        inputs: Input ports that were renamed, old name to new.
        init: `InitArgs` fields that were renamed, old name to new.
        outputs: Output ports that were renamed, old name to new.
        apply: For what renaming can't do, a function from the node's JSON to its new JSON, as `"module:function"`;
            it is called after the renames.
    """

    kind: ClassVar[str] = "migrations"

    node: str
    from_version: int
    inputs: Mapping[str, str] = field(default_factory=dict)
    init: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    apply: str | None = None

    def __post_init__(self) -> None:
        self.check_strings()
        self.check_name(self.node)
        if type(self.from_version) is not int or self.from_version < 1:
            raise self.error(f"from_version is {self.from_version!r}, not a whole number from 1")
        for name in ("inputs", "init", "outputs"):
            renames = getattr(self, name)
            if not isinstance(renames, Mapping) or not all(
                isinstance(text, str) for pair in renames.items() for text in pair
            ):
                raise self.error(f"{name} does not map old names to new ones")
            # A copy: the caller's dictionary may change, a contribution may not.
            object.__setattr__(self, name, dict(renames))
        if self.apply is not None:
            self.check_target("apply", self.apply)


#: Every kind of contribution, by name.
KINDS: Mapping[str, type[Contribution]] = {
    entry.kind: entry
    for entry in (
        NodeEntry,
        ValueTypeEntry,
        ComponentTypeEntry,
        StorageEntry,
        ModelHubEntry,
        ExecutorEntry,
        TemplateEntry,
        CommandEntry,
        ObserverEntry,
        Migration,
    )
}


def check_unique(entries: Iterable[Contribution]) -> None:
    """Refuse contributions of one kind, by one pack, of which two have the same name.

    Raises:
        PluginError: If two have the same name; it shows both.
    """
    seen: dict[tuple[object, ...], Contribution] = {}
    for entry in entries:
        names = ("node", "from_version") if isinstance(entry, Migration) else (UNIQUE_FIELDS[entry.kind] or "name",)
        key = tuple(getattr(entry, name) for name in names)
        if key in seen:
            raise PluginError(
                f"{entry.kind}: {' '.join(map(str, key))} is contributed twice", why=f"by {seen[key]} and {entry}"
            )
        seen[key] = entry
