"""Names of files in an archive: which ones are allowed, and which collide on some system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["check_layout", "check_names", "name_problem"]

_MOST_CHARACTERS = 240
#: What Windows keeps for devices, whatever the ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_LAYOUT = re.compile(
    r"manifest\.json|RECORD\.json|LICENSE|README\.md|lock/pylock\.toml"
    r"|signatures/[0-9a-f]{16}\.sig|wheels/[^/]+\.whl|wheels/deps/[^/]+\.whl|nodes/[^/]+\.json"
    r"|(icons|docs|examples|locales)/.+"
)


def name_problem(name: str) -> str | None:
    """Say why a file in an archive can't have a name, or None if it can."""
    if not name or len(name) > _MOST_CHARACTERS:
        return "a name is empty or too long"
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co") for character in name):
        return "a name holds characters that can't be seen"
    if unicodedata.normalize("NFC", name) != name:
        return "a name is not in the composed form of Unicode"
    if name.startswith("/"):
        return "a name is an absolute path"
    for character in '\\:*?"<>|':
        if character in name:
            return f"a name holds {character}"
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return "a name leads out of its folder, or has an empty part"
        if part.endswith((".", " ")) or part.startswith(" ") or _DEVICES.fullmatch(part):
            return "a name means something else on Windows"
    return None


def check_names(names: Iterable[str]) -> str | None:
    """Say which names can't stand in one archive, or None if all can: each by itself, and beside the others."""
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        problem = name_problem(name)
        if problem is not None:
            return f"{problem}: {name!r}"
        folded = _folded(name)
        if folded in seen:
            same = "twice" if seen[folded] == name else f"beside {seen[folded]!r}, the same on some systems"
            return f"{name!r} is there {same}"
        seen[folded] = name
        parts = name.split("/")
        for length in range(1, len(parts)):
            folder = "/".join(parts[:length])
            known = folders.setdefault(_folded(folder), folder)
            if known != folder:
                return f"the folder {folder!r} is there beside {known!r}, the same on some systems"
    for folded, name in seen.items():
        if folded in folders:
            return f"{name!r} is a file and a folder"
    return None


def check_layout(name: str) -> str | None:
    """Say that the format has no place for a name, or None if it has."""
    return None if _LAYOUT.fullmatch(name) else f"nodebin/1 has no place for {name!r}"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())
