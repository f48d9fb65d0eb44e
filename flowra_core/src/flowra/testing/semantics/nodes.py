"""The nodes that the conformance suite runs: each does one thing, and writes its name into a ledger when it runs."""

# ruff: noqa: D102, D106  what a node's parts are is said by `Node`

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Annotated, Any

from flowra.dag.context import RunContext
from flowra.dag.node import BaseArgs, Node, Retry
from flowra.dag.outcome import EndBranch
from flowra.testing.semantics.ledger import Ledger, write_line
from flowra.type.component_type import Placeholder

__all__ = [
    "Add",
    "AddIfKnown",
    "Broken",
    "Choose",
    "Draw",
    "Flaky",
    "FlakySlowly",
    "Impatient",
    "Join",
    "Keep",
    "Misnamed",
    "Number",
    "Numbers",
    "Reciprocal",
    "Send",
    "Several",
    "Sleep",
    "SleepAsync",
    "SlowOnce",
    "Sum",
    "SumRows",
    "Table",
    "Until",
    "Warm",
]


class _Value(BaseArgs):
    value: float


class _Values(BaseArgs):
    values: list[float]


class Number(Node):
    """Give a number."""

    class InputArgs(BaseArgs):
        value: float
        ledger: str = ""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        return self.OutputArgs(value=args.value)


class Numbers(Node):
    """Give a list of numbers."""

    class InputArgs(BaseArgs):
        values: list[float]
        ledger: str = ""

    OutputArgs = _Values

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        return self.OutputArgs(values=args.values)


class Table(Node):
    """Give a list of lists of numbers."""

    class InputArgs(BaseArgs):
        rows: list[list[float]]

    class OutputArgs(BaseArgs):
        rows: list[list[float]]

    def run(self, context: RunContext, args: Any) -> Any:
        return self.OutputArgs(rows=args.rows)


class Add(Node):
    """Add two numbers."""

    class InputArgs(BaseArgs):
        a: float
        b: float = 0.0
        ledger: str = ""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        return self.OutputArgs(value=args.a + args.b)


class AddIfKnown(Node):
    """Add two numbers, the second of which is only asked for where the first is not negative."""

    class InputArgs(BaseArgs):
        a: float
        b: Annotated[float, Placeholder(lazy=True, default=0.0)]
        ledger: str = ""

    OutputArgs = _Value

    def needs(self, context: RunContext, args: Any) -> Iterable[str]:
        return ["b"] if args.a >= 0 else []

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        return self.OutputArgs(value=args.a if args.b is None else args.a + args.b)


class Sum(Node):
    """Add up a list."""

    class InputArgs(BaseArgs):
        values: list[float]
        ledger: str = ""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        return self.OutputArgs(value=sum(args.values))


class SumRows(Node):
    """Add up a list of lists."""

    class InputArgs(BaseArgs):
        rows: list[list[float]]

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        return self.OutputArgs(value=sum(map(sum, args.rows)))


class Join(Node):
    """Write numbers one after the other, in the order in which they come."""

    class InputArgs(BaseArgs):
        values: list[float]
        ledger: str = ""

    class OutputArgs(BaseArgs):
        text: str

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        return self.OutputArgs(text=" ".join(f"{value:g}" for value in args.values))


class Reciprocal(Node):
    """Give 1 / value; fails at zero."""

    class InputArgs(BaseArgs):
        value: float
        ledger: str = ""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        return self.OutputArgs(value=1 / args.value)


class Broken(Node):
    """Fail, unless a file is there."""

    class InputArgs(BaseArgs):
        value: float = 0.0
        unless: str = ""
        ledger: str = ""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        if not args.unless or not Ledger(args.unless).lines():
            raise ValueError("no such luck")
        return self.OutputArgs(value=args.value)


class Keep(Node):
    """Give a number on if it is not negative; end the branch if it is."""

    class InputArgs(BaseArgs):
        value: float
        ledger: str = ""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        if args.value < 0:
            return EndBranch("it is negative")
        return self.OutputArgs(value=args.value)


class Choose(Node):
    """Give one of two values; the other is not computed."""

    class InputArgs(BaseArgs):
        condition: bool
        then: Annotated[float, Placeholder(lazy=True)]
        otherwise: Annotated[float, Placeholder(lazy=True, default=0.0)]

    OutputArgs = _Value

    def needs(self, context: RunContext, args: Any) -> Iterable[str]:
        return ["then" if args.condition else "otherwise"]

    def run(self, context: RunContext, args: Any) -> Any:
        return self.OutputArgs(value=args.then if args.condition else args.otherwise)


class Misnamed(Node):
    """Ask for an input that is none of its lazy ones."""

    class InputArgs(BaseArgs):
        then: Annotated[float, Placeholder(lazy=True)]

    OutputArgs = _Value

    def needs(self, context: RunContext, args: Any) -> Iterable[str]:
        return ["them"]

    def run(self, context: RunContext, args: Any) -> Any:
        return self.OutputArgs(value=args.then)


class Flaky(Node):
    """Fail with an error that is worth another try until it has run often enough."""

    retries = Retry(3, on=(ConnectionError,), delay=0.05, factor=2.0, jitter=0.5)

    class InputArgs(BaseArgs):
        value: float = 0.0
        failures: int = 2
        error: str = "ConnectionResetError"
        ledger: str = ""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, f"{context.node_id} {time.monotonic()}")
        tries = sum(line.startswith(f"{context.node_id} ") for line in Ledger(args.ledger).lines())
        if tries <= args.failures:
            raise {"ConnectionResetError": ConnectionResetError, "ValueError": ValueError}[args.error]("try again")
        return self.OutputArgs(value=args.value)


class FlakySlowly(Node):
    """Fail, and be tried again a long time later."""

    retries = Retry(1, on=(ConnectionError,), delay=30.0)

    class InputArgs(BaseArgs):
        ledger: str = ""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        raise ConnectionError("try again")


class Sleep(Node):
    """Wait, in a thread."""

    class InputArgs(BaseArgs):
        seconds: float
        value: float = 0.0
        ledger: str = ""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        deadline = time.monotonic() + args.seconds
        while (left := deadline - time.monotonic()) > 0:
            context.check_cancelled()
            time.sleep(min(left, 0.005))
        return self.OutputArgs(value=args.value)


class SleepAsync(Node):
    """Wait, as a coroutine."""

    class InputArgs(BaseArgs):
        seconds: float
        value: float = 0.0
        ledger: str = ""
        fail: bool = False

    OutputArgs = _Value

    async def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        await asyncio.sleep(args.seconds)
        if args.fail:
            raise ValueError("no such luck")
        return self.OutputArgs(value=args.value)


class Impatient(Sleep):
    """Wait, but not for long."""

    timeout = 0.2


class SlowOnce(Node):
    """Wait very long without looking up at the first try; be quick at the next."""

    timeout = 0.2
    retries = Retry(1, on=(TimeoutError,), delay=0.01)

    class InputArgs(BaseArgs):
        value: float
        ledger: str

    OutputArgs = _Value

    def init(self, context: RunContext, args: Any) -> None:
        """Have one instance, so that the next try would have to wait for the one before."""

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        if Ledger(args.ledger).lines().count(context.node_id) == 1:
            time.sleep(6)
        return self.OutputArgs(value=args.value)


class Until(Node):
    """Work until the run is cancelled."""

    class InputArgs(BaseArgs):
        value: float = 0.0
        ledger: str = ""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            context.check_cancelled()
            time.sleep(0.002)
        raise TimeoutError("nobody cancelled the run")


class Send(Node):
    """Change something outside."""

    effects = True

    class InputArgs(BaseArgs):
        value: float
        ledger: str = ""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        return self.OutputArgs(value=args.value)


class Draw(Node):
    """Give another number each time."""

    deterministic = False

    class InputArgs(BaseArgs):
        ledger: str = ""

    OutputArgs = _Value

    def run(self, context: RunContext, args: Any) -> Any:
        write_line(args.ledger, context.node_id)
        return self.OutputArgs(value=float(time.perf_counter_ns()))


class Warm(Node):
    """Note when it is made ready, run and closed."""

    class InitArgs(BaseArgs):
        model: str = "small"
        ledger: str = ""

    class InputArgs(BaseArgs):
        value: float = 0.0

    OutputArgs = _Value

    def init(self, context: RunContext, args: Any) -> None:
        self.model, self.ledger, self.users = args.model, args.ledger, 0
        write_line(self.ledger, f"init {self.model}")

    def run(self, context: RunContext, args: Any) -> Any:
        self.users += 1
        if self.users > 1:
            raise RuntimeError("two calls use one instance, and it does not say that it is thread-safe")
        time.sleep(0.001)
        self.users -= 1
        write_line(self.ledger, f"run {self.model}")
        return self.OutputArgs(value=args.value)

    def close(self) -> None:
        write_line(self.ledger, f"close {self.model}")


class Several(Node):
    """Double numbers, several at once; negative ones it can't take. Its ledger says how many there were."""

    batch_size = 4

    class InputArgs(BaseArgs):
        value: float
        ledger: str = ""

    OutputArgs = _Value

    def init(self, context: RunContext, args: Any) -> None:
        self.factor = 2.0

    def run_batch(self, context: RunContext, args: list[Any]) -> list[Any]:
        for each in args:
            if each.value < 0:
                raise ValueError(f"can't take {each.value:g}")
        write_line(args[0].ledger, f"{context.node_id.rpartition('/')[2].partition('[')[0]} {len(args)}")
        return [self.OutputArgs(value=self.factor * each.value) for each in args]
