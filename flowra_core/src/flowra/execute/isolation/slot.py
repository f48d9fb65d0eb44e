"""The instances of a node class that live in child processes, behind the interface of those on threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flowra.dag.context import RunContext
from flowra.dag.node import BaseArgs, Node
from flowra.dag.outcome import EndBranch
from flowra.dag.stand_in import home_of
from flowra.exceptions import PluginError
from flowra.execute.encoding import NotStorableError
from flowra.execute.instances import InstancePool, InstanceSlot, remember_models
from flowra.execute.isolation.ports import packed, unpacked
from flowra.execute.isolation.process import ChildProcess
from flowra.storage.codec.encoded import Buffer

__all__ = ["IsolatedNode", "IsolatedSlot"]


class IsolatedSlot(InstanceSlot):
    """The child processes of a class and its `InitArgs`.

    A class with an `init` has one, which may hold a model, and calls take turns. Others have one for each call that
    runs at the same time.
    """

    def __init__(self, pool: InstancePool, node_class: type[Node], init: BaseArgs) -> None:
        super().__init__(pool, node_class, init)
        self._lock = threading.Lock()
        self._turn = threading.Lock() if node_class.init is not Node.init else None
        self._idle: list[IsolatedNode] = []
        self._busy: set[IsolatedNode] = set()
        self._users = 0
        self._most_idle = os.cpu_count() or 1

    @property
    def in_use(self) -> bool:
        """Whether a call has a process."""
        return self._users > 0

    def take(self, context: RunContext) -> Node:
        """Return an instance for one call; raises as `ChildProcess.request` does."""
        if self._turn is not None:
            self._turn.acquire()
        with self._lock:
            # In use before it is made, so that nobody who makes room for another takes it for idle.
            self._users += 1
            found = self._idle.pop() if self._idle else None
            if found is not None and found.process.dead:
                # Ended between two calls: by the system, for want of memory.
                found.process.end()
                found = None
            if found is not None:
                self._busy.add(found)
        if found is not None:
            self._pool.used(self)
            return found
        made: IsolatedNode | None = None
        try:
            self._pool.make_room(self)
            made = IsolatedNode(self._class)
            with self._lock:
                self._busy.add(made)
            made.start(context, self._init)
        except BaseException:
            self._let_go(made)
            raise
        return made

    def give(self, instance: Node) -> None:
        """Take an instance back, with its process if that lives."""
        assert isinstance(instance, IsolatedNode)
        self._let_go(instance)

    def discard(self, instance: Node) -> None:
        """End the process of a call that ran out of time."""
        assert isinstance(instance, IsolatedNode)
        # Whoever waits for its answer hears at once that it is gone, and gives it back.
        instance.process.stop()

    def evict(self) -> list[str]:
        """Close the warm processes, unless a call has one; return what went wrong in words."""
        with self._lock:
            if self._users:
                return []
            idle, self._idle = self._idle, []
        return _closed(idle)

    def close(self) -> list[str]:
        """Close the processes, and return what went wrong in words."""
        with self._lock:
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for each in busy:
            each.process.stop()
        failures = _closed(idle)
        # Nobody else may be there to see to it: what waits for their answers are threads that need not live on.
        for each in busy:
            each.process.see_stopped()
        return failures

    def _let_go(self, instance: IsolatedNode | None) -> None:
        with self._lock:
            self._users -= 1
            kept = False
            if instance is not None:
                self._busy.discard(instance)
                kept = instance.ready and not instance.process.stopped and len(self._idle) < self._most_idle
                if kept:
                    self._idle.append(instance)
        if instance is not None and not kept:
            instance.process.end()
        if self._turn is not None:
            self._turn.release()


class IsolatedNode(Node):
    """Stands for an instance in a child process.

    Args:
        node_class: The class of that instance.
    """

    def __init__(self, node_class: type[Node]) -> None:
        self._class = node_class
        self.ready = False
        self._home = home_of(node_class)
        if self._home is None:
            check_importable(node_class)
        memory = node_class.resources.get("memory")
        self._memory = None if memory is None else int(memory)
        self.process = ChildProcess(node_class.type_id(), self._memory, self._home)

    def start(self, context: RunContext, init: BaseArgs) -> None:
        """Make the instance; raises as `ChildProcess.request` does."""
        described, parts = self._packed(init)
        before = context.models_used()
        self._request(
            "init",
            parts,
            context,
            init=described,
            module=self._home.module if self._home is not None else self._class.__module__,
            name=self._home.name if self._home is not None else self._class.__qualname__,
            type=self._class.type_id(),
            folder=str(Path.cwd()),
            memory=self._memory,
        )
        remember_models(self, {each: used for each, used in context.models_used().items() if each not in before})
        self.ready = True

    def run(self, context: RunContext, args: BaseArgs) -> Mapping[str, Any] | EndBranch:
        """Have the instance run; raises as `ChildProcess.request` does."""
        described, parts = self._packed(args)
        answer = self._request("run", parts, context, inputs=described)
        if "ended" in answer.header:
            return EndBranch(answer.header["ended"])
        return unpacked(answer.header["outputs"], answer.data, _types(self._class.OutputArgs))

    def needs(self, context: RunContext, args: BaseArgs) -> Iterable[str]:
        """Have the instance say which lazy inputs it needs; raises as `ChildProcess.request` does."""
        described, parts = self._packed(args)
        named: list[str] = self._request("needs", parts, context, inputs=described).header["needs"]
        return named

    def _packed(self, args: BaseArgs) -> tuple[dict[str, Any], list[Buffer]]:
        types = _types(type(args))
        try:
            return packed({name: getattr(args, name) for name in types}, types)
        except NotStorableError as error:
            raise NotStorableError(
                f"an input can't be handed to the node's process: {error.what}", why=error.why, fix=error.fix
            ) from error

    def _request(self, kind: str, parts: list[Buffer], context: RunContext, **header: Any) -> Any:
        _, output_dir, origin = context.handed_on()
        header.update(run_id=context.run_id, node_id=context.node_id, output_dir=str(output_dir), origin=origin)
        return self.process.request(kind, parts, header, context)


def check_importable(node_class: type[Node]) -> None:
    """Raise PluginError for a class that no other process can import."""
    if node_class.__module__ == "__main__" or "<locals>" in node_class.__qualname__:
        raise PluginError(
            f"{node_class.__qualname__} can't run in a process of its own",
            where=f"{node_class.__module__}:{node_class.__qualname__}",
            why="the process has to import it, and it is defined in the program that runs, or inside a function",
            fix="define it at the top level of a module, or of a pack",
        )


def _types(args: type[BaseArgs]) -> dict[str, Any]:
    return {name: port.value_type for name, port in args.__ports__.items()}


def _closed(instances: Iterable[IsolatedNode]) -> list[str]:
    return [failure for each in instances if (failure := each.process.close())]
