"""Layered settings: defaults, the user's file, the project's file, the environment."""

from __future__ import annotations

from flowra.config.settings import Settings, load_settings

__all__ = ["Settings", "load_settings"]
