"""Classes that are not just their module's file: made in a notebook, at a prompt, or inside a function.

Such a class is taken as it is in memory: the source of its functions, the values in its body, and what its functions
use of what lies around them.
"""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flowra.dag.arguments import BaseArgs
from flowra.dag.key.code.closure import Code, CodeFinder
from flowra.dag.key.parts import Unkeyable, digest_of_plain
from flowra.dag.key.structure import structured
from flowra.dag.node import Node
from flowra.type.component_type import Component
from flowra.type.value.base import ValueType

__all__ = ["code_of_class"]


def code_of_class(cls: type[Node], finder: CodeFinder) -> Code | Unkeyable:
    """Return the code of a class that was brought along, not found through a pack."""
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    name = cls.__module__
    if name == "__main__":
        name = getattr(getattr(module, "__spec__", None), "name", None) or name
    whole = finder.of_module(name, Path(file)) if file and Path(file).is_file() else None
    if isinstance(whole, Unkeyable):
        return whole
    if whole is not None and "<locals>" not in cls.__qualname__:
        return whole
    live = _LiveCode(finder)
    live.add(cls.__qualname__, cls)
    if live.problem is not None:
        return Unkeyable(live.problem)
    return live.code if whole is None else whole.with_code(live.code)


class _LiveCode:
    def __init__(self, finder: CodeFinder) -> None:
        self.code = Code({}, {})
        self.problem: str | None = None
        self._finder = finder
        self._seen: set[int] = set()

    def add(self, label: str, value: Any) -> None:
        """Take in a value that code uses, and what that uses in turn."""
        if self.problem is not None or id(value) in self._seen:
            return
        if isinstance(value, ModuleType):
            self._add_module(value.__name__)
        elif isinstance(value, (type, FunctionType)):
            self._seen.add(id(value))
            self._add_definition(label, value)
        elif isinstance(value, (Component, ValueType)):
            self._add_piece(label, repr(value))
        elif not self._is_of_library(value):
            self._add_value(label, value)

    def _add_definition(self, label: str, value: type | FunctionType) -> None:
        if not self._finder.modules.is_own(value.__module__, "__main__"):
            return
        in_file = self._lies_in_file(value)
        if in_file:
            self._add_module(value.__module__)
        if not in_file or "<locals>" in value.__qualname__:
            for name, part in _parts_of(value, label):
                self.add(name, part)
        if not in_file and isinstance(value, FunctionType):
            self._add_function(value)

    def _lies_in_file(self, value: type | FunctionType) -> bool:
        file = getattr(sys.modules.get(value.__module__), "__file__", None)
        return bool(file) and Path(str(file)).is_file()

    def _add_function(self, function: FunctionType) -> None:
        try:
            source = inspect.getsource(function)
        except (OSError, TypeError):
            self.problem = (
                f"the source of {function.__qualname__} can't be had; write the class to a file, or state code_version"
            )
            return
        self._add_piece(function.__qualname__, source)
        for name in sorted(set(_globals_used(function.__code__))):
            if name in function.__globals__:
                self.add(name, function.__globals__[name])

    def _add_module(self, name: str) -> None:
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if not file or not self._finder.modules.is_own(name, "__main__"):
            return
        found = self._finder.of_module(name, Path(file) if Path(file).is_file() else None)
        if isinstance(found, Unkeyable):
            self.problem = found.reason
        elif found is not None:
            self.code = self.code.with_code(found)

    def _add_value(self, label: str, value: Any) -> None:
        try:
            self._add_piece(label, structured(value))
        except (TypeError, ValueError, RecursionError):
            self.problem = (
                f"it uses {label}, and the contents of a {type(value).__qualname__} are not known; make it an input or "
                "an argument of InitArgs, or state code_version"
            )

    def _add_piece(self, label: str, contents: Any) -> None:
        digest = digest_of_plain(contents)
        held = self.code.pieces.get(label)
        # Two things may have one name, each in its own function.
        pieces = {**self.code.pieces, label: digest if held in (None, digest) else digest_of_plain([held, digest])}
        self.code = Code(self.code.files, pieces)

    def _is_of_library(self, value: Any) -> bool:
        """Tell whether it is a function, an object or a logger that a library gave: numpy's `add`, `print`."""
        module = getattr(value, "__module__", None)
        named = callable(value) and isinstance(module, str) and hasattr(value, "__name__")
        return (named and not self._finder.modules.is_own(str(module), "__main__")) or (
            type(value).__module__ == "logging"
        )


def _parts_of(value: type | FunctionType, label: str) -> Iterator[tuple[str, Any]]:
    """Yield what a class or function holds that is not in its source."""
    if isinstance(value, FunctionType):
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            if name == "__class__":
                continue
            try:
                yield name, cell.cell_contents
            except ValueError:  # not given a value yet
                continue
        for number, default in enumerate(value.__defaults__ or ()):
            yield f"{label} default {number}", default
        for name, default in (value.__kwdefaults__ or {}).items():
            yield f"{label} default {name}", default
        return
    for base in value.__mro__[1:]:
        if base is not object and not base.__module__.startswith("flowra."):
            yield base.__qualname__, base
    only_functions = issubclass(value, BaseArgs)  # its ports are part of the key already
    for name, member in sorted(vars(value).items()):
        function = _function_in(member)
        if function is not None:
            yield f"{label}.{name}", function
        elif not only_functions and not name.startswith("__") and name != "_abc_impl":
            yield f"{label}.{name}", member


def _function_in(member: Any) -> FunctionType | None:
    """Return the function in a method, property or validator."""
    for attribute in ("__func__", "fget", "func", "wrapped"):
        if isinstance(inner := getattr(member, attribute, None), (FunctionType, classmethod, staticmethod)):
            return _function_in(inner)
    return member if isinstance(member, FunctionType) else None


def _globals_used(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_used(constant)
