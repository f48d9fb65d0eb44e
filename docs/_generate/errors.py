"""The errors and exit codes, from `flowra.exceptions`."""

from __future__ import annotations

from collections.abc import Iterator

from _generate.markdown import code, docstring, table
from flowra import exceptions
from flowra.exceptions import FlowraError

__all__ = ["exit_codes", "hierarchy"]

#: What no error class and no docstring says.
_NAMED_HERE = {
    1: "a check found something (`flowra pack doctor`, `flowra project sync --check`), or an internal error",
    5: "some items of a batch failed, and the others have their results (`flowra run --batch`)",
    141: "whoever read the output has left (`flowra node list | head -1`)",
}


def hierarchy() -> str:
    """Return the tree of the classes, and a table that says what each means."""
    rows = [(code(cls.__name__), code(cls.exit_code), docstring(cls).summary) for cls in _classes()]
    tree = "\n".join(_tree(FlowraError, "", ""))
    return f"```text\n{tree}\n```\n\n" + table(("class", "exit code", "what it means"), rows)


def _tree(cls: type[FlowraError], first: str, rest: str) -> Iterator[str]:
    yield first + cls.__name__
    below = [each for each in _classes() if _base(each) is cls]
    for each in below:
        last = each is below[-1]
        yield from _tree(each, rest + ("└── " if last else "├── "), rest + ("    " if last else "│   "))


def exit_codes() -> str:
    """Return the table of exit codes."""
    from flowra.cli.main import main

    by_code: dict[int, list[str]] = {}
    for cls in _classes():
        by_code.setdefault(cls.exit_code, []).append(cls.__name__)
    said = (docstring(main).text.partition(": ")[2]).partition(".")[0]
    meanings = {int(part.split()[0]): part.partition(" ")[2] for part in said.split(", ")}
    rows = [
        (code(number), meaning, ", ".join(map(code, by_code.get(number, []))))
        for number, meaning in sorted({**meanings, **_NAMED_HERE}.items())
    ]
    return table(("exit code", "meaning", "errors"), rows)


def _classes() -> list[type[FlowraError]]:
    found = [getattr(exceptions, name) for name in exceptions.__all__]
    errors = [cls for cls in found if isinstance(cls, type) and issubclass(cls, FlowraError)]
    return sorted(errors, key=lambda cls: (cls.exit_code, len(cls.__mro__)))


def _base(cls: type[FlowraError]) -> type | None:
    public = set(_classes())
    return next((base for base in cls.__mro__[1:] if base in public), None)
