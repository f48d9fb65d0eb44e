"""A template's variables: what is asked for, what is answered, and which answers can be used."""

from __future__ import annotations

import json
import keyword
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from flowra.exceptions import PluginError, UsageError
from flowra.plugin.contribution_base import NAME_PATTERN
from flowra.plugin.discovery import RESERVED_PACK_IDS
from flowra.plugin.nearest import did_you_mean

__all__ = ["Ask", "answers", "public", "reason_against_identifier", "reason_against_line", "visible_variables"]

_LONGEST_LINE = 90
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


class Ask(Protocol):
    """Asks a person for the value of a variable."""

    def __call__(self, name: str, prompt: str, default: str, choices: Sequence[str], /) -> str:
        """Return the answer; `choices` is empty where any text will do."""


def answers(folder: Path, given: Mapping[str, str], ask: Ask | None = None) -> dict[str, Any]:
    """Answer every variable of a template.

    Args:
        folder: The folder of the template.
        given: Answers that are known.
        ask: Asks for each of the others; None takes the template's own defaults.

    Returns:
        The value of each variable, the private ones (`_…`) too, in the template's order.

    Raises:
        UsageError: An answer is not for a variable of the template, or can't be one.
        PluginError: The template's description is off.
    """
    from cookiecutter.prompt import render_variable
    from cookiecutter.utils import create_env_with_context
    from jinja2 import TemplateError

    variables = read_description(folder)
    prompts = variables.pop("__prompts__", {})
    _refuse_unknown(given, variables)
    found: dict[str, Any] = {}
    try:
        environment = create_env_with_context({"cookiecutter": variables})
        for name, raw in variables.items():
            if name.startswith("_") and not name.startswith("__"):
                found[name] = raw
                continue
            default = render_variable(environment, raw, found)
            if name.startswith("__") or isinstance(default, dict):
                found[name] = default
                continue
            prompt = prompts.get(name) if isinstance(prompts, dict) else None
            found[name] = _answer(name, default, given.get(name), ask, prompt if isinstance(prompt, str) else name)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise PluginError(
            "the template's variables can't be used", where=str(folder), why=f"{type(error).__name__}: {error}"
        ) from error
    return found


def public(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers that a person gave or could have given."""
    return {name: value for name, value in values.items() if not name.startswith("_")}


def visible_variables(folder: Path) -> list[str]:
    """Return the names of the variables that a person answers."""
    return list(public(read_description(folder)))


def read_description(folder: Path) -> dict[str, Any]:
    """Return what the template's `cookiecutter.json` says."""
    from flowra.pack.template.source import DESCRIPTION

    path = folder / DESCRIPTION
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise TypeError("it is no JSON object")  # noqa: TRY301
    except (OSError, ValueError, TypeError) as error:
        raise PluginError("the template's description can't be read", where=str(path), why=str(error)) from error
    return data


def reason_against_identifier(name: str) -> str | None:
    """Say why a name can't be that of a Python module or class, or return None where it can."""
    if not name.isidentifier() or not name.isascii():
        return "it is no identifier: letters, digits and '_', no digit first"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "it is a word of Python's own"
    return None


def _answer(name: str, default: Any, given: str | None, ask: Ask | None, prompt: str) -> Any:
    choices = [str(each) for each in default] if isinstance(default, list) else []
    usual = choices[0] if choices else "yes" if default is True else "no" if default is False else str(default)
    if isinstance(default, bool):
        choices = ["yes", "no"] if default else ["no", "yes"]
    asking = ask if given is None else None
    said = given if given is not None else asking(name, prompt, usual, choices) if asking is not None else usual
    while (reason := _reason_against(name, said.strip(), choices)) is not None:
        if asking is None:
            raise UsageError(f"{name} can't be {said!r}", why=reason, fix=f"choose another: --set {name}=…")
        said = asking(name, f"Not {said!r}: {reason}\n{prompt}", usual, choices)
    said = said.strip()
    return said == "yes" if isinstance(default, bool) else said


def _reason_against(name: str, said: str, choices: Sequence[str]) -> str | None:
    if choices:
        return None if said in choices else f"it is one of {', '.join(choices)}{did_you_mean(said, choices)}"
    return _CHECKS[name](said) if name in _CHECKS else None


def _refuse_unknown(given: Mapping[str, str], variables: Mapping[str, Any]) -> None:
    known = list(public(variables))
    for name in given:
        if name not in known:
            raise UsageError(
                f"the template has no variable {name!r}{did_you_mean(name, known)}",
                why=f"it has {', '.join(known)}" if known else "it has none",
            )


def _against_distribution(text: str) -> str | None:
    if not _DISTRIBUTION.fullmatch(text):
        return "names of distributions are letters, digits, '-', '_' and '.', and begin and end with a letter or digit"
    return None


def _against_pack(text: str) -> str | None:
    if not NAME_PATTERN.fullmatch(text):
        return "ids of packs are letters, digits, '_' and '-', no digit first"
    return "it is reserved" if text in RESERVED_PACK_IDS else None


def _against_package(text: str) -> str | None:
    if text == "flowra" or text in sys.stdlib_module_names:
        return "there is a package of that name already, which it would hide"
    return reason_against_identifier(text)


def _against_scheme(text: str) -> str | None:
    if not _SCHEME.fullmatch(text):
        return "schemes are small letters, digits, '+', '-' and '.', and begin with a letter"
    return "addresses of folders have it" if text == "file" else None


def _against_groups(text: str) -> str | None:
    groups = [group.strip() for group in text.split(",")]
    for group in groups:
        reason = reason_against_identifier(group)
        if reason is not None or group != group.lower():
            return f"{group!r}: {reason or 'groups are in lower case'}"
    return "a group is named twice" if len(set(groups)) < len(groups) else None


def reason_against_line(text: str) -> str | None:
    """Say why a text can't be a line of `pyproject.toml` and of docstrings, or return None where it can."""
    if not text:
        return "it is empty"
    if len(text) > _LONGEST_LINE:
        return f"it is longer than {_LONGEST_LINE} characters"
    if any(letter in '"\\' or not letter.isprintable() for letter in text):
        return "it stands in pyproject.toml and in docstrings: no quotes, backslashes or control characters"
    return None


#: What variables of these names, in any template, have to be.
_CHECKS = {
    "name": _against_distribution,
    "pack": _against_pack,
    "package": _against_package,
    "groups": _against_groups,
    "scheme": _against_scheme,
    "description": reason_against_line,
    "author": reason_against_line,
}
