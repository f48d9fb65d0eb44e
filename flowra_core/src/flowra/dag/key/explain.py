"""What differs between two keys, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["differences"]

#: Most characters of a value that a sentence holds.
_VALUE_LENGTH = 60


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Say what differs between what two keys were made of.

    Args:
        old: What `ActionKey.preimage` gave, or a record keeps.
        new: The same of the other key.

    Returns:
        A phrase for each part that differs, as in "threshold 0.5 → 0.6"; empty if the keys are the same.
    """
    found = list(_phrases(old, new))
    if not found and not _same(old, new):
        found.append("a part of the key that has no name here; it was made by another version of Flowra")
    return found


def _phrases(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if not _same(old.get("format"), new.get("format")):
        yield f"how Flowra makes keys: {_shown(old.get('format'))} → {_shown(new.get('format'))}"
    for name, label in (("type", "node type"), ("version", "node version")):
        if not _same(old.get(name), new.get(name)):
            yield f"{label} {_text(old.get(name))} → {_text(new.get(name))}"
    code = list(_code(old.get("code", {}), new.get("code", {})))
    yield from code
    if not code and not _same(old.get("ports"), new.get("ports")):
        yield "the names or types of its ports"
    yield from _values(old.get("values", {}), new.get("values", {}))
    for name, before, after in _pairs(old.get("libraries", {}), new.get("libraries", {})):
        yield f"library {name} {_version(before)} → {_version(after)}"
    if not _same(old.get("fingerprint"), new.get("fingerprint")):
        yield f"fingerprint {_shown(old.get('fingerprint'))} → {_shown(new.get('fingerprint'))}"
    for name, before, after in _pairs(old.get("init", {}), new.get("init", {})):
        yield from _argument(f"init {name}", before, after)
    for name, before, after in _pairs(old.get("models", {}), new.get("models", {})):
        yield from _argument(f"model {name}", before, after)
    for name, before, after in _pairs(old.get("inputs", {}), new.get("inputs", {})):
        yield from _argument(name, before, after)


def _code(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if "version" in old and "version" in new:
        if not _same(old, new):
            yield f"code version {old['version']} → {new['version']}"
    elif "version" in new:
        yield f"code: it is now named by its version, {new['version']}"
    elif "version" in old:
        yield f"code: it is no longer named by its version, {old['version']}"
    else:
        yield from _files(old, new)


def _files(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name, before, after in _pairs(old.get("files", {}), new.get("files", {})):
        subject = f"code of {name}" if name.endswith((".py", ".pyc", ".so", ".pyd")) else f"the file {name}"
        yield subject + ("" if before and after else " (new)" if after else " (no longer used)")
    for name, before, after in _pairs(old.get("pieces", {}), new.get("pieces", {})):
        yield f"code: {name}" + ("" if before and after else " (new)" if after else " (no longer used)")


def _values(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name, before, after in _pairs(old, new):
        for phrase in dict.fromkeys(_files(before or {}, after or {})):
            yield f"{phrase}, which handles {name}"


def _argument(name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[str]:
    if old is None or new is None:
        yield f"{name}: it was not there before" if old is None else f"{name}: it is no longer there"
    elif "items" in old and "items" in new and len(old["items"]) == len(new["items"]):
        for index, (before, after) in enumerate(zip(old["items"], new["items"], strict=True)):
            if not _same(before, after):
                yield from _argument(f"{name}[{index}]", before, after)
    elif "value" in old and "value" in new:
        yield f"{name} {_shown(old['value'])} → {_shown(new['value'])}"
    elif _said(old) != _said(new):
        # A value that comes from elsewhere but is the same makes no other key.
        if old.get("digest") != new.get("digest") or "digest" not in old:
            yield f"{name}: {_said(old)} → {_said(new)}"
    elif "from" in old:
        yield f"{name}: other bytes from {old['from']}"
    elif "file" in old or "folder" in old or "model" in old:
        yield f"{name}: {_said(old)} has other contents"
    else:
        yield f"{name}: another value ({_said(old)})"


def _said(argument: Mapping[str, Any]) -> str:
    """Return what an argument is, without its digest."""
    if "value" in argument:
        return _shown(argument["value"])
    if "from" in argument:
        return f"what {argument['from']} gives"
    if "file" in argument:
        return f"the file {argument['file']}"
    if "folder" in argument:
        return f"the folder {argument['folder']}"
    if "model" in argument:
        return f"the model {argument['model']}"
    if "path" in argument:
        return f"the path {argument['path']}"
    if "items" in argument:
        return f"{len(argument['items'])} items"
    return str(argument.get("about", "a value"))


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name of each entry that differs, with what it was and what it is; None where there was or is none."""
    for name in (*new, *(name for name in old if name not in new)):
        before, after = old.get(name), new.get(name)
        if name not in old or name not in new or not _same(before, after):
            yield name, before, after


def _same(old: Any, new: Any) -> bool:
    # As JSON, in which 1, 1.0 and true are three values.
    return json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)


def _version(version: Any) -> str:
    return "(not installed)" if version is None else str(version)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _shown(value)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else f"'{value}'"
    return text if len(text) <= _VALUE_LENGTH else text[: _VALUE_LENGTH - 1] + "…"
