"""Which value type a Python annotation means."""

from __future__ import annotations

import enum
import types
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf, OptionalOf, UnionOf
from flowra.type.value.python import PythonObject
from flowra.type.value.scalar import JSON, Anything, Boolean, Bytes, Choice, File, Float, Integer, String

__all__ = ["value_type_of"]

_BUILTIN: dict[Any, ValueType] = {
    Any: Anything(),
    object: Anything(),
    bool: Boolean(),
    int: Integer(),
    float: Float(),
    str: String(),
    bytes: Bytes(),
    dict: JSON(),
    list: ListOf(Anything()),
    Path: File(),
    PurePath: File(exists=False),
}


def value_type_of(annotation: Any) -> ValueType:
    """Return the value type that an annotation means.

    Args:
        annotation: A value type (instance or class), a Python type, or a form of `typing`: `list[T]`, `Optional[T]`,
            unions, `Literal`, `Annotated`.

    Raises:
        TypeError: The annotation has no value type; the message says what to write instead.
    """
    if isinstance(annotation, ValueType):
        return annotation
    declared = getattr(annotation, "__flowra_value_type__", None)
    if isinstance(declared, ValueType):
        return declared
    if isinstance(annotation, type) and issubclass(annotation, ValueType):
        return _unconstrained(annotation)
    try:
        if annotation in _BUILTIN:
            return _BUILTIN[annotation]
    except TypeError:  # unhashable: no type at all
        pass
    if annotation is type(None) or annotation is None:
        raise TypeError("None is no value type; an optional one is written T | None")
    if (origin := get_origin(annotation)) is not None:
        return _generic(annotation, origin, get_args(annotation))
    if isinstance(annotation, type):
        return _python_class(annotation)
    raise TypeError(f"{_shown(annotation)} is no value type")


def _unconstrained(kind: type[ValueType]) -> ValueType:
    if not kind.kind:
        raise TypeError(f"{kind.__name__} is the base of value types; name one of them")
    return kind()


def _generic(annotation: Any, origin: Any, args: tuple[Any, ...]) -> ValueType:
    if not args and origin in _BUILTIN:  # typing.List, which is list
        return _BUILTIN[origin]
    if origin is Annotated:
        return value_type_of(args[0])
    if origin in (Union, types.UnionType):
        members = [value_type_of(arg) for arg in args if arg is not type(None)]
        inner = members[0] if len(members) == 1 else UnionOf(tuple(members))
        return OptionalOf(inner) if type(None) in args else inner
    if origin is Literal:
        choice = Choice(tuple(arg.value if isinstance(arg, enum.Enum) else arg for arg in args if arg is not None))
        return OptionalOf(choice) if None in args else choice
    if origin is list:
        return ListOf(value_type_of(args[0]))
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return ListOf(value_type_of(args[0]))
    if origin is dict:
        return JSON()
    raise TypeError(f"{_shown(annotation)} is no value type; lists are list[T], choices Literal[…], anything else JSON")


def _python_class(python: type) -> ValueType:
    if issubclass(python, enum.Enum):
        try:
            return Choice(tuple(member.value for member in python))
        except ValueError as error:
            raise TypeError(f"{python.__name__} is no value type: {error}") from None
    if python in (set, frozenset, tuple, complex):
        raise TypeError(f"{python.__name__} is no value type; write list[T] or JSON")
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        TypeAdapter(python)
    except PydanticUserError as error:
        if error.code == "typed-dict-version":
            raise TypeError(
                f"{python.__name__} is a TypedDict of typing, whose fields can't all be seen before Python 3.12; "
                "import it from typing_extensions"
            ) from None
        raise TypeError(
            f"{python.__name__} is no value type: derive one from flowra.type.value_type.ValueType, "
            "or make it a dataclass"
        ) from None
    return PythonObject.of(python)


def _shown(annotation: Any) -> str:
    # In Python 3.10 `tuple[int, str]` passes for a class.
    return annotation.__name__ if isinstance(annotation, type) and get_origin(annotation) is None else repr(annotation)
