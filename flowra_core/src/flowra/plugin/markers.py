"""The two pluggy markers: `hookspec` for Flowra's hooks, `hookimpl` for the functions of a pack that answer them."""

from __future__ import annotations

from pluggy import HookimplMarker, HookspecMarker

__all__ = ["PROJECT", "hookimpl", "hookspec"]

#: The project name under which pluggy keeps Flowra's markers apart from those of other programs.
PROJECT = "flowra"

hookspec = HookspecMarker(PROJECT)
hookimpl = HookimplMarker(PROJECT)
