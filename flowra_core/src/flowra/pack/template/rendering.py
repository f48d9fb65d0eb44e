"""Renders a template with answers. cookiecutter does the work; a template may be made of layers.

A template of layers has no `{{ cookiecutter.… }}` folder itself. Its `cookiecutter.json` lists folders, relative to
itself, that have one; they are rendered one over the other:

```json
"_layers": [
  "../layers/base",
  {"folder": "../layers/github", "when": {"ci": "github"}},
  {"folder": "../layers/group", "each": {"group": "groups"}}
]
```

`when` renders a layer only for these answers; `each` once for each part of an answer with commas, as a variable.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flowra.exceptions import PluginError, UsageError
from flowra.pack.template.source import Template

__all__ = ["check_cookiecutter", "files_of", "render"]

#: What is the disk's failure, and not the template's.
_DISK_FAILS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


def check_cookiecutter() -> None:
    """Raise UsageError where cookiecutter is not installed."""
    from importlib.util import find_spec

    if find_spec("cookiecutter") is None:
        raise UsageError("templates need cookiecutter, which is not installed", fix="pip install flowra-templates")


def render(template: Template, answers: Mapping[str, Any], into: Path) -> Path:
    """Render a template, and run its hooks where it has some.

    Args:
        template: The template. Its code runs: whoever calls this has settled that it may.
        answers: The value of each variable.
        into: An empty folder.

    Returns:
        The folder that was made, inside `into`.

    Raises:
        PluginError: The template has a mistake, or one of its hooks failed.
    """
    from cookiecutter.generate import generate_files

    made: set[Path] = set()
    for folder, variables in _layers(template, answers):
        try:
            root = generate_files(folder, {"cookiecutter": variables}, str(into), overwrite_if_exists=True)
        except Exception as error:  # what a template computes may raise anything
            if isinstance(error, OSError) and error.errno in _DISK_FAILS:
                raise UsageError("the pack can't be written", where=str(into.parent), why=error.strerror) from error
            raise PluginError(
                f"the template {template.name} failed",
                where=str(folder),
                why=f"{type(error).__name__}: {error}",
                fix="correct the template; nothing was written",
            ) from error
        made.add(Path(root))
    if len(made) != 1:
        raise PluginError(
            f"the template {template.name} makes {len(made)} folders, not one", where=str(template.folder)
        )
    return made.pop()


def files_of(root: Path) -> dict[str, bytes]:
    """Return the files below a folder by their path with `/`."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts
    }


def _layers(template: Template, answers: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    listed = answers.get("_layers")
    if listed is None:
        yield str(template.folder), dict(answers)
        return
    for layer in listed if isinstance(listed, list) else [listed]:
        if isinstance(layer, str):
            layer = {"folder": layer}  # noqa: PLW2901
        folder = layer.get("folder") if isinstance(layer, dict) else None
        if not isinstance(folder, str) or not (template.folder / folder).is_dir():
            raise PluginError(
                f"the template {template.name} lists a layer that is not there",
                where=str(template.folder),
                why=f"it is {layer!r}",
            )
        if any(answers.get(name) != value for name, value in layer.get("when", {}).items()):
            continue
        place = str((template.folder / folder).resolve())
        each = layer.get("each", {})
        if not each:
            yield place, dict(answers)
        for variable, source in each.items():
            for part in str(answers.get(source, "")).split(","):
                yield place, {**answers, variable: part.strip()}
