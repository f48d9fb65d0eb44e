"""Words for what a pack did wrong, and the commands that mend it."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["describe_error", "disable_command", "error_place", "in_words", "install_command", "mend_for_error"]

_LONGEST_REASON = 300
_OWN_FOLDER = Path(__file__).parent


def describe_error(error: BaseException) -> str:
    """Return `ErrorClass: message` in one line of bounded length, whatever the error's own `__str__` does."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - a pack's own exception class may fail to print itself
        text = "(the error's own message can't be printed)"
    if len(text) > _LONGEST_REASON:
        text = text[:_LONGEST_REASON] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def error_place(error: BaseException) -> str:
    """Return `file:line` of the place that an error comes from, or an empty string if there is none.

    Frames of Python's import machinery are passed over: the place is in code that somebody can mend.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if not frame.filename.startswith("<") and path.parent != _OWN_FOLDER and path.parent.name != "importlib":
            return f"{frame.filename}:{frame.lineno}"
    return ""


def install_command(distribution: str, *options: str) -> str:
    """Return the command that installs a distribution."""
    return " ".join(["python -m pip install", *options, distribution])


def disable_command(name: str) -> str:
    """Return the setting of the environment that leaves a pack, or a distribution's packs, out."""
    return f"FLOWRA_DISABLE_PACKS={name}"


def mend_for_error(error: BaseException, *, pack_id: str, module: str, distribution: str, editable: bool) -> str:
    """Say what to do about an error that a pack's code raised while it was imported or asked for contributions."""
    own = module.partition(".")[0]
    missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    place = error_place(error)
    ways: list[str] = []
    if missing and missing != own:
        ways.append(
            f"install what provides {missing} (`{install_command(distribution, '--force-reinstall')}` brings"
            " what the pack declares)"
        )
    elif editable:
        ways.append(f"mend {place}" if place else f"mend {module}")
    else:
        ways.append(f"`{install_command(distribution, '--upgrade', '--force-reinstall')}`")
    return "; or ".join([*ways, f"leave the pack out with {disable_command(pack_id)}"])


def in_words(names: Sequence[str]) -> str:
    """Return names as `a`, `a and b`, or `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
