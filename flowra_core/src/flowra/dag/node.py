"""`Node`: what a pack author writes.

```python
class Threshold(Node):
    \"\"\"Make an image black and white.\"\"\"

    class InputArgs(BaseArgs):
        image: Placeholder(value_type=AnyImage, description="the picture")
        threshold: Number(value_type=float, description="0..1", default=0.5)

    class OutputArgs(BaseArgs):
        result: Placeholder(value_type=AnyImage, description="black and white")

    def run(self, context, args):
        return self.OutputArgs(result=...)
```
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

from flowra.dag.arguments import BaseArgs, definition_error
from flowra.dag.description import NodeDescription
from flowra.exceptions import Problem

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["BaseArgs", "Node"]


class Node:
    """One step of a graph.

    An instance is made once for each set of `InitArgs` in a worker and kept: `init` loads what is slow to load, `run`
    is called for each set of inputs, `close` frees what `init` took. The class body states what the node is.

    Raises:
        NodeDefinitionError: When a subclass is made with mistakes, with all of them as `Class.field: reason`.
    """

    #: Version of the arguments. Raise it when ports are renamed or change their meaning, and declare a migration.
    version: ClassVar[int] = 1

    InitArgs: ClassVar[type[BaseArgs]] = type("InitArgs", (BaseArgs,), {"__module__": __name__})
    InputArgs: ClassVar[type[BaseArgs]] = type("InputArgs", (BaseArgs,), {"__module__": __name__})
    OutputArgs: ClassVar[type[BaseArgs]] = type("OutputArgs", (BaseArgs,), {"__module__": __name__})

    #: The pack's id and the node's name, set when a pack is loaded.
    __flowra_type__: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        problems = _mistakes(cls)
        if problems:
            raise definition_error(_name(cls), problems)

    def init(self, context: RunContext, args: Any) -> None:
        """Prepare the instance; called once, before the first `run`.

        Args:
            context: What a node may ask of the engine.
            args: The node's `InitArgs`.
        """

    def run(self, context: RunContext, args: Any) -> Any:
        """Compute the outputs of one set of inputs.

        Args:
            context: What a node may ask of the engine.
            args: The node's `InputArgs`, validated; arrays in it are read-only.

        Returns:
            The node's `OutputArgs`.
        """
        raise NotImplementedError(f"{type(self).__name__}.run")

    def close(self) -> None:
        """Free what `init` took; called once, when the instance is no longer kept."""

    @classmethod
    def type_id(cls) -> str:
        """Return the node's type id: `pack/Node`, or `local/Node` for a class that no pack contributes."""
        own = cls.__dict__.get("__flowra_type__", "")
        if own:
            return str(own)
        from flowra.plugin.manager import default_manager

        target = f"{cls.__module__}:{cls.__qualname__}"
        contributed = (
            f"{pack.id}/{entry.name}" for pack, entry in default_manager().entries("nodes") if entry.target == target
        )
        return next(contributed, f"local/{cls.__name__}")

    @classmethod
    def describe(cls, group: str = "") -> NodeDescription:
        """Return the class as data.

        Args:
            group: The heading under which a front end lists it.
        """
        doc = inspect.cleandoc(cls.__doc__ or "")
        return NodeDescription(
            type=cls.type_id(),
            version=cls.version,
            summary=doc.partition("\n")[0].rstrip("."),
            doc=doc,
            group=group,
            init=tuple(cls.InitArgs.__ports__.values()),
            inputs=tuple(cls.InputArgs.__ports__.values()),
            outputs=tuple(cls.OutputArgs.__ports__.values()),
        )


def _name(cls: type) -> str:
    return cls.__qualname__.rpartition("<locals>.")[2]


def _mistakes(cls: type[Node]) -> list[Problem]:
    name = _name(cls)
    problems: list[Problem] = []
    for role in ("InitArgs", "InputArgs", "OutputArgs"):
        args = getattr(cls, role)
        if not (isinstance(args, type) and issubclass(args, BaseArgs)):
            problems.append(Problem(f"{name}.{role}", f"is no BaseArgs class; write class {role}(BaseArgs): …"))
        elif role in cls.__dict__:
            problems += args.__problems__
    run = cls.__dict__.get("run")
    if run is None and cls.run is Node.run:
        problems.append(Problem(f"{name}.run", "is missing; write def run(self, context, args): …"))
    for method in ("init", "run"):
        function = cls.__dict__.get(method)
        if inspect.isfunction(function) and not _takes_two(function):
            problems.append(
                Problem(f"{name}.{method}", f"takes (self, context, args), not {inspect.signature(function)}")
            )
    if not isinstance(cls.version, int) or isinstance(cls.version, bool) or cls.version < 1:
        problems.append(Problem(f"{name}.version", f"is a whole number from 1, not {cls.version!r}"))
    return problems


def _takes_two(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None, None, None)
    except TypeError:
        return False
    return True
