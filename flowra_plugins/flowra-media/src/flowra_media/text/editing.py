"""Templates, and replacing with and without patterns."""

from __future__ import annotations

import json
import re
from typing import Any

from flowra_media.errors import MediaError, MediaLimitError
from flowra_media.text.paths import MISSING, pick

__all__ = ["fill", "replace", "split"]

#: What may come out of filling, joining or replacing, in characters.
MOST_CHARACTERS = 100_000_000
_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def fill(template: str, values: Any) -> str:
    """Return a template with values in its places: `{name}`, `{objects[0].score}`; `{{` and `}}` are braces.

    Texts stand as they are, everything else as JSON. A place is a path into the data and nothing else: no attribute of
    an object can be reached, and nothing is executed.

    Raises:
        MediaError: There is no value for a place, or a brace stands alone.
        MediaLimitError: The result would be longer than 100 million characters.
    """
    size = len(template)

    def put(found: re.Match[str]) -> str:
        nonlocal size
        whole = found[0]
        if whole in ("{{", "}}"):
            return whole[0]
        if found[1] is None:
            raise MediaError(
                f"a {whole} stands alone in the template, at character {found.start():,}", fix=f"double it: {whole * 2}"
            )
        value = pick(values, found[1])
        if value is MISSING:
            raise MediaError(f"there is no value for {whole}", fix="give it, or double the braces to have them as text")
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        size += len(text)
        _check_size(size)
        return text

    return _PLACE.sub(put, template)


def split(text: str, separator: str, most: int, *, strip: bool) -> list[str]:
    """Return the parts between separators; without one the lines.

    Args:
        text: Any text.
        separator: What stands between the parts; empty splits lines.
        most: The most parts that are allowed.
        strip: Take white space from both ends of each part, and leave out what is empty then.

    Raises:
        MediaLimitError: There are more parts.
    """
    # One more than is allowed, so that too many are noticed without all of them being made.
    parts = text.split(separator or "\n", most)
    if not separator and parts and parts[-1] == "":
        parts.pop()
    if len(parts) > most:
        raise MediaLimitError(
            f"the text has more than {most:,} parts", fix="raise max_parts, or choose another separator"
        )
    return [part for part in (each.strip() for each in parts) if part] if strip else parts


def replace(
    text: str, pattern: str, replacement: str, *, is_regex: bool, ignore_case: bool, timeout: float
) -> tuple[str, int]:
    """Return a text with what a pattern finds replaced, and how often that was.

    Args:
        text: Any text.
        pattern: A text, or a regular expression as Python has them.
        replacement: What stands there instead; for a regular expression a template of Python's, with groups by number
            or name.
        is_regex: Whether it is one.
        ignore_case: Whether small and capital letters are the same.
        timeout: Seconds that searching may take: some patterns take for ever on some texts.

    Raises:
        MediaError: The pattern or the replacement is wrong.
        MediaLimitError: It takes longer, or the result would be longer than 100 million characters.
    """
    import regex

    if not pattern:
        raise MediaError("the pattern is empty", fix="write what is to be found")
    try:
        compiled = regex.compile(pattern if is_regex else regex.escape(pattern), regex.IGNORECASE if ignore_case else 0)
        size = len(text)

        def put(found: Any) -> str:
            nonlocal size
            new: str = found.expand(replacement) if is_regex else replacement
            size += len(new) - len(found[0])
            _check_size(size)
            return new

        found: tuple[str, int] = compiled.subn(put, text, timeout=timeout)
    except TimeoutError:
        raise MediaLimitError(
            f"searching for {pattern!r} takes longer than {timeout:g} s",
            why="patterns with repetitions inside repetitions try every way to divide a text",
            fix="make the pattern simpler, or raise timeout",
        ) from None
    except (regex.error, IndexError) as error:
        raise MediaError(f"the pattern {pattern!r} or its replacement can't be used", why=str(error)) from error
    return found


def _check_size(size: int) -> None:
    if size > MOST_CHARACTERS:
        raise MediaLimitError(f"the text would be longer than {MOST_CHARACTERS:,} characters")
