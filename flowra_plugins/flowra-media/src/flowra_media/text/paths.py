"""Paths into JSON data: `objects[0].box`, `objects[*].name`, `["a key.with dots"]`."""

from __future__ import annotations

import json
import re
from typing import Any

from flowra.type.value.base import short
from flowra_media.errors import MediaError

__all__ = ["MISSING", "pick", "steps_of"]

#: Stands for a part that is not there.
MISSING: Any = object()
_STEP = re.compile(r'\.?(?P<key>[^.\[\]"]+)|\[(?P<index>-?\d{1,9})\]|\[(?P<all>\*)\]|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]')
_EVERY: Any = object()


def steps_of(path: str) -> list[Any]:
    """Return the keys and indices that a path names; raises `MediaError` where it can't be read.

    `name` and `.name` are keys, `["any text"]` as well, `[2]` and `[-1]` items, `[*]` every item.
    """
    steps: list[Any] = []
    place = 0
    while place < len(path):
        found = _STEP.match(path, place)
        if found is None or (found["key"] is not None and place and path[place] != "."):
            raise MediaError(
                f"the path {path!r} can't be read from character {place} on",
                fix='write keys with dots and items in brackets: objects[0].box, ["a.b"][-1], objects[*].name',
            )
        if found["key"] is not None:
            steps.append(found["key"])
        elif found["quoted"] is not None:
            steps.append(json.loads(found["quoted"]))
        else:
            steps.append(_EVERY if found["all"] else int(found["index"]))
        place = found.end()
    return steps


def pick(data: Any, path: str) -> Any:
    """Return the part of some data that a path names; the whole for an empty path.

    Returns:
        The part; a list of parts where the path says `[*]`, without the items that lack it; `MISSING` for none.

    Raises:
        MediaError: The path can't be read, or leads into what has no parts of that kind.
    """
    return _follow(data, steps_of(path), path, 0)


def _follow(data: Any, steps: list[Any], path: str, done: int) -> Any:
    for number in range(done, len(steps)):
        step = steps[number]
        if step is _EVERY:
            if not isinstance(data, list):
                raise _misled(path, steps, number, "a list", data)
            parts = (_follow(item, steps, path, number + 1) for item in data)
            return [part for part in parts if part is not MISSING]
        if isinstance(step, int):
            if not isinstance(data, list):
                raise _misled(path, steps, number, "a list", data)
            if not -len(data) <= step < len(data):
                return MISSING
            data = data[step]
        else:
            if not isinstance(data, dict):
                raise _misled(path, steps, number, "an object", data)
            if step not in data:
                return MISSING
            data = data[step]
    return data


def _misled(path: str, steps: list[Any], number: int, wanted: str, data: Any) -> MediaError:
    step = "[*]" if steps[number] is _EVERY else repr(steps[number])
    return MediaError(
        f"the path {path!r} leads nowhere at {step}", why=f"there is {short(data)}, where {wanted} is meant"
    )
