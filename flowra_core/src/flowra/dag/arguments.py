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
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, SchemaError, core_schema
from typing_extensions import dataclass_transform

from flowra.dag.port import Port, jsonable
from flowra.exceptions import NodeDefinitionError, Problem
from flowra.type.annotations import value_type_of
from flowra.type.component_type import REQUIRED, Component, component_for
from flowra.type.value.base import ValueType, located_complaints, short

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
        schema = self.port.component.core_schema(self.port.value_type)
        # What a node did not ask for is None when it runs.
        return core_schema.nullable_schema(schema) if self.port.lazy else schema

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
            namespace.pop(field, None)  # pydantic's namespace asks a value it replaces whether it is true: no array is
            namespace[field] = Field(
                default=PydanticUndefined if port.required else port.default,
                description=port.description or None,
            )
        problems += [
            Problem(f"{place}.{field}", reason)
            for field, value in namespace.items()
            if not field.startswith("_")
            and field not in (*rewritten, "model_config")
            and (reason := _unannotated(field, value, namespace.get("__qualname__", name)))
        ]
        # The class is still made, without the broken fields, so that its other mistakes and its siblings' can be found.
        broken = {problem.place.rpartition(".")[2] for problem in problems}
        rewritten = {field: raw for field, raw in rewritten.items() if field not in broken}
        for field in broken:
            namespace.pop(field, None)
        namespace.pop("__annotate__", None)
        namespace.pop("__annotate_func__", None)
        namespace["__annotations__"] = rewritten
        try:
            cls: Any = super().__new__(mcs, name, bases, namespace, **kwargs)
        except (PydanticUserError, SchemaError) as error:
            # Where pydantic makes no class, there is none that could carry the problems to the node's report.
            reason = str(error).partition("\n")[0]
            raise definition_error(place, problems or [Problem(place, reason)]) from error
        inherited: dict[str, Port] = {}
        for base in reversed(cls.__mro__[1:]):
            inherited.update(getattr(base, "__ports__", {}))
        cls.__ports__ = {**inherited, **{field: ports[field] for field in ports if field in rewritten}}
        problems += _default_mistakes(cls, place)
        cls.__problems__ = tuple(problems)
        if problems:
            # A class nested in something that is no node has nobody to report its mistakes until it is used.
            cls.__init__ = _refuse
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


def _unannotated(field: str, value: Any, qualname: str) -> str | None:
    """Say why a class attribute without annotation is no port, or None where it isn't meant to be one."""
    if isinstance(value, type):
        if value.__qualname__.startswith(f"{qualname}."):
            return None
        return f"is assigned, not annotated; write {field}: {value.__name__}"
    if isinstance(value, (Component, ValueType)):
        return f"is assigned, not annotated; write {field}: {type(value).__name__}(…)"
    if isinstance(value, FieldInfo):
        return f"has no annotation; write {field}: <type> = Field(…)"
    if value is None or isinstance(value, (bool, int, float, str, bytes, list, tuple, dict, set, PurePath)):
        return f"has the value {value!r} but no annotation; write {field}: <type> = {value!r}"
    return None


def _is_class_variable(raw: Any) -> bool:
    if isinstance(raw, str):
        try:
            head = ast.unparse(ast.parse(raw, mode="eval").body).partition("[")[0]
        except SyntaxError:
            return False
        return head.rpartition(".")[2] == "ClassVar"
    return raw is ClassVar or get_origin(raw) is ClassVar


def _port(name: str, annotation: Any, default: Any) -> Port:
    if isinstance(annotation, Port):  # of a class that is known by its description alone
        return annotation
    if name.startswith("_"):
        raise ValueError("a port's name can't begin with an underscore")
    if name in _RESERVED:
        raise ValueError(f"the name {name!r} is taken by BaseArgs; choose another")
    component, annotated, field = _component_of(annotation)
    field = default if isinstance(default, FieldInfo) else field
    if field is not None:
        _check_field(field)
        if default is field or default is PydanticUndefined:
            default = field.default if field.default_factory is None else field.default_factory()  # type: ignore[call-arg]
    stated = component.default if component is not None else REQUIRED
    if default is PydanticUndefined or default is Ellipsis:
        default = stated
    elif stated is not REQUIRED:
        raise ValueError("has two defaults, one in the component and one after it; leave one out")
    if component is None:
        value_type = value_type_of(annotated)
        component = component_for(value_type)
    else:
        value_type = component.resolved_type(annotated)
    description = component.description or (field.description if field is not None else None) or ""
    return Port(name, value_type, component, default, description)


def _component_of(annotation: Any) -> tuple[Component | None, Any, FieldInfo | None]:
    if isinstance(annotation, Component):
        return annotation, None, None
    if isinstance(annotation, type) and issubclass(annotation, Component):
        return annotation(), None, None
    if get_origin(annotation) is Annotated:
        annotated, *metadata = get_args(annotation)
        found = [item() if isinstance(item, type) and issubclass(item, Component) else item for item in metadata]
        components = [item for item in found if isinstance(item, Component)]
        fields = [item for item in found if isinstance(item, FieldInfo)]
        if len(components) > 1:
            raise TypeError("has more than one component")
        for item in found:
            if item not in (*components, *fields) and type(item).__module__.partition(".")[0] in _IGNORED_BY_FLOWRA:
                raise TypeError(f"{type(item).__name__} is not looked at; {_STATE_IN_COMPONENT}")
        return (components[0] if components else None), annotated, (fields[0] if fields else None)
    return None, annotation, None


#: Whose metadata in an annotation asks something of the value, and would be passed over in silence.
_IGNORED_BY_FLOWRA = ("annotated_types", "pydantic", "pydantic_core")
_STATE_IN_COMPONENT = "state what a value must meet in the component: Number(min=0), Text(max_length=80)"


def _check_field(field: FieldInfo) -> None:
    if field.metadata:
        asked = ", ".join(type(item).__name__ for item in field.metadata)
        raise TypeError(f"only default and description of a Field are looked at, not {asked}; {_STATE_IN_COMPONENT}")
    if field.alias is not None or field.validation_alias is not None:
        raise TypeError("a port has one name; leave out the alias of its Field")


def _default_mistakes(cls: Any, place: str) -> list[Problem]:
    """Validate the defaults that a class states itself; a path or picture is only checked when it is used."""
    own = [port for port in cls.__ports__.values() if port.name in cls.__annotations__ and not port.required]
    mistakes = []
    for port in own:
        reason = port.reason_against(port.default) or _unwritable(port.default)
        if reason:
            mistakes.append(Problem(f"{place}.{port.name}", f"default: {reason}"))
    return mistakes


def _unwritable(default: Any) -> str | None:
    """Say why a default can't stand in a manifest or a form, or None if it can."""
    from pydantic_core import PydanticSerializationError

    try:
        jsonable(default)
    except (PydanticSerializationError, ValueError):
        return f"a graph file has no place for {short(default)}; make the port optional, and the value in run"
    return None


def _refuse(self: BaseArgs, /, **_values: Any) -> None:
    raise definition_error(type(self).__qualname__, list(type(self).__problems__))


class BaseArgs(BaseModel, metaclass=_ArgsMeta):
    """The arguments of a node: each field is a port. Validated when made, and immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, protected_namespaces=())

    __ports__: ClassVar[dict[str, Port]] = {}
    __problems__: ClassVar[tuple[Problem, ...]] = ()

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
