"""Classes that a program brings along: of a script, a notebook, a prompt, a function.

Their module's file says only half of what they do: a global of a script may be set anew, a cell of a notebook run
again. So such a class is taken as it is in memory too: what is in its body, and what its functions use of what lies
around them. Where there is no file, the source of the functions stands for it.
"""

from __future__ import annotations

import dis
import inspect
import sys
import threading
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple, TypeVar

from flowra.dag.arguments import BaseArgs
from flowra.dag.key.code.closure import Code, CodeFinder
from flowra.dag.key.code.loaded import is_current
from flowra.dag.key.parts import Unkeyable, digest_of_plain
from flowra.dag.key.structure import structured
from flowra.dag.node import Node
from flowra.type.component_type import Component
from flowra.type.value.base import ValueType

__all__ = ["code_of_class"]

#: What holds nothing that a result could depend on.
_STATELESS = (type(threading.Lock()), type(threading.RLock()), TypeVar)
#: What a class states of how it is run: no part of what it gives.
_TRAITS = frozenset(Node.__annotations__) - {"InitArgs", "InputArgs", "OutputArgs"}


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

    def add(self, label: str, value: Any, *, named: frozenset[str] = frozenset(), imported: bool = False) -> None:
        """Take in a value that code uses, and what that uses in turn.

        Args:
            label: What the code calls it.
            value: The value.
            named: Of a module, the attributes that the code may use.
            imported: Whether a module made it when it was imported: then the module's code stands for an object whose
                contents are not known.
        """
        if self.problem is not None:
            return
        if isinstance(value, ModuleType):
            self._add_module(value, named)
        elif id(value) in self._seen or isinstance(value, _STATELESS):
            return
        elif isinstance(value, (type, FunctionType)):
            self._seen.add(id(value))
            self._add_definition(label, value)
        elif isinstance(value, (Component, ValueType)):
            self._add_piece(label, repr(value))
        elif isinstance(inner := getattr(value, "__wrapped__", None), FunctionType) and callable(value):
            self.add(label, inner, imported=imported)  # what a decorator keeps, as `functools.cache` does
        elif not self._is_of_library(value):
            self._add_value(label, value, imported=imported)

    def _add_definition(self, label: str, value: type | FunctionType) -> None:
        if not self._finder.modules.is_own(value.__module__, "__main__"):
            return
        in_file = self._lies_in_file(value)
        imported = in_file and value.__module__ != "__main__"
        if in_file:
            if not is_current(value):
                self.problem = f"{value.__module__} was loaded again, and {label} is what it was before; take it anew"
            self._add_files(value.__module__)
        for name, part in _parts_of(value, label):
            self.add(name, part, imported=imported and "<locals>" not in value.__qualname__)
        if isinstance(value, FunctionType):
            if not in_file:
                self._add_source(value)
            self._add_used(value, imported=imported)

    def _lies_in_file(self, value: type | FunctionType) -> bool:
        file = getattr(sys.modules.get(value.__module__), "__file__", None)
        return bool(file) and Path(str(file)).is_file()

    def _add_source(self, function: FunctionType) -> None:
        try:
            source = inspect.getsource(function)
        except (OSError, TypeError):
            self.problem = (
                f"the source of {function.__qualname__} can't be had; write the class to a file, or state code_version"
            )
            return
        self._add_piece(function.__qualname__, source)

    def _add_used(self, function: FunctionType, *, imported: bool) -> None:
        used = _names_used(function.__code__)
        for name in sorted(used.variables & function.__globals__.keys()):
            self.add(name, function.__globals__[name], named=used.attributes, imported=imported)
        for name in sorted(used.modules & sys.modules.keys()):
            self.add(name, sys.modules[name], named=used.attributes)

    def _add_module(self, module: ModuleType, named: frozenset[str]) -> None:
        if not self._finder.modules.is_own(module.__name__, "__main__"):
            return
        self._add_files(module.__name__)
        for name in sorted(named & vars(module).keys()):
            value = vars(module)[name]
            if not isinstance(value, ModuleType) or value.__name__.startswith(f"{module.__name__}."):
                self.add(f"{module.__name__}.{name}", value, named=named - {name}, imported=True)

    def _add_files(self, name: str) -> None:
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if not file or not self._finder.modules.is_own(name, "__main__"):
            return
        found = self._finder.of_module(name, Path(file) if Path(file).is_file() else None)
        if isinstance(found, Unkeyable):
            self.problem = found.reason
        elif found is not None:
            self.code = self.code.with_code(found)

    def _add_value(self, label: str, value: Any, *, imported: bool) -> None:
        try:
            self._add_piece(label, structured(value))
        except (TypeError, ValueError, RecursionError):
            if type(value) in (list, tuple, dict):
                # Functions by name, say: each counts as it does by itself.
                self._seen.add(id(value))
                for name, item in value.items() if type(value) is dict else enumerate(value):
                    self.add(f"{label}[{name!r}]", item, imported=imported)
            elif not imported:
                self.problem = (
                    f"it uses {label}, and the contents of a {type(value).__qualname__} are not known; make it an "
                    "input or an argument of InitArgs, or state code_version"
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
        elif not (only_functions or name.startswith("__") or name == "_abc_impl" or name in _TRAITS):
            yield f"{label}.{name}", member


def _function_in(member: Any) -> FunctionType | None:
    """Return the function in a method, property or validator."""
    for attribute in ("__func__", "fget", "func", "wrapped"):
        if isinstance(inner := getattr(member, attribute, None), (FunctionType, classmethod, staticmethod)):
            return _function_in(inner)
    return member if isinstance(member, FunctionType) else None


class _NamesUsed(NamedTuple):
    """The names in a function's code, and in the functions inside it: of variables, attributes, imported modules."""

    variables: frozenset[str]
    attributes: frozenset[str]
    modules: frozenset[str]


@lru_cache(maxsize=1024)
def _names_used(code: CodeType) -> _NamesUsed:
    variables: set[str] = set()
    modules: set[str] = set()
    attributes = set(code.co_names)
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            variables.add(str(instruction.argval))
        elif instruction.opname == "IMPORT_NAME":
            modules.add(str(instruction.argval))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = _names_used(constant)
            variables |= inner.variables
            attributes |= inner.attributes
            modules |= inner.modules
    return _NamesUsed(frozenset(variables), frozenset(attributes), frozenset(modules))
