"""`BaseArgs`: what `InitArgs`, `InputArgs` and `OutputArgs` derive from.

A field is written as a component (`threshold: Number(value_type=float)`), as `Annotated[T, component]`, or as a
plain annotation. The metaclass evaluates each annotation where the class is written (so that names of a function or
a notebook cell are seen, with `from __future__ import annotations` and without), turns it into a `Port`, and gives
pydantic the port's own validation. Mistakes are collected: a class nested in a node reports them when the node is
made, together with those of its siblings; any other class reports them at once.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
import types
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typing_extensions import dataclass_transform

from flowra.dag.port import Port
from flowra.exceptions import NodeDefinitionError, Problem
from flowra.type.annotations import value_type_of
from flowra.type.component_type import REQUIRED, Component, component_for
from flowra.type.value.base import located_complaints

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic._internal._model_construction import ModelMetaclass
    from pydantic_core import CoreSchema
else:
    ModelMetaclass = type(BaseModel)

__all__ = ["BaseArgs"]


class _PortSchema:
    """The annotation metadata through which pydantic validates a field as its port says."""

    __slots__ = ("port",)

    def __init__(self, port: Port) -> None:
        self.port = port

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return self.port.component.core_schema(self.port.value_type)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return self.port.json_schema()


@dataclass_transform(kw_only_default=True, field_specifiers=(Field,))
class _ArgsMeta(ModelMetaclass):
    """Turns annotations into ports before pydantic sees them."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> Any:
        frame = sys._getframe(1)  # noqa: SLF001  the only way to see the names around the class
        scope = _Scope(frame, namespace)
        ports: dict[str, Port] = {}
        problems: list[Problem] = []
        place = namespace.get("__qualname__", name).rpartition("<locals>.")[2]
        rewritten: dict[str, Any] = {}
        for field, raw in _annotations(namespace).items():
            if field.startswith("__") or _is_class_variable(raw):
                rewritten[field] = raw
                continue
            try:
                port = _port(field, scope.evaluate(raw), namespace.get(field, PydanticUndefined))
            except (TypeError, ValueError) as error:
                problems.append(Problem(f"{place}.{field}", str(error)))
                namespace.pop(field, None)
                continue
            ports[field] = port
            problems += [Problem(f"{place}.{field}", mistake) for mistake in port.component.mistakes(port.value_type)]
            rewritten[field] = Annotated[Any, _PortSchema(port)]
            namespace[field] = Field(
                default=PydanticUndefined if port.required else port.default,
                description=port.description or None,
            )
        problems += [
            Problem(
                f"{place}.{field}",
                f"has the value {value!r} but no annotation; write {field}: <type> = {value!r}",
            )
            for field, value in namespace.items()
            if isinstance(value, (bool, int, float, str)) and not field.startswith("_") and field not in rewritten
        ]
        # The class is still made, without the broken fields, so that its other mistakes and its siblings' can be found.
        broken = {problem.place.rpartition(".")[2] for problem in problems}
        rewritten = {field: raw for field, raw in rewritten.items() if field not in broken}
        for field in broken:
            namespace.pop(field, None)
        namespace.pop("__annotate__", None)
        namespace.pop("__annotate_func__", None)
        namespace["__annotations__"] = rewritten
        cls: Any = super().__new__(mcs, name, bases, namespace, **kwargs)
        inherited: dict[str, Port] = {}
        for base in reversed(cls.__mro__[1:]):
            inherited.update(getattr(base, "__ports__", {}))
        cls.__ports__ = {**inherited, **{field: ports[field] for field in ports if field in rewritten}}
        problems += _default_mistakes(cls, place)
        cls.__problems__ = tuple(problems)
        if problems and not scope.in_class_body:
            raise definition_error(place, problems)
        return cls


def definition_error(name: str, problems: list[Problem]) -> NodeDefinitionError:
    """Return the error that reports the mistakes of a class."""
    count = f"{len(problems)} mistakes" if len(problems) > 1 else "a mistake"
    return NodeDefinitionError(f"class {name} has {count}", problems)


class _Scope:
    """The names that are visible where a class is written."""

    def __init__(self, frame: types.FrameType, namespace: dict[str, Any]) -> None:
        self.globals = frame.f_globals
        self.in_class_body = _is_class_body(frame)
        layers = [namespace]
        while True:
            layers.append(dict(frame.f_locals))
            # A class body runs where it stands, so the frames around it are its lexical surroundings too.
            if not _is_class_body(frame) or frame.f_back is None:
                break
            frame = frame.f_back
        self.locals: dict[str, Any] = {}
        for layer in reversed(layers):
            self.locals.update(layer)

    def evaluate(self, annotation: Any) -> Any:
        if not isinstance(annotation, str):
            return annotation
        # An annotation written as text inside quotes, under `from __future__ import annotations`, is quoted twice.
        text = annotation
        for _ in range(2):
            try:
                value = eval(text, self.globals, self.locals)  # noqa: S307 - the class's own source, as typing does it
            except NameError as error:
                raise TypeError(f"{text}: {error}; a name in an annotation must be defined before the class") from None
            except Exception as error:  # noqa: BLE001  an annotation may run anything
                raise TypeError(f"{text}: {type(error).__name__}: {error}") from None
            if not isinstance(value, str):
                return value
            text = value
        raise TypeError(f"{annotation!r} is no value type")


def _is_class_body(frame: types.FrameType) -> bool:
    return "__qualname__" in frame.f_locals and "__module__" in frame.f_locals and not frame.f_code.co_flags & 0x1


def _annotations(namespace: dict[str, Any]) -> dict[str, Any]:
    if "__annotations__" in namespace:
        return dict(namespace["__annotations__"])
    # Python 3.14 keeps a function that computes them; 1 asks for the values themselves.
    annotate = namespace.get("__annotate__") or namespace.get("__annotate_func__")
    return dict(annotate(1)) if annotate is not None else {}


def _is_class_variable(raw: Any) -> bool:
    if isinstance(raw, str):
        try:
            head = ast.unparse(ast.parse(raw, mode="eval").body).partition("[")[0]
        except SyntaxError:
            return False
        return head.rpartition(".")[2] == "ClassVar"
    return raw is ClassVar or get_origin(raw) is ClassVar


def _port(name: str, annotation: Any, default: Any) -> Port:
    if name.startswith("_"):
        raise ValueError("a port's name can't begin with an underscore")
    if name in _RESERVED:
        raise ValueError(f"the name {name!r} is taken by BaseArgs; choose another")
    component, annotated = _component_of(annotation)
    field = default if isinstance(default, FieldInfo) else None
    if field is not None:
        default = field.default if field.default_factory is None else field.default_factory()  # type: ignore[call-arg]
    if default is PydanticUndefined or default is Ellipsis:
        default = component.default if component is not None else REQUIRED
    if component is None:
        value_type = value_type_of(annotated)
        component = component_for(value_type)
    else:
        value_type = component.resolved_type(annotated)
    description = component.description or (field.description if field is not None else None) or ""
    return Port(name, value_type, component, default, description)


def _component_of(annotation: Any) -> tuple[Component | None, Any]:
    if isinstance(annotation, Component):
        return annotation, None
    if isinstance(annotation, type) and issubclass(annotation, Component):
        return annotation(), None
    if get_origin(annotation) is Annotated:
        annotated, *metadata = get_args(annotation)
        found = [item() if isinstance(item, type) and issubclass(item, Component) else item for item in metadata]
        components = [item for item in found if isinstance(item, Component)]
        if len(components) > 1:
            raise TypeError("has more than one component")
        return (components[0] if components else None), annotated
    return None, annotation


def _default_mistakes(cls: Any, place: str) -> list[Problem]:
    """Validate the defaults that a class states itself; a path or picture is only checked when it is used."""
    own = [port for port in cls.__ports__.values() if port.name in cls.__annotations__ and not port.required]
    mistakes = []
    for port in own:
        reason = port.reason_against(port.default)
        if reason:
            mistakes.append(Problem(f"{place}.{port.name}", f"default: {reason}"))
    return mistakes


class BaseArgs(BaseModel, metaclass=_ArgsMeta):
    """The arguments of a node: each field is a port. Validated when made, and immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, protected_namespaces=())

    __ports__: ClassVar[dict[str, Port]] = {}
    __problems__: ClassVar[tuple[Problem, ...]] = ()

    def __init__(self, /, **values: Any) -> None:
        if type(self).__problems__:
            raise definition_error(type(self).__qualname__, list(type(self).__problems__))
        super().__init__(**values)

    @property
    def sha256(self) -> str:
        """SHA-256, in hex, of the arguments as JSON with sorted keys."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


_RESERVED = frozenset(name for name in dir(BaseArgs) if not name.startswith("_"))


def argument_problems(error: ValidationError, place: str) -> list[Problem]:
    """Return what a pydantic error says of arguments, one problem a port, placed below `place`."""
    return [
        Problem(".".join([place, *map(str, location)]) if location else place, reason)
        for location, reason in located_complaints(error)
    ]
