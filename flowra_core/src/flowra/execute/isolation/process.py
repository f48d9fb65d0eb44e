"""One supervised child process: started in a process group of its own, spoken to, and ended for good."""

from __future__ import annotations

import builtins
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from flowra.dag.context import NodeCancelledError, RunContext, RunServices
from flowra.dag.stand_in import Home
from flowra.exceptions import FlowraError, NodeCrashedError, NodeFailedError, NodeMemoryError, PluginError
from flowra.execute.isolation.ports import unpacked
from flowra.execute.isolation.wire import PROTOCOL, Channel, Message
from flowra.plugin.environments import remake_command
from flowra.storage.codec.encoded import Buffer
from flowra.type.value.scalar import Anything

__all__ = ["ChildProcess"]

#: Seconds between two looks at whether the run was cancelled and whether the process lives.
_LOOK = 0.05
#: Seconds that a node has to end by itself once it was told that the run is cancelled.
_ASKED = 0.3
#: Seconds between SIGTERM and SIGKILL.
_GRACE = 0.4
#: Seconds that a node has to close.
_CLOSING = 5.0
#: Characters of what the process wrote last that are kept for the error.
_TAIL = 2_000
_PROGRAM = (
    "import sys, json; given = json.loads(sys.argv[1]); sys.path[:] = given.pop('path', sys.path); "
    "from flowra.execute.isolation.guardian import start_guardian; start_guardian(**given); "
    "from flowra.execute.isolation.child import main; main(**given)"
)


class ChildProcess:
    """A process that runs the calls of one node instance, one at a time.

    Args:
        name: What it is for, for messages: a type id.
        memory: Bytes that it may take for itself; None for no limit.
        home: The environment whose Python it runs; None for this Python, with all that this process can import.

    Attributes:
        stopped: Whether it was told to end, or has ended.
    """

    def __init__(self, name: str, memory: int | None = None, home: Home | None = None) -> None:
        self._name = name
        self._home = home
        self._spoke = False
        self._memory = memory
        self._scratch = tempfile.mkdtemp(prefix="flowra-")
        self._tail = ""
        self._begun = b""
        self._kill_at: float | None = None
        # Guards that it is not signalled, nor looked at, once another thread has waited for it: its id is free then.
        self._reaping = threading.Lock()
        self._ended = False
        self.stopped = False
        ours, theirs = socket.socketpair()
        output, writing = os.pipe()
        try:
            given: dict[str, Any] = {"descriptor": theirs.fileno(), "scratch": self._scratch}
            if home is None:
                given["path"] = sys.path
            self._process = subprocess.Popen(  # noqa: S603  an interpreter, and a program of our own
                [*_interpreter(home), "-c", _PROGRAM, json.dumps(given)],
                env=None if home is None else _variables_elsewhere(),
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except BaseException as error:
            ours.close()
            os.close(output)
            shutil.rmtree(self._scratch, ignore_errors=True)
            if isinstance(error, OSError) and home is not None:
                raise _no_start(home, f"{type(error).__name__}: {error}") from error
            raise
        finally:
            theirs.close()
            os.close(writing)
        os.set_blocking(output, False)
        self._output = output
        self._channel = Channel(ours)

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self._process.pid

    def request(self, kind: str, parts: Sequence[Buffer], header: Mapping[str, Any], context: RunContext) -> Message:
        """Send a message and return its answer; what the node reports or asks for meanwhile goes to its context.

        Raises:
            NodeFailedError: The node failed.
            NodeCancelledError: The run was cancelled; the process may have been ended for it.
            NodeMemoryError: The node needs more memory than it states.
            NodeCrashedError: The process ended.
        """
        try:
            message = self._answer_to(kind, parts, header, context)
        except BaseException:
            # Interrupted, as by Ctrl-C: what it answers some day is no answer to what it is asked next.
            self.end()
            raise
        return self._answer(message, context.node_id)

    def _answer_to(self, kind: str, parts: Sequence[Buffer], header: Mapping[str, Any], context: RunContext) -> Message:
        node, services = context.node_id, context.handed_on()[0]
        watched = [self._channel.fileno(), self._output]
        cancelled_at: float | None = None
        with suppress(OSError):  # it is gone; how it ended is found out below
            self._channel.send(kind, parts, **header)
        while True:
            readable, _, _ = select.select(watched, [], [], _LOOK)
            if self._output in readable:
                self._read_output(node, services)
            if watched[0] in readable:
                try:
                    message = self._channel.receive()
                except (EOFError, OSError):
                    self._over(node, services, cancelled_at is not None)
                except Exception as error:  # noqa: BLE001  whatever it is, the call has to end
                    self._lose("this process can't read what the node's process says", error)
                if message.kind in ("progress", "log", "preview"):
                    _report(message, node, services)
                elif message.kind == "model":
                    self._give_model(message.header["reference"], context)
                elif message.kind == "ready":
                    self._check(message)
                elif message.kind == "lost":
                    self._lose("the node's process can't read what it is told", message.header["why"])
                else:
                    return message
            elif self.dead:
                if select.select([self._channel], [], [], 0)[0]:
                    continue
                self._over(node, services, cancelled_at is not None)
            now = time.monotonic()
            if cancelled_at is None and services.cancelled():
                cancelled_at = now
                self._tell_cancelled()
            if cancelled_at is not None and not self.stopped and now > cancelled_at + _ASKED:
                self.stop()
            if self._kill_at is not None and now > self._kill_at:
                self._signal(signal.SIGKILL)

    def _give_model(self, reference: str, context: RunContext) -> None:
        """Fetch a model for the node; its own process need not have what fetches."""
        answer: dict[str, Any]
        try:
            answer = {"path": str(context.model(reference))}
        except NodeCancelledError:
            answer = {"cancelled": True}
        except FlowraError as error:
            answer = error.to_json()
        with suppress(OSError):  # it is gone, which the next look tells
            self._channel.send("model", answer=answer)

    def stop(self) -> None:
        """Tell the process group to end; whoever waits for an answer, or `end`, sees to it that it does."""
        self.stopped = True
        self._kill_at = time.monotonic() + _GRACE
        self._signal(signal.SIGTERM)

    def see_stopped(self) -> None:
        """Wait until a process that was told to end has ended, and see to it that it does."""
        assert self._kill_at is not None
        while not self.dead and time.monotonic() < self._kill_at:
            time.sleep(0.01)
        self._signal(signal.SIGKILL)

    def end(self) -> None:
        """End the process group now, and remove what is left of it."""
        self.stopped = True
        with self._reaping:
            if self._ended:
                return
            self._kill_group(signal.SIGKILL)
            self._ended = True
            self._process.wait()
        self._channel.close()
        os.close(self._output)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def close(self) -> str:
        """Have the node free what it holds, and end the process; return what went wrong in words."""
        failure = ""
        if not self.stopped and not self.dead:
            try:
                self._channel.send("close")
                deadline = time.monotonic() + _CLOSING
                while True:
                    left = deadline - time.monotonic()
                    if not select.select([self._channel], [], [], max(0.0, left))[0]:
                        failure = f"it did not close within {_CLOSING:g} s"
                        break
                    message = self._channel.receive()
                    if message.kind == "closed":
                        failure = message.header["failure"]
                        break
            except (EOFError, OSError):
                failure = "its process ended while it closed"
        self.end()
        return f"node {self._name} failed to close: {failure}" if failure else ""

    def _tell_cancelled(self) -> None:
        with suppress(OSError):  # it is gone, which the next look tells
            self._channel.send("cancel")

    def _signal(self, number: int) -> None:
        with self._reaping:
            if not self._ended:
                self._kill_group(number)

    def _kill_group(self, number: int) -> None:
        # macOS denies permission to a group of which only the ended leader is left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    @property
    def dead(self) -> bool:
        """Whether the process has ended."""
        with self._reaping:
            if self._ended:
                return True
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _lose(self, what: str, why: object) -> NoReturn:
        """End a process that can't be understood any more, and raise the error for it."""
        self.end()
        said = why if isinstance(why, str) else f"{type(why).__name__}: {why}"
        raise NodeCrashedError(
            what, why=said, fix="run it again; if that is no cure, report it: the fault is Flowra's"
        ) from (why if isinstance(why, Exception) else None)

    def _over(self, node: str, services: RunServices, cancelled: bool) -> None:
        """Raise the error for a process that has ended; never returns."""
        deadline = time.monotonic() + 1.0
        while not self.dead and time.monotonic() < deadline:
            time.sleep(0.005)
        asked = self.stopped
        self._read_output(node, services)
        self.end()
        if cancelled:
            raise NodeCancelledError(f"node {node} was cancelled, and its process ended")
        code = self._process.returncode
        if asked:
            raise NodeCrashedError("its process was stopped", left_with=code)
        tail = _last_words(self._tail)
        if self._home is not None and not self._spoke:
            raise _no_start(self._home, tail or f"its Python left with exit code {code}")
        if code < 0:
            name = _signal_name(-code)
            what = f"its process was ended by {name}"
            fix = (
                "the system does so when memory runs out: state memory in resources, or give it smaller inputs"
                if -code == signal.SIGKILL
                else "look for the fault in the native library that it calls; its last words are in the events"
            )
            raise NodeCrashedError(what, signal=name, why=tail or None, fix=fix)
        raise NodeCrashedError(
            f"its process left with exit code {code}",
            left_with=code,
            why=tail or None,
            fix="return from run instead of ending the process",
        )

    def _read_output(self, node: str, services: RunServices) -> None:
        """Take in what native code and the node's own children have written."""
        try:
            while data := os.read(self._output, 65_536):
                *lines, self._begun = (self._begun + data).split(b"\n")
                for line in lines:
                    text = line.decode(errors="replace").rstrip()
                    self._tail = f"{self._tail}{text}\n"[-_TAIL:]
                    if text:
                        services.log(node, text, "info")
        except BlockingIOError:
            pass

    def _check(self, message: Message) -> None:
        self._spoke = True
        if message.header["protocol"] == PROTOCOL:
            return
        self.end()
        why = f"its Flowra speaks version {message.header['protocol']} of the protocol, this one version {PROTOCOL}"
        if self._home is not None:
            raise _no_start(self._home, why)
        raise PluginError(
            "its process speaks another version of the protocol",
            where=sys.executable,
            why=why,
            fix="Flowra was exchanged while it ran: start this program again",
        )

    def _answer(self, message: Message, node: str) -> Message:
        header = message.header
        if message.kind == "cancelled":
            raise NodeCancelledError(f"node {node} was cancelled")
        if message.kind == "failed":
            raise self._failure(header, node)
        return message

    def _failure(self, header: Mapping[str, Any], node: str) -> NodeFailedError:
        fields = {name: header[name] for name in ("where", "why", "fix", "inputs", "traceback")}
        error = NodeFailedError(header["what"], node=node, type=self._name, **fields)
        if self._home is not None and ["builtins", "ModuleNotFoundError"] in header["classes"]:
            error.fix = f"its environment lacks that; make it anew: {remake_command(self._home.distribution)}"
        if not header["out_of_memory"]:
            error.__cause__ = _raised_there(header["classes"], header["said"])
            return error
        error.__cause__ = NodeMemoryError(header["said"] or "it ran out of memory")
        if self._memory is not None:
            error.why = f"MemoryError: it needs more than the {self._memory:,} bytes of memory that it states"
            error.fix = "state more memory in its resources, or give it smaller inputs"
        return error


def _interpreter(home: Home | None) -> list[str]:
    # "-I": what this process's variables and folder add to the search path is not for another environment.
    return [sys.executable] if home is None else [str(home.python), "-I"]


def _variables_elsewhere() -> dict[str, str]:
    """Return this process's variables without those that belong to its own Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


def _no_start(home: Home, why: str) -> PluginError:
    return PluginError(
        f"the environment of {home.distribution} can't be used",
        where=str(home.python),
        why=why,
        fix=f"make it anew, with this Flowra: {remake_command(home.distribution)}",
    )


def _report(message: Message, node: str, services: RunServices) -> None:
    header = message.header
    if message.kind == "log":
        services.log(node, header["text"], header["level"])
    elif message.kind == "progress":
        services.progress(node, header["done"], header["total"], header["text"])
    else:
        values = unpacked({"value": header["value"]["value"]}, message.data, {"value": Anything()})
        services.preview(node, values["value"], header["title"])


def _last_words(written: str) -> str:
    """Return the lines that say most: of Python's own report of a crash the head, else the last."""
    lines = [line for line in written.splitlines() if line and "isolation/" not in line]
    fatal = next((index for index, line in enumerate(lines) if line.startswith("Fatal Python error")), None)
    if fatal is None:
        return "\n".join(lines[-3:])
    frames = [line.strip() for line in lines[fatal + 1 :] if line.startswith("  File")]
    return "\n".join((lines[fatal], *frames[:2]))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _raised_there(classes: Sequence[tuple[str, str]], said: str) -> BaseException | None:
    """Return an exception that goes by the same class names as the one in the child: its classes may not be here."""
    found: type[BaseException] = BaseException
    for module, name in reversed(classes):
        own = getattr(builtins, name, None) if module == "builtins" else None
        if isinstance(own, type) and issubclass(own, BaseException):
            found = own
        elif module != "builtins":
            found = type(name.rpartition(".")[2], (found,), {"__module__": module, "__qualname__": name})
    if not classes:
        return None
    try:
        return found(said)
    except TypeError:  # a class such as UnicodeDecodeError, which takes more than a message
        made: BaseException = found.__new__(found)
        return made
