"""Every error that Flowra raises on purpose.

```
FlowraError
├── UsageError                   a command, a setting or an argument is off            exit 2
│   └── ConfigError              a settings file or variable can't be used
├── PluginError                  a pack can't be found, loaded or trusted              exit 3
├── NodeDefinitionError          a node or argument class has mistakes (at class creation)
├── GraphError                   a graph can't be read, checked or planned             exit 3
│   └── GraphInvalidError        … with every problem found, each with its place
├── RunError                     something went wrong while a graph ran                exit 4
│   ├── NodeFailedError          a node failed: node, pack, frame, inputs
│   │   └── NodeLostError        … since its worker was lost, and it is not run again
│   └── NodeCrashedError         a node's own process ended: signal or exit code
│       └── NodeMemoryError      … or it needs more memory than it states
├── ClusterError                 a cluster can't be reached or used, or is lost        exit 4
├── StoreError                   a store can't be opened, read or written              exit 4
│   ├── StoreUnavailableError    … since its service doesn't answer as it should, now
│   └── StoreDeniedError         … since its service doesn't let us, whenever we ask
├── ModelError                   a model can't be had from its hub, or used            exit 4
│   ├── ModelNotFoundError       … since there is no such model, revision or file
│   ├── ModelDeniedError         … since its hub doesn't let us
│   ├── ModelUnavailableError    … since its hub doesn't answer as it should, now
│   ├── ModelOfflineError        … since it would have to be fetched, and Flowra is offline
│   └── ModelDamagedError        … since its bytes are not what they should be
└── RunCancelledError            the run was interrupted                               exit 130
```

An error answers four questions: *what* happened, *where* (pack, node, port, file), *why*, and how to
*fix* it. `str(error)` is the whole message, at most `MESSAGE_LINES` lines of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

__all__ = [
    "MESSAGE_LINES",
    "ClusterError",
    "ConfigError",
    "FlowraError",
    "GraphError",
    "GraphInvalidError",
    "ModelDamagedError",
    "ModelDeniedError",
    "ModelError",
    "ModelNotFoundError",
    "ModelOfflineError",
    "ModelUnavailableError",
    "NodeCrashedError",
    "NodeDefinitionError",
    "NodeFailedError",
    "NodeLostError",
    "NodeMemoryError",
    "PluginError",
    "Problem",
    "RunCancelledError",
    "RunError",
    "StoreDeniedError",
    "StoreError",
    "StoreUnavailableError",
    "UsageError",
    "printable",
]

#: The most lines that an error prints; whatever lies beyond is counted, and reachable with `-v` or `--json`.
MESSAGE_LINES = 15
#: The most lines that one of where, why, inputs and fix takes of them.
FIELD_LINES = 4
#: The most characters of a line; what somebody's library says may be megabytes without a line break.
LINE_LENGTH = 400
#: What would move the cursor or could not be written as UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str, limit: int = LINE_LENGTH) -> str:
    """Return a text as one line that a terminal shows as it is: cut, and with control characters escaped."""
    if len(text) > limit:
        text = f"{text[: limit - 1]}…"
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class FlowraError(Exception):
    """Base of every error that Flowra raises on purpose.

    Args:
        what: What happened, as one sentence without a full stop.
        where: The object it happened to: a pack, node, port, file and line.
        why: The reason, as far as it is known.
        fix: What the reader can do about it; a command where one exists.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str | None = None, why: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions with keyword-only arguments don't survive pickling (a worker sends them home) by themselves.
        return (_rebuild, (type(self), self.args, self.__dict__.copy()))

    def lines(self, *, whole: bool = False) -> list[str]:
        """Return the message line by line: what, where, why, fix.

        Args:
            whole: Leave nothing out, however long it gets.
        """
        labelled = (("where", self.where), ("why", self.why), ("fix", self.fix))
        return [
            _row(self.what, whole=whole),
            *(line for label, text in labelled if text for line in _labelled(label, text, whole=whole)),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the error as plain data, for `--json` and journals."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "where": self.where,
            "why": self.why,
            "fix": self.fix,
        }


def _row(text: str, *, whole: bool) -> str:
    return printable(text, len(text) if whole else LINE_LENGTH)


def _labelled(label: str, text: str, *, whole: bool) -> list[str]:
    first, *rest = [_row(line, whole=whole) for line in text.splitlines()] or [""]
    if len(rest) > FIELD_LINES - 1 and not whole:
        hidden = len(rest) - (FIELD_LINES - 2)
        rest = [*rest[: FIELD_LINES - 2], f"… {hidden} more lines (-v shows all)"]
    return [f"  {label + ':':<7} {first}", *(f"          {line}" for line in rest)]


def _rebuild(cls: type[FlowraError], args: tuple[Any, ...], state: dict[str, Any]) -> FlowraError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(FlowraError):
    """A command line, a setting or an argument that can't be used as it is."""

    exit_code = 2


class ConfigError(UsageError):
    """A settings file or an environment variable that can't be used."""


class PluginError(FlowraError):
    """A pack that can't be found, loaded or used."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, with its place.

    Attributes:
        place: Where it is: `nodes.resize.inputs.width`, `Threshold.InputArgs.image`.
        reason: What is wrong there, in words.
        fix: What to do about it, if that is known.
        line: The line of the file (from 1), where there is a file.
    """

    place: str
    reason: str
    fix: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}, {self.place}" if self.line is not None else self.place
        return f"{where}: {self.reason}" + (f" ({self.fix})" if self.fix else "")

    def to_json(self) -> dict[str, Any]:
        """Return the problem as plain data."""
        return asdict(self)


class _ProblemsError(FlowraError):
    """An error that carries every problem found, and shows as many as fit."""

    def __init__(
        self, what: str, problems: Iterable[Problem], *, where: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.problems: Sequence[Problem] = tuple(problems)

    def lines(self, *, whole: bool = False) -> list[str]:
        """Return the message line by line, with as many problems as `MESSAGE_LINES` leaves room for."""
        head, *tail = super().lines(whole=whole)
        room = len(self.problems) if whole else MESSAGE_LINES - 1 - len(tail)
        shown = list(self.problems) if len(self.problems) <= room else list(self.problems[: room - 1])
        rows = [f"  {_row(str(problem), whole=whole)}" for problem in shown]
        hidden = len(self.problems) - len(shown)
        if hidden:
            rows.append(f"  … and {hidden} more")
        return [head, *rows, *tail]

    def to_json(self) -> dict[str, Any]:
        """Return the error as plain data, with every problem."""
        return {**super().to_json(), "problems": [problem.to_json() for problem in self.problems]}


class NodeDefinitionError(_ProblemsError):
    """A node or argument class with mistakes: raised when the class is made, with all of them."""

    exit_code = 3


class GraphError(FlowraError):
    """A graph that can't be read, checked or planned."""

    exit_code = 3


class GraphInvalidError(_ProblemsError, GraphError):
    """A graph with mistakes: every one that was found, each with its place."""

    exit_code = 3


class RunError(FlowraError):
    """Something that went wrong while a graph ran."""

    exit_code = 4


class NodeFailedError(RunError):
    """A node that failed.

    Args:
        what: What happened.
        node: The node's id in the graph.
        type: The node's type id, `pack/Node`.
        where: Pack, node and the user's own frame.
        why: The node's own error, `ErrorClass: message`.
        fix: What to do about it.
        inputs: A one-line summary of each input, by port.
        traceback: The node's traceback without Flowra's own frames, for `-v`.
    """

    def __init__(
        self,
        what: str,
        *,
        node: str,
        type: str,
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
        inputs: dict[str, str] | None = None,
        traceback: str = "",
    ) -> None:
        super().__init__(what, where=where, why=why, fix=fix)
        self.node = node
        self.type = type
        self.inputs = dict(inputs or {})
        self.traceback = traceback
        #: The worker of a cluster that ran it; empty for this process.
        self.worker = ""
        #: The command that runs the node again with the same inputs; empty where a run keeps none.
        self.replay = ""

    def lines(self, *, whole: bool = False) -> list[str]:
        """Return the message line by line: what, where, why, the inputs that fit, fix, and how to debug it."""
        labelled = (("where", self.where), ("why", self.why))
        head = [
            _row(self.what, whole=whole),
            *(row for label, text in labelled if text for row in _labelled(label, text, whole=whole)),
        ]
        tail = _labelled("fix", self.fix, whole=whole) if self.fix else []
        tail += _labelled("debug", self.replay, whole=whole) if self.replay else []
        rows = [f"{port} = {printable(summary)}" for port, summary in self.inputs.items()]
        room = len(rows) if whole else min(FIELD_LINES, MESSAGE_LINES - len(head) - len(tail))
        if len(rows) > room > 0:
            rows = [*rows[: room - 1], f"… and {len(rows) - room + 1} more"]
        inputs = _labelled("inputs", "\n".join(rows), whole=whole) if rows and room > 0 else []
        return [*head, *inputs, *tail]

    def to_json(self) -> dict[str, Any]:
        """Return the error as plain data, inputs and traceback included."""
        return {
            **super().to_json(),
            "node": self.node,
            "type": self.type,
            "inputs": self.inputs,
            "traceback": self.traceback,
        }


class NodeCrashedError(RunError):
    """The process of a node that has one of its own ended while it ran. `retries` may name it.

    Args:
        what: What happened.
        signal: The signal that ended it, as `SIGSEGV`; None if it left by itself.
        left_with: The exit code that it left with; None if a signal ended it.
        why: What it wrote last.
        fix: What to do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        signal: str | None = None,
        left_with: int | None = None,
        why: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(what, why=why, fix=fix)
        self.signal = signal
        self.left_with = None if signal else left_with


class NodeMemoryError(NodeCrashedError, MemoryError):
    """A node in a process of its own needs more memory than it states in `resources`. `retries` may name it."""


class NodeLostError(NodeFailedError):
    """A node whose worker was lost, and that is not run again: it has effects, or each worker that ran it was lost."""


class ClusterError(FlowraError):
    """A cluster that can't be reached, can't run the graph, or is lost."""

    exit_code = 4


class StoreError(FlowraError):
    """A store that can't be opened, or that can't keep or read a value; what it holds stays sound."""

    exit_code = 4


class StoreUnavailableError(StoreError):
    """A store whose service can't be reached, is overloaded or broke a transfer off: another attempt may succeed."""


class StoreDeniedError(StoreError):
    """A store whose service refuses: wrong or no credentials, no permission, no such bucket."""


class ModelError(FlowraError):
    """A model that can't be had from its hub, or can't be used."""

    exit_code = 4


class ModelNotFoundError(ModelError):
    """A model, a revision of one, or a file in it that its hub does not have."""


class ModelDeniedError(ModelError):
    """A model that its hub doesn't give to us: it is private, or the token is wrong."""


class ModelUnavailableError(ModelError):
    """A hub that can't be reached, is overloaded or broke a transfer off: another attempt may succeed."""


class ModelOfflineError(ModelError):
    """A model that would have to be fetched while Flowra is told to stay offline."""


class ModelDamagedError(ModelError):
    """A model whose bytes are not those that its hub lists, or not those that were fetched."""


class RunCancelledError(FlowraError):
    """The run was interrupted before it ended."""

    exit_code = 130
