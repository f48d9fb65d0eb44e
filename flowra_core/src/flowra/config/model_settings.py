"""The settings of models: what their values may be, in a file and in the environment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flowra.exceptions import ConfigError, printable

__all__ = ["MODEL_SETTINGS", "bytes_in", "model_value_in_file", "model_value_in_text"]

#: The settings that this module reads, with what a value has to be.
MODEL_SETTINGS = {
    "model_hub": 'the name of a hub, as in "modelscope"',
    "model_dir": "the path of a folder, in quotes",
    "model_mirror": "the path of a folder, in quotes",
    "model_limit": 'a size, as in "20 GB"; 0 for none',
    "hub_endpoints": 'a table of addresses, as in { modelscope = "https://…" }',
    "offline": "true or false",
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?i?)B?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_HUB = re.compile(r"[a-z][a-z0-9_-]*")
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})


def model_value_in_file(name: str, value: Any, path: Path, *, of_project: bool) -> Any:
    """Return what a value in a settings file means; raises ConfigError for one that it can't have.

    Args:
        name: One of `MODEL_SETTINGS`.
        value: What the file says.
        path: The file; a relative folder is relative to it.
        of_project: Whether it is a project's, which can't say where tokens are sent.
    """
    where = str(path)
    if name == "hub_endpoints":
        if not isinstance(value, dict) or not all(map(_is_endpoint, value.items())):
            raise _wrong(name, value, where)
        if of_project:
            raise ConfigError(
                "a project can't say where models come from",
                where=where,
                why="your tokens are sent there",
                fix="write hub_endpoints into your own settings file, or into FLOWRA_HUB_ENDPOINTS",
            )
        return dict(value)
    if name == "offline":
        if not isinstance(value, bool):
            raise _wrong(name, value, where)
        return value
    if name == "model_limit" and isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return int(value)
    if not isinstance(value, str) or not value:
        raise _wrong(name, value, where)
    if name in ("model_dir", "model_mirror"):
        return path.parent / Path(value).expanduser()
    return model_value_in_text(name, value, where)


def model_value_in_text(name: str, text: str, where: str) -> Any:
    """Return what a text means, as the environment and the command line give it; raises ConfigError likewise."""
    text = text.strip()
    if name == "offline":
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
    elif name == "model_limit":
        if (size := bytes_in(text)) is not None:
            return size
    elif name == "hub_endpoints":
        pairs = [tuple(each.strip().partition("=")[::2]) for each in text.split(",") if each.strip()]
        if all(map(_is_endpoint, pairs)):
            return {hub: address for hub, address in pairs}  # noqa: C416  tuples of two, which no checker can see
    elif name == "model_hub":
        if _HUB.fullmatch(text):
            return text
    else:
        return Path(text).expanduser()
    raise _wrong(name, text, where)


def bytes_in(text: str) -> int | None:
    """Return the bytes that a size means, as `20GB`, `1.5 GiB` or `500M`; None for a text that is no size."""
    size = _SIZE.fullmatch(text.strip())
    if size is None:
        return None
    unit = size[2].lower()
    return int(float(size[1]) * (1024 if unit.endswith("i") else 1000) ** _POWERS[unit.removesuffix("i")])


def _is_endpoint(pair: Any) -> bool:
    hub, address = pair
    return (
        isinstance(hub, str)
        and bool(_HUB.fullmatch(hub))
        and isinstance(address, str)
        and address.startswith(("http://", "https://"))
    )


def _wrong(name: str, value: object, where: str) -> ConfigError:
    return ConfigError(
        f"the setting {name} has a value it can't have",
        where=where,
        why=f"it is {printable(repr(value), 80)}",
        fix=f"give {MODEL_SETTINGS[name]}",
    )
