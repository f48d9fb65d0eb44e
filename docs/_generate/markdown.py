"""Markdown out of docstrings (Google style) and rows."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Docstring", "code", "docstring", "one_line", "table"]

_SECTION = re.compile(r"(Args|Attributes|Returns|Yields|Raises|Example):")
#: Code that may be broken in a narrow column, which names may not: see `site.css`.
_LONG_CODE = re.compile(r"`([^`]{23,})`")
_ITEM = re.compile(r"(?P<names>\*{0,2}\w[\w., *]*): (?P<text>.*)")


@dataclass
class Docstring:
    """A docstring in its parts.

    Attributes:
        text: What stands before the sections.
        items: Name to text, by section: `Args`, `Attributes`, `Raises`.
        prose: The text of the other sections: `Returns`, `Example`.
    """

    text: str = ""
    items: dict[str, dict[str, str]] = field(default_factory=dict)
    prose: dict[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The first paragraph, on one line."""
        return one_line(self.text.partition("\n\n")[0])

    @property
    def rest(self) -> str:
        """What follows the first paragraph."""
        return self.text.partition("\n\n")[2]

    def about(self, name: str) -> str:
        """Return what is said of an argument or attribute, or nothing."""
        return self.items.get("Args", {}).get(name) or self.items.get("Attributes", {}).get(name, "")


def docstring(thing: Any) -> Docstring:
    """Take the docstring of a class or function apart; what it inherits is not its own."""
    raw = thing if isinstance(thing, str) else (getattr(thing, "__doc__", None) or "")
    found = Docstring()
    section, lines = "", []
    for line in [*inspect.cleandoc(raw).splitlines(), "end:"]:
        heading = _SECTION.fullmatch(line)
        if heading or line == "end:":
            _put(found, section, lines)
            section, lines = heading[1] if heading else "", []
        else:
            lines.append(line)
    return found


def _put(found: Docstring, section: str, lines: list[str]) -> None:
    text = inspect.cleandoc("\n".join(["", *lines]))
    if not section:
        found.text = text
    elif section in ("Returns", "Yields", "Example"):
        found.prose[section] = text
    else:
        found.items[section] = _items(text)


def _items(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    names: list[str] = []
    for line in text.splitlines():
        item = None if line.startswith(" ") else _ITEM.fullmatch(line)
        if item:
            names = [name.strip() for name in item["names"].split(",")]
            found.update(dict.fromkeys(names, item["text"]))
        else:
            for name in names:
                found[name] = f"{found[name]} {line.strip()}".rstrip()
    return found


def one_line(text: str) -> str:
    """Return a text with its line breaks taken out."""
    return " ".join(text.split())


def code(text: object) -> str:
    """Return a text as inline code."""
    plain = str(text)
    fence = "``" if "`" in plain else "`"
    return f"{fence}{plain}{fence}" if plain else ""


def table(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; columns that are empty throughout are left out."""
    cells = [[_cell(str(cell)) for cell in row] for row in rows]
    kept = [column for column in range(len(heading)) if any(row[column] for row in cells)]
    lines = [[heading[column] for column in kept], ["---"] * len(kept), *([row[at] for at in kept] for row in cells)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return _LONG_CODE.sub(r"`\1`{.long}", text.replace("|", "\\|").replace("\n", " "))
