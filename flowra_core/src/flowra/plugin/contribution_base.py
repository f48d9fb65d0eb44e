"""The base of all contributions: fields that are checked, and that turn into JSON and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, TypeVar

from flowra.exceptions import PluginError

__all__ = ["NAME_PATTERN", "Contribution"]

#: Names of packs, nodes and everything else that people type.
NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,199}")
_TARGET_PATTERN = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")

#: Fields that are written though they may equal a default: the names that an index is searched by.
_ALWAYS_WRITTEN = frozenset({"name"})
#: Fields that hold something other than a string, checked by the class that has them.
_STRUCTURED_FIELDS = frozenset({"from_version", "init", "inputs", "outputs"})

_ContributionT = TypeVar("_ContributionT", bound="Contribution")


@dataclass(frozen=True, slots=True)
class Contribution:
    """Something that a pack contributes."""

    #: The name of the kind; the hook is `flowra_<kind>`.
    kind: ClassVar[str] = ""

    def check_strings(self) -> None:
        """Refuse a field that has to be a string and is not."""
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, str) or (value is None and each.default is None):
                continue
            if each.name in _STRUCTURED_FIELDS:
                continue
            raise self.error(f"{each.name} is a {type(value).__name__}, not a string")

    def error(self, reason: str) -> PluginError:
        """Return the error for a field that is not as it has to be."""
        return PluginError(
            f"{type(self).__name__}: {reason}",
            fix="flowra.plugin.contributions says what each field holds",
        )

    def check_name(self, name: str) -> None:
        """Refuse what is no name."""
        if not NAME_PATTERN.fullmatch(name):
            raise self.error(f"{name!r} is no name; names are letters, digits, '_' and '-', at most 200")

    def check_target(self, field: str, target: str) -> None:
        """Refuse what is not of the form `module:Attribute`."""
        if not _TARGET_PATTERN.fullmatch(target):
            raise self.error(f"{field} {target!r} is not of the form 'module:Attribute'")

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain data, those at their defaults left out."""
        data: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            default = each.default_factory() if each.default_factory is not MISSING else each.default
            if each.name in _ALWAYS_WRITTEN or value != default:
                data[each.name] = dict(value) if isinstance(value, Mapping) else value
        return data

    @classmethod
    def from_json(cls: type[_ContributionT], data: object) -> _ContributionT:
        """Make a contribution from what `to_json` returned.

        Raises:
            PluginError: If `data` is not an object with this kind's fields.
        """
        if not isinstance(data, Mapping):
            raise PluginError(f"{cls.__name__}: expected an object, found a {type(data).__name__}")
        known = {each.name: each for each in fields(cls)}
        unknown = [str(name) for name in data if name not in known]
        missing = [
            name
            for name, each in known.items()
            if each.default is MISSING and each.default_factory is MISSING and name not in data
        ]
        if unknown or missing:
            reasons = [f"unknown field {name}" for name in unknown] + [f"no {name}" for name in missing]
            raise PluginError(f"{cls.__name__}: {', '.join(reasons)}")
        return cls(**data)
