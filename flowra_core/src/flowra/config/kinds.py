"""What values settings can have, and how each is written: in a file, in the environment, on a command line."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

__all__ = [
    "Address",
    "Amounts",
    "Choice",
    "Clusters",
    "Endpoints",
    "Folder",
    "Kind",
    "Names",
    "Size",
    "Truth",
    "Word",
    "bytes_in",
]

_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?i?)B?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_WORD = re.compile(r"[a-z][a-z0-9_-]*")


class Kind(ABC):
    """A kind of values. Each method raises ValueError for what is no such value.

    Args:
        expected: What a value has to be, in words that go on after "give".

    Attributes:
        empty_counts: Whether an empty text is a value. If not, it means that nothing is said, which is how many shells
            and container files write that.
    """

    empty_counts = False

    def __init__(self, expected: str) -> None:
        self.expected = expected

    @abstractmethod
    def of_file(self, value: Any, folder: Path) -> Any:
        """Return what a value means that stands in a settings file in a folder."""

    @abstractmethod
    def of_text(self, text: str) -> Any:
        """Return what a text means that stands in the environment."""

    def for_file(self, text: str, folder: Path) -> Any:
        """Return what a settings file in a folder is to have for a text that was typed."""
        return self.of_text(text)


class Names(Kind):
    """Several texts; separated by commas in the environment."""

    empty_counts = True

    def of_file(self, value: Any, folder: Path) -> tuple[str, ...]:
        """Return the texts of a list."""
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise ValueError
        return tuple(value)

    def of_text(self, text: str) -> tuple[str, ...]:
        """Return the texts between the commas."""
        return tuple(part.strip() for part in text.split(",") if part.strip())

    def for_file(self, text: str, folder: Path) -> list[str]:
        """Return the texts as a list."""
        return list(self.of_text(text))


class Amounts(Kind):
    """How much there is of things, by name; in the environment as in `gpu=1,licence=2`."""

    empty_counts = True

    def of_file(self, value: Any, folder: Path) -> dict[str, float]:
        """Return the amounts in a table."""
        if not isinstance(value, dict) or not all(_is_number(each) for each in value.values()):
            raise ValueError
        return {name: _amount(number) for name, number in value.items()}

    def of_text(self, text: str) -> dict[str, float]:
        """Return the amounts in a text."""
        found = {name: _amount(float(amount)) for name, amount in _pairs(text)}
        if "" in found:
            raise ValueError
        return found


class Clusters(Kind):
    """Tables that each name a class; in the environment as JSON."""

    empty_counts = True

    def of_file(self, value: Any, folder: Path) -> dict[str, dict[str, Any]]:
        """Return the tables."""
        if not isinstance(value, dict) or not all(map(self._is_one, value.values())):
            raise ValueError
        return value

    def of_text(self, text: str) -> dict[str, dict[str, Any]]:
        """Return the tables in a JSON text."""
        import json

        return self.of_file(json.loads(text or "{}"), Path())

    @staticmethod
    def _is_one(value: object) -> bool:
        return isinstance(value, dict) and isinstance(value.get("class"), str) and "." in value["class"]


class Truth(Kind):
    """Whether something is so."""

    def of_file(self, value: Any, folder: Path) -> bool:
        """Return a truth value."""
        if not isinstance(value, bool):
            raise ValueError
        return value

    def of_text(self, text: str) -> bool:
        """Return what a text such as `yes` or `0` says."""
        if (said := text.strip().lower()) not in _TRUE | _FALSE:
            raise ValueError
        return said in _TRUE


class Folder(Kind):
    """A path; a relative one in a file is relative to that file."""

    def of_file(self, value: Any, folder: Path) -> Path:
        """Return the path."""
        return folder / Path(_text(value)).expanduser()

    def of_text(self, text: str) -> Path:
        """Return the path; a relative one is relative to the current folder, whenever it is used."""
        return Path(text).expanduser()

    def for_file(self, text: str, folder: Path) -> str:
        """Return the path, as it is to be written beside that file."""
        return _seen_from(text, folder)


class Address(Kind):
    """A folder, or an address as `s3://bucket/prefix`."""

    empty_counts = True

    def of_file(self, value: Any, folder: Path) -> str:
        """Return the address, or the path as a text."""
        address = _text(value)
        return address if "://" in address else str(folder / Path(address).expanduser())

    def of_text(self, text: str) -> str:
        """Return the text as it is."""
        return text

    def for_file(self, text: str, folder: Path) -> str:
        """Return the address, or the path as it is to be written beside that file."""
        return text if "://" in text else _seen_from(text, folder)


class Word(Kind):
    """One word in small letters."""

    def of_file(self, value: Any, folder: Path) -> str:
        """Return the word."""
        return self.of_text(_text(value))

    def of_text(self, text: str) -> str:
        """Return the word."""
        if not _WORD.fullmatch(text.strip()):
            raise ValueError
        return text.strip()


class Choice(Kind):
    """One of some texts.

    Args:
        *choices: The texts.
    """

    def __init__(self, *choices: str) -> None:
        super().__init__(f"one of {', '.join(choices)}")
        self._choices = choices

    def of_file(self, value: Any, folder: Path) -> str:
        """Return the text."""
        return self.of_text(_text(value))

    def of_text(self, text: str) -> str:
        """Return the text."""
        if text not in self._choices:
            raise ValueError
        return text


class Size(Kind):
    """Bytes, as a number or as in `20 GB`, `1.5GiB`, `500M`."""

    def of_file(self, value: Any, folder: Path) -> int:
        """Return the bytes."""
        return int(_amount(value)) if _is_number(value) else self.of_text(_text(value))

    def of_text(self, text: str) -> int:
        """Return the bytes that a text means."""
        return bytes_in(text)


class Endpoints(Kind):
    """Addresses on the web, by name; in the environment as in `hub=https://hub.example`."""

    def of_file(self, value: Any, folder: Path) -> dict[str, str]:
        """Return the addresses in a table."""
        if not isinstance(value, dict) or not all(
            _WORD.fullmatch(name) and _text(address).startswith(("http://", "https://"))
            for name, address in value.items()
        ):
            raise ValueError
        return dict(value)

    def of_text(self, text: str) -> dict[str, str]:
        """Return the addresses in a text."""
        return self.of_file(dict(_pairs(text)), Path())


def bytes_in(text: str) -> int:
    """Return the bytes that a size means, as `20GB`, `1.5 GiB` or `500M`; raises ValueError for a text that is none."""
    size = _SIZE.fullmatch(text.strip())
    if size is None:
        raise ValueError
    unit = size[2].lower()
    return int(float(size[1]) * (1024 if unit.endswith("i") else 1000) ** _POWERS[unit.removesuffix("i")])


def _seen_from(text: str, folder: Path) -> str:
    """Return a path that was typed relative to a folder if it lies below it, so that a project can be moved."""
    if not text or text.startswith("~"):
        return text
    typed, home = Path.cwd() / text, folder.resolve()
    return str(typed.relative_to(home) if typed.is_relative_to(home) else typed)


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return names and what stands behind them in a text such as `a=1, b=2`."""
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _amount(number: float) -> float:
    if not 0 <= number < float("inf"):
        raise ValueError
    return float(number)
