"""Ask a pack's entry-point module what it contributes, and check the answers."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import itertools
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

import pluggy

from flowra.exceptions import PluginError
from flowra.plugin import hookspecs
from flowra.plugin.contribution_base import Contribution
from flowra.plugin.contributions import KINDS, check_unique
from flowra.plugin.markers import PROJECT
from flowra.plugin.mending import describe_error, error_place
from flowra.plugin.nearest import did_you_mean

__all__ = ["ask_hooks", "import_quietly"]

_PREFIX = f"{PROJECT}_"
_HOOKS = {f"{_PREFIX}{kind}": kind for kind in KINDS}
#: A hook that yields more than this never ends, as far as anybody can tell.
_MOST_CONTRIBUTIONS = 10_000


_lock = threading.Lock()
#: Where stdout was before the first of the threads whose turn it is, once for each of them.
_redirected: list[TextIO] = []


@contextlib.contextmanager
def _printing_to_stderr() -> Iterator[None]:
    """Do as `contextlib.redirect_stdout` does, for threads whose turns overlap: the last that ends puts stdout back."""
    with _lock:
        _redirected.append(_redirected[0] if _redirected else sys.stdout)
        sys.stdout = sys.stderr
    try:
        yield
    finally:
        with _lock:
            before = _redirected.pop()
            if not _redirected:
                sys.stdout = before


def import_quietly(module: str) -> Any:
    """Import a pack's module; what it prints goes to stderr, so that it can't spoil what a command prints."""
    with _printing_to_stderr():
        return importlib.import_module(module)


def ask_hooks(plugin: object, pack_id: str) -> Mapping[str, tuple[Contribution, ...]]:
    """Return what the hooks of `plugin` contribute, by kind.

    Args:
        plugin: The entry-point module, or any object with functions marked by `hookimpl`.
        pack_id: The pack's id, for messages.

    Raises:
        PluginError: If it answers hooks that don't exist or the wrong way, returns anything but contributions of the
            hook's kind, or contributes one name twice.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    _check_unmarked(plugin, manager)
    try:
        manager.register(plugin, name=pack_id)
    except pluggy.PluginValidationError as error:
        raise PluginError("a hook has the wrong form", why=" ".join(str(error).split())) from error
    contributions: dict[str, tuple[Contribution, ...]] = {}
    for caller in manager.get_hookcallers(plugin) or ():
        if caller.name not in _HOOKS:
            raise _unknown_hook(caller.name)
        if any(impl.hookwrapper or impl.wrapper for impl in caller.get_hookimpls()):
            raise PluginError(
                f"{caller.name} is a wrapper", why="each pack's hooks are called by themselves", fix="drop wrapper"
            )
        found = _call(caller)
        if found:
            contributions[_HOOKS[caller.name]] = found
    for entries in contributions.values():
        check_unique(entries)
    return contributions


def _check_unmarked(plugin: object, manager: pluggy.PluginManager) -> None:
    """Refuse functions that are named like hooks and lack the marker: pluggy would never call them."""
    home = getattr(plugin, "__name__", None)
    for name, member in getattr(plugin, "__dict__", {}).items():
        if not name.startswith(_PREFIX) or not inspect.isfunction(member) or member.__module__ != home:
            continue
        if manager.parse_hookimpl_opts(plugin, name) is None:
            if name not in _HOOKS:
                raise _unknown_hook(name)
            raise PluginError(
                f"{name} lacks its marker",
                why="only functions marked with @hookimpl are called",
                fix=f"put @hookimpl (from flowra.plugin) above {name}",
            )


def _unknown_hook(name: str) -> PluginError:
    return PluginError(
        f"unknown hook {name}{did_you_mean(name, _HOOKS)}",
        why=f"the hooks are {', '.join(_HOOKS)}",
        fix="correct the function's name",
    )


def _call(caller: pluggy.HookCaller) -> tuple[Contribution, ...]:
    """Call one hook of the one plugin that is registered, and return its checked answer."""
    expected = KINDS[_HOOKS[caller.name]]
    try:
        with _printing_to_stderr():
            answers = caller()
            answer = answers[0] if answers else None
            found = None
            if isinstance(answer, Iterable) and not isinstance(answer, (str, bytes, Mapping)):
                found = tuple(itertools.islice(answer, _MOST_CONTRIBUTIONS + 1))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a pack does, SystemExit too, is the pack's own error
        place = error_place(error)
        why = describe_error(error) + (f" at {place}" if place else "")
        raise PluginError(f"{caller.name} failed", why=why) from error
    if found is None:
        if inspect.iscoroutine(answer):
            answer.close()
        raise _junk(caller.name, f"returned {_kind_of(answer)}", expected)
    if len(found) > _MOST_CONTRIBUTIONS:
        raise PluginError(f"{caller.name} returned more than {_MOST_CONTRIBUTIONS} contributions")
    for position, contribution in enumerate(found):
        if type(contribution) is not expected:
            raise _junk(caller.name, f"returned {_kind_of(contribution)} at position {position}", expected)
    return found


def _kind_of(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _junk(hook: str, did: str, expected: type[Contribution]) -> PluginError:
    return PluginError(
        f"{hook} {did}",
        why=f"it has to return an iterable of {expected.__name__}",
        fix=f"see the example in flowra.plugin.hookspecs.{hook}",
    )
