"""What runs in the child process: one instance of one node class, called again and again.

The node runs on the main thread. Another thread reads what the supervisor says.
"""

from __future__ import annotations

import asyncio
import faulthandler
import importlib
import inspect
import os
import resource
import socket
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from flowra import exceptions
from flowra.dag.context import NodeCancelledError, RunContext
from flowra.dag.node import BaseArgs, Node
from flowra.dag.outcome import EndBranch, Expansion
from flowra.dag.plan.logical import PlannedNode
from flowra.exceptions import NodeFailedError
from flowra.execute.capture import capturing, speaking
from flowra.execute.control import RunControl
from flowra.execute.encoding import NotStorableError
from flowra.execute.failure import invalid_result
from flowra.execute.isolation.ports import packed, unpacked
from flowra.execute.isolation.wire import PROTOCOL, Channel, Message
from flowra.execute.node_call import checked, given, prepared, raised
from flowra.type.handler import summarize
from flowra.type.value.scalar import Anything

if TYPE_CHECKING:
    from flowra.model import ModelReference, UsedModel
    from flowra.model.watch import Listener

__all__ = ["main"]


def main(descriptor: int, scratch: str) -> None:
    """Answer the supervisor until it says that it is done.

    Args:
        descriptor: The socket to it.
        scratch: The folder for temporary files, which is the process's own.
    """
    os.set_inheritable(descriptor, False)
    faulthandler.enable(all_threads=False)
    channel = Channel(socket.socket(fileno=descriptor))
    channel.send("ready", protocol=PROTOCOL)
    child = _Child(channel, scratch)
    threading.Thread(target=child.read, name="flowra-supervisor", daemon=True).start()
    with capturing():
        child.serve()


class _Services:
    """Hands what a node reports to the supervisor."""

    def __init__(
        self,
        channel: Channel,
        stopping: threading.Event,
        models: SimpleQueue[Mapping[str, Any]],
        asking: threading.Lock,
    ) -> None:
        self._channel = channel
        self._stopping = stopping
        self._models = models
        self._asking = asking

    def progress(self, node: str, done: float, total: float | None, text: str) -> None:
        self._channel.send("progress", done=done, total=total, text=text)

    def log(self, node: str, text: str, level: str) -> None:
        self._channel.send("log", text=text, level=level)

    def preview(self, node: str, value: Any, title: str) -> None:
        try:
            described, parts = packed({"value": value}, {"value": Anything()})
        except NotStorableError:
            self.log(node, f"preview {title or 'of a value'}: {summarize(value, Anything())}", "info")
            return
        self._channel.send("preview", parts, value=described, title=title)

    def cancelled(self) -> bool:
        return self._stopping.is_set()

    def get(self, reference: ModelReference, listener: Listener | None = None) -> UsedModel:
        """Have the supervisor fetch a model: hubs' packs need not be in a pack's own environment."""
        from flowra.model.models import ModelIdentity, UsedModel

        with self._asking:  # a node's threads ask one after another, so that each gets its own answer
            self._channel.send("model", reference=str(reference))
            answer = self._models.get()
        if "cancelled" in answer:
            raise NodeCancelledError("the run was cancelled")
        if "error" in answer:
            kind = getattr(exceptions, answer["error"], exceptions.ModelError)
            raise kind(answer["what"], where=answer["where"], why=answer["why"], fix=answer["fix"])
        return UsedModel(str(reference), ModelIdentity(str(reference), b""), Path(answer["path"]))


class _Context(RunContext):
    """A context whose temporary folder lies where the supervisor removes it, should this process die."""

    __slots__ = ("_scratch",)

    def __init__(self, header: Mapping[str, Any], services: _Services, scratch: str) -> None:
        super().__init__(
            header["run_id"], header["node_id"], Path(header["output_dir"]), services, header["origin"], services
        )
        self._scratch = scratch

    @property
    def temporary_dir(self) -> Path:
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(dir=self._scratch, ignore_cleanup_errors=True)
        return Path(self._temporary.name)


class _Child:
    """The node class and its instance."""

    def __init__(self, channel: Channel, scratch: str) -> None:
        self._channel = channel
        self._scratch = scratch
        self._messages: SimpleQueue[Message] = SimpleQueue()
        self._stopping = threading.Event()
        self._models: SimpleQueue[Mapping[str, Any]] = SimpleQueue()
        self._asking = threading.Lock()
        self._class: type[Node] = Node
        self._instance = Node.__new__(Node)

    def read(self) -> None:
        """Take in messages; runs on a thread of its own."""
        while True:
            try:
                message = self._channel.receive()
            except (EOFError, OSError):
                return  # the guardian ends the process
            except Exception as error:  # noqa: BLE001  whatever it is, the supervisor must not wait for an answer
                with suppress(OSError):
                    self._channel.send("lost", why=f"{type(error).__name__}: {error}")
                os._exit(1)
            if message.kind == "cancel":
                self._stopping.set()
            elif message.kind == "model":
                self._models.put(message.header["answer"])
            else:
                # A call begins; what was said of the one before holds no more.
                self._stopping.clear()
                self._messages.put(message)

    def serve(self) -> None:
        """Answer one message after another."""
        while (message := self._messages.get()).kind != "close":
            self._answer(message)
        failure = ""
        try:
            self._instance.close()
        except (Exception, SystemExit) as error:  # noqa: BLE001  a pack's mistake, which the supervisor warns of
            failure = f"{type(error).__name__}: {error}"
        self._channel.send("closed", failure=failure)

    def _answer(self, message: Message) -> None:
        header = message.header
        context = _Context(header, _Services(self._channel, self._stopping, self._models, self._asking), self._scratch)
        try:
            with speaking(context.log):
                reply, parts = self._made(message, context)
        except NodeFailedError as error:
            self._failed(error)
        except NodeCancelledError:
            self._channel.send("cancelled")
        else:
            self._channel.send("result", parts, **reply)
        finally:
            context.close()

    def _made(self, message: Message, context: RunContext) -> tuple[dict[str, Any], list[Any]]:
        header = message.header
        if message.kind == "init":
            try:
                self._class = _loaded(header)
                _limit_memory(header["memory"])
                node = PlannedNode(header["node_id"], self._class.describe(), {}, {}, {})
            except MemoryError:
                raise
            except BaseException as error:
                stub = PlannedNode(header["node_id"], Node.describe(), {}, {}, {})
                failure = raised(stub, Node, error, {}, RunControl())
                failure.type = header["type"]
                failure.where = header["type"]
                raise failure from error
            return self._init(node, message, context), []
        node = PlannedNode(header["node_id"], self._class.describe(), {}, {}, {})
        control = RunControl()
        if self._stopping.is_set():
            control.cancel()
        values = unpacked(header["inputs"], message.data, _types(self._class.InputArgs))
        args = prepared(node, self._class.InputArgs, values)
        try:
            if message.kind == "needs":
                return {"needs": [str(each) for each in self._instance.needs(context, args)]}, []
            result = self._instance.run(context, args)
            if inspect.iscoroutine(result):
                result = asyncio.run(result)
        except BaseException as error:
            raise self._raised(node, error, args) from error
        if isinstance(result, EndBranch):
            return {"ended": result.reason}, []
        if isinstance(result, Expansion):
            reason = "it returned a graph (Expansion), which a node in a process of its own can't hand over"
            raise invalid_result(node, {"": reason}, given(args))
        outputs = checked(node, self._class, result, args)
        types = _types(self._class.OutputArgs)
        try:
            described, parts = packed(outputs, types)
        except NotStorableError as error:
            reason = f"{error.what}, and so can't leave the node's process: {error.why}"
            raise invalid_result(node, {"": reason}, given(args)) from error
        return {"outputs": described}, parts

    def _init(self, node: PlannedNode, message: Message, context: RunContext) -> dict[str, Any]:
        values = unpacked(message.header["init"], message.data, _types(self._class.InitArgs))
        args = prepared(node, self._class.InitArgs, values, "init")
        try:
            self._instance = self._class()
            self._instance.init(context, args)
        except BaseException as error:
            raise self._raised(node, error, args) from error
        return {}

    def _raised(self, node: PlannedNode, error: BaseException, args: BaseArgs) -> NodeFailedError:
        control = RunControl()
        if self._stopping.is_set():
            control.cancel()
        return raised(node, self._class, error, given(args), control)

    def _failed(self, error: NodeFailedError) -> None:
        cause = error.__cause__
        classes = [] if cause is None else [(each.__module__, each.__qualname__) for each in type(cause).__mro__]
        self._channel.send(
            "failed",
            what=error.what,
            where=error.where,
            why=error.why,
            fix=error.fix,
            inputs=error.inputs,
            traceback=error.traceback,
            classes=classes,
            said=str(cause) if cause is not None else "",
            out_of_memory=isinstance(cause, MemoryError),
        )


def _types(args: type[BaseArgs]) -> dict[str, Any]:
    return {name: port.value_type for name, port in args.__ports__.items()}


def _loaded(header: Mapping[str, Any]) -> type[Node]:
    os.chdir(header["folder"])
    found: Any = importlib.import_module(header["module"])
    for name in header["name"].split("."):
        found = getattr(found, name)
    loaded: type[Node] = found
    loaded.__flowra_type__ = header["type"]
    return loaded


def _limit_memory(limit: int | None) -> None:
    """Bound the memory that the process may take for itself; mapped inputs and code don't count."""
    if limit is None:
        return
    own = 0
    status = Path("/proc/self/status")
    if status.exists():
        own = next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (own + limit, own + limit))
