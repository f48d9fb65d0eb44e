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

import difflib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from flowra.dag.arguments import BaseArgs, definition_error
from flowra.dag.description import NodeDescription
from flowra.dag.traits import Isolation, NodeTraits, Retry
from flowra.exceptions import Problem
from flowra.type.component_type import inner_type
from flowra.type.value.model import Model

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["BaseArgs", "Node", "Retry"]


class Node:
    """One step of a graph.

    An instance is made once for each set of `InitArgs` in a worker and kept: `init` loads what is slow to load, `run`
    is called for each set of inputs, `close` frees what `init` took. The class body states what the node is.

    Raises:
        NodeDefinitionError: When a subclass is made with mistakes, with all of them as `Class.field: reason`.
    """

    #: Version of the arguments. Raise it when ports are renamed or change their meaning, and declare a migration.
    version: ClassVar[int] = 1
    #: Whether equal inputs give equal outputs. Declare False for what draws at random or asks the outside world.
    deterministic: ClassVar[bool] = True
    #: Whether it changes something outside: sends, deletes, writes over. Such a node is never cached.
    effects: ClassVar[bool] = False
    #: Whether its effect done twice is the same as done once, as writing a file is: then it is run again where a worker
    #: was lost with it, and goes to workers together with others.
    idempotent: ClassVar[bool] = False
    #: Whether a stored result may stand in for running it; None means: if it is deterministic and has no effects.
    cacheable: ClassVar[bool | None] = None
    #: Whether its results go to a remote store that machines share; None lets the store decide, by size and time.
    remote: ClassVar[bool | None] = None
    #: When it is tried again after a failure; never unless it says so.
    retries: ClassVar[Retry | None] = None
    #: Seconds that one call may take.
    timeout: ClassVar[float | None] = None
    #: Where it runs: on a thread, or in a supervised process of its own.
    isolation: ClassVar[Isolation] = "thread"
    #: Whether one instance may run several calls at once; if not, an instance that has an `init` runs one at a time.
    thread_safe: ClassVar[bool] = False
    #: What one call needs: `cpu` (cores), `memory` (bytes), `gpu` (cards), `gpu_memory` (bytes), or names of one's own.
    #: A warm instance keeps its `memory` and `gpu_memory` between calls.
    resources: ClassVar[Mapping[str, float]] = MappingProxyType({})
    #: The version that stands for its code in cache keys; None to take the code itself, and what it imports.
    code_version: ClassVar[str | None] = None
    #: How many sets of inputs `run_batch` takes at once, at most; 1 for a node that takes one after the other.
    batch_size: ClassVar[int] = 1
    #: Distributions whose installed versions are part of its cache keys, as in `("onnxruntime",)`.
    libraries: ClassVar[tuple[str, ...]] = ()

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
        if type(self).run_batch is Node.run_batch:
            raise NotImplementedError(f"{type(self).__name__}.run")
        found = self.run_batch(context, [args])
        if not isinstance(found, (list, tuple)) or len(found) != 1:
            raise TypeError(f"run_batch returned {type(found).__name__} for one set of inputs, not a list of one")
        return found[0]

    def run_batch(self, context: RunContext, args: list[Any]) -> list[Any]:
        """Compute the outputs of several sets of inputs, where `batch_size` says that the node can.

        Items of a batch, and of a list that is mapped over, come together, at most `batch_size` of them; each has a
        key, a result and events of its own. If it raises, each is run by itself with `run`. A node with a `run_batch`
        needs no `run`.

        Args:
            context: What a node may ask of the engine.
            args: The node's `InputArgs`, validated, one for each.

        Returns:
            The node's `OutputArgs`, one for each, in the same order.
        """
        raise NotImplementedError(f"{type(self).__name__}.run_batch")

    def needs(self, context: RunContext, args: Any) -> Iterable[str]:
        """Say which lazy inputs are wanted, knowing the others.

        Called before `run` where the node has lazy inputs. What is not named is not computed, and is None in `run`.

        Args:
            context: What a node may ask of the engine.
            args: The node's `InputArgs`, with None for each lazy input.

        Returns:
            Names of lazy inputs; all of them unless a node says otherwise.
        """
        return [name for name, port in type(self).InputArgs.__ports__.items() if port.lazy]

    @classmethod
    def fingerprint(cls, args: Any) -> str | None:  # noqa: ARG003  for those who override it
        """Return a text that is part of the cache key, for what a node depends on besides its inputs.

        Args:
            args: The node's `InputArgs`, as far as they are known without running anything: literals only.

        Returns:
            A text that changes when results may, or None where there is nothing of that kind.
        """
        return None

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
    def traits(cls) -> NodeTraits:
        """Return what the class body states of the node, as data."""
        return NodeTraits(
            cacheable=cls.deterministic and not cls.effects if cls.cacheable is None else cls.cacheable,
            deterministic=cls.deterministic,
            effects=cls.effects,
            idempotent=cls.idempotent,
            retries=cls.retries,
            timeout=cls.timeout,
            isolation=cls.isolation,
            thread_safe=cls.thread_safe,
            warm=cls.init is not Node.init,
            resources=dict(cls.resources),
            code_version=cls.code_version,
            libraries=tuple(cls.libraries),
            batch_size=cls.batch_size,
            remote=cls.remote,
            fingerprinted=any("fingerprint" in vars(base) for base in cls.__mro__[: cls.__mro__.index(Node)]),
        )

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
            traits=cls.traits(),
            init=tuple(cls.InitArgs.__ports__.values()),
            inputs=tuple(cls.InputArgs.__ports__.values()),
            outputs=tuple(cls.OutputArgs.__ports__.values()),
        )


def _name(cls: type) -> str:
    return cls.__qualname__.rpartition("<locals>.")[2]


#: Functions that return at once, with something that nobody runs. What an `async def run` gives is awaited.
_NO_RESULT = {
    "init": inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_GENERATOR,
    "run": inspect.CO_ASYNC_GENERATOR | inspect.CO_GENERATOR,
    "run_batch": inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_GENERATOR,
}


def _misnamed(cls: type[Node], name: str) -> list[Problem]:
    """Find the argument classes of a body whose names are nearly one of the three that count."""
    roles = ("InitArgs", "InputArgs", "OutputArgs")
    return [
        Problem(f"{name}.{attribute}", f"is not looked at; did you mean {near[0]}?")
        for attribute, value in cls.__dict__.items()
        if attribute not in roles and isinstance(value, type) and issubclass(value, BaseArgs)
        if (near := difflib.get_close_matches(attribute, roles, n=1))
    ]


def _mistakes(cls: type[Node]) -> list[Problem]:
    name = _name(cls)
    problems: list[Problem] = []
    for role in ("InitArgs", "InputArgs", "OutputArgs"):
        args = getattr(cls, role)
        if not (isinstance(args, type) and issubclass(args, BaseArgs)):
            problems.append(Problem(f"{name}.{role}", f"is no BaseArgs class; write class {role}(BaseArgs): …"))
        elif role in cls.__dict__:
            problems += args.__problems__
            problems += [
                Problem(f"{name}.{role}.{port.name}", "is a model; a model is loaded once: declare it in InitArgs")
                for port in args.__ports__.values()
                if role != "InitArgs" and isinstance(inner_type(port.value_type), Model)
            ]
    problems += _misnamed(cls, name)
    run = cls.__dict__.get("run")
    if run is None and cls.run is Node.run and cls.run_batch is Node.run_batch:
        problems.append(Problem(f"{name}.run", "is missing; write def run(self, context, args): …"))
    for method in ("init", "run", "run_batch"):
        function = cls.__dict__.get(method)
        if not inspect.isfunction(function):
            continue
        if not _takes_two(function):
            problems.append(
                Problem(f"{name}.{method}", f"takes (self, context, args), not {inspect.signature(function)}")
            )
        if function.__code__.co_flags & _NO_RESULT[method]:
            kind = "a generator" if method == "run" else "a coroutine or a generator"
            problems.append(Problem(f"{name}.{method}", f"is {kind}; write def, and return"))
    problems += _trait_mistakes(cls, name)
    if not isinstance(cls.version, int) or isinstance(cls.version, bool) or cls.version < 1:
        problems.append(Problem(f"{name}.version", f"is a whole number from 1, not {cls.version!r}"))
    return problems


def _trait_mistakes(cls: type[Node], name: str) -> list[Problem]:
    found = []
    retries: Any = cls.retries
    if retries is not None and not isinstance(retries, Retry):
        found.append(Problem(f"{name}.retries", "is a Retry", "write Retry(3, on=(ConnectionError,))"))
    elif retries is not None and (retries.times < 1 or not retries.on):
        found.append(Problem(f"{name}.retries", "names at least one further try and one error class"))
    if cls.timeout is not None and not (isinstance(cls.timeout, (int, float)) and cls.timeout > 0):
        found.append(Problem(f"{name}.timeout", f"is a positive number of seconds, not {cls.timeout!r}"))
    resources: Any = cls.resources
    if not isinstance(resources, Mapping) or not all(
        isinstance(each, str) and isinstance(amount, (int, float)) and 0 < amount < float("inf")
        for each, amount in resources.items()
    ):
        found.append(Problem(f"{name}.resources", "names positive amounts", 'write {"gpu": 1, "memory": 2e9}'))
    if cls.isolation not in get_args(Isolation):
        found.append(Problem(f"{name}.isolation", f"is one of {', '.join(get_args(Isolation))}, not {cls.isolation!r}"))
    found += _batch_mistakes(cls, name)
    if cls.cacheable and cls.effects:
        found.append(Problem(f"{name}.cacheable", "a node with effects can't be cached: its effect would be left out"))
    if cls.idempotent and not cls.effects:
        found.append(Problem(f"{name}.idempotent", "says something of a node with effects: write effects = True too"))
    if cls.remote not in (None, True, False):
        found.append(Problem(f"{name}.remote", f"is True, False or None, not {cls.remote!r}"))
    found += [
        Problem(f"{name}.{role}", f"is True or False, not {getattr(cls, role)!r}")
        for role in ("deterministic", "effects", "idempotent", "thread_safe")
        if not isinstance(getattr(cls, role), bool)
    ]
    return found


def _batch_mistakes(cls: type[Node], name: str) -> Iterator[Problem]:
    size: Any = cls.batch_size
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        yield Problem(f"{name}.batch_size", f"is a whole number from 1, not {size!r}")
    elif size > 1 and cls.run_batch is Node.run_batch:
        yield Problem(f"{name}.run_batch", "is missing; write def run_batch(self, context, args): …")
    elif size > 1:
        # Each of these is about one call, and has to be able to end or to count it by itself.
        for trait, given in (
            ("timeout", cls.timeout),
            ("effects", cls.effects),
            ("isolation", cls.isolation != "thread"),
        ):
            if given:
                yield Problem(f"{name}.batch_size", f"can't go with {trait}, which is about one call at a time")


def _takes_two(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None, None, None)
    except TypeError:
        return False
    return True
