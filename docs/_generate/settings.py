"""The settings, from `flowra.config`."""

from __future__ import annotations

from dataclasses import fields

from _generate.markdown import code, docstring, table
from flowra.config.settings import SETTINGS, Settings

__all__ = ["settings"]

_DEFAULTS = {
    "packs_disabled": "[]",
    "output_dir": '"flowra-output"',
    "uploads": '"auto"',
    "resources": "{}",
    "trusted_keys": "[]",
    "clusters": "{}",
    "sync_packs": "false",
    "result_key": "none",
    "result_signers": "[]",
    "model_hub": '"modelscope"',
    "model_limit": "0",
    "hub_endpoints": "{}",
    "offline": "false",
}
_FOLDERS = {"data_dir": "the user's data folder", "model_dir": "none", "model_mirror": "none"}


def settings() -> str:
    """Return the table of settings, each with its variable."""
    about = docstring(Settings)
    rows = [
        (
            code(field.name),
            code(SETTINGS[field.name].variable),
            code(_DEFAULTS.get(field.name, "")) or _FOLDERS.get(field.name, "the user's cache folder"),
            about.about(field.name),
        )
        for field in fields(Settings)
    ]
    return table(("setting", "variable", "default", "meaning"), rows)
