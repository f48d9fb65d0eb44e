"""What a pack keeps of the template it was made from, so that a later one can be brought in, without a network.

`.flowra-template.json` holds where the template came from, the answers, and the files as the template made them. The
last is what a merge compares with: the template of that time need not be anywhere any more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowra.exceptions import UsageError

__all__ = ["STATE_NAME", "TemplateState", "as_made"]

STATE_NAME = ".flowra-template.json"
_FORMAT = "flowra-template/1"


@dataclass(frozen=True)
class TemplateState:
    """What is known of the template.

    Attributes:
        origin: Where it came from, see `Template.origin`.
        answers: The answers to its variables.
        files: Each file as the template made it: its text, or for one that is no text `sha256:…`.
    """

    origin: Mapping[str, str]
    answers: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """Return the state as its file holds it."""
        data = {
            "format": _FORMAT,
            "template": dict(self.origin),
            "answers": dict(self.answers),
            "files": dict(sorted(self.files.items())),
        }
        return json.dumps(data, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def read(cls, root: Path) -> TemplateState:
        """Read the state of a pack.

        Raises:
            UsageError: The pack was made without a template, or its state can't be read.
        """
        path = root / STATE_NAME
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != _FORMAT:
                raise ValueError(f"its format is {data['format']!r}, not {_FORMAT!r}")  # noqa: TRY301
            return cls(dict(data["template"]), dict(data["answers"]), dict(data["files"]))
        except FileNotFoundError:
            raise UsageError(
                "the pack does not know its template",
                where=str(path),
                why="it was not made by flowra create, or the file was removed",
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                "what the pack keeps of its template can't be read", where=str(path), why=str(error)
            ) from error


def as_made(content: bytes) -> str:
    """Return what is kept of a file: its text, or the digest of one that is no text."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return f"sha256:{hashlib.sha256(content).hexdigest()}"
    return text if "\0" not in text else f"sha256:{hashlib.sha256(content).hexdigest()}"
