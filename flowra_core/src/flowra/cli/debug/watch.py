"""`flowra debug … --watch`: runs again when a file changes, in a process of its own each time.

A new process is what really runs the code that was saved: modules that are reloaded leave old classes and functions
behind. What did not change is found among the results of the run before, so only the rest is computed again. Files are
looked at a few times a second; that works on every file system and needs nothing to be installed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import click

from flowra.exceptions import FlowraError
from flowra.pack.manifest_sync import remove_doubtful_byte_code

__all__ = ["watch", "watched_files"]

#: Seconds between two looks at the files.
INTERVAL = 0.25
#: Seconds in which a save that consists of several writes is over.
SETTLING = 0.1

#: What is known of a file: when it was changed, and its size.
Stamps = dict[Path, tuple[int, int]]


def watch(target: str, command_line: Sequence[str], values: Sequence[str], *, is_graph: bool) -> int:
    """Run a node or graph again and again, until the person ends it with Ctrl-C.

    Args:
        target: The node type or the graph's file.
        command_line: The arguments of `flowra debug run` for one run.
        values: `NAME=VALUE` of inputs and settings; those that name files are watched.
        is_graph: Whether the target is a graph.

    Returns:
        The exit code: 0, since ending it is how it ends.
    """
    note = Path(tempfile.mkdtemp(prefix="flowra-watch-")) / "run"
    before = ""
    try:
        while True:
            stamps = _stamps(watched_files(target, values, is_graph=is_graph))
            for package in {path.parent for path in stamps if path.suffix == ".py"}:
                remove_doubtful_byte_code(package)
            command = [sys.executable, "-m", "flowra.cli.main", "debug", "run", *command_line, "--note", str(note)]
            subprocess.run([*command, *(["--against", before] if before else [])], check=False)  # noqa: S603
            before = _noted(note) or before
            click.echo(click.style(f"\nwatching {len(stamps)} files; Ctrl-C ends it", dim=True))
            changed = _wait_for_change(stamps, lambda: watched_files(target, values, is_graph=is_graph))
            click.echo(click.style(f"\n── {time.strftime('%H:%M:%S')} changed: {', '.join(changed)}", bold=True))
    except KeyboardInterrupt:
        click.echo("")
        return 0
    finally:
        note.unlink(missing_ok=True)
        note.parent.rmdir()


def watched_files(target: str, values: Sequence[str], *, is_graph: bool) -> list[Path]:
    """Return the files that a run depends on: the code of the packs, the graph, and files given as inputs."""
    found: dict[Path, None] = {}
    types = {target}
    if is_graph:
        found[Path(target)] = None
        types, literals = _of_graph(Path(target))
        found.update(dict.fromkeys(literals))
    for text in values:
        path = Path(text.partition("=")[2])
        if path.is_file():
            found[path] = None
    found.update(dict.fromkeys(_code_of(types)))
    return list(found)


def _of_graph(path: Path) -> tuple[set[str], list[Path]]:
    """Return the node types of a graph file, and the files that its literals name; nothing of a file that is off."""
    from flowra.dag.graph import read_graph_file

    try:
        graph = read_graph_file(path).graph
    except FlowraError:
        return set(), []
    graphs = [graph, *graph.subgraphs.values()]
    types = {node.type for each in graphs for node in each.nodes.values()}
    texts = [value for each in graphs for node in each.nodes.values() for value in node.inputs.values()]
    texts += [declared.default for declared in graph.inputs.values()]
    files = [
        path.parent / text for text in texts if isinstance(text, str) and 0 < len(text) < 1000 and "\0" not in text
    ]
    return types, [file for file in files if file.is_file()]


def _code_of(types: set[str]) -> Iterator[Path]:
    from flowra.plugin.manager import default_manager

    packs = {type_id.partition("/")[0] for type_id in types}
    for pack in default_manager().packs:
        if pack.id not in packs:
            continue
        spec = find_spec(pack.module.partition(".")[0])
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            yield from sorted(Path(folder).rglob("*.py"))


def _stamps(files: Sequence[Path]) -> Stamps:
    stamps: Stamps = {}
    for file in files:
        try:
            found = file.stat()
        except OSError:
            continue  # removed since: that is a change, and seen as one
        stamps[file] = (found.st_mtime_ns, found.st_size)
    return stamps


def _wait_for_change(before: Stamps, files: Callable[[], list[Path]]) -> list[str]:
    while True:
        now = _stamps(files())
        if now != before:
            time.sleep(SETTLING)
            now = _stamps(files())
            changed = [path for path in {**before, **now} if before.get(path) != now.get(path)]
            if changed:
                return sorted(path.name for path in changed)
        time.sleep(INTERVAL)


def _noted(note: Path) -> str:
    try:
        return note.read_text(encoding="utf-8")
    except OSError:
        return ""  # it did not come to a run: a mistake in the code or the graph, which was said
