"""The process that imports a pack to look at it: run as a module, with the pack's folder; it prints JSON."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import json
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowra.exceptions import FlowraError, NodeDefinitionError
from flowra.pack.manifest_sync import manifest_changes, manifest_of
from flowra.pack.project import PackProject
from flowra.plugin.contributions import NodeEntry
from flowra.plugin.inspection import ask_hooks, import_quietly
from flowra.plugin.loading import load_target
from flowra.plugin.manifest import MANIFEST_NAME
from flowra.plugin.mending import describe_error

__all__ = ["look"]


class _Survey:
    def __init__(self, project: PackProject) -> None:
        self.project = project
        self.problems: list[dict[str, Any]] = []
        self.nodes: list[dict[str, Any]] = []
        self.counts: dict[str, int] = {}
        self.manifest = False

    def add(self, file: Path | str, line: int | None, reason: str, fix: str = "") -> None:
        self.problems.append({"file": str(file), "line": line, "reason": reason, "fix": fix})

    def add_error(self, error: BaseException, file: Path | str, what: str = "") -> None:
        """Add what code of the pack raised, at the place in the pack that it comes from."""
        cause = error.__cause__ if isinstance(error, FlowraError) and error.__cause__ is not None else error
        place = _place_in(cause, self.project.package_dir)
        reason = cause.what if isinstance(cause, FlowraError) else describe_error(cause)
        if isinstance(cause, FlowraError) and cause.why:
            reason = f"{reason}: {cause.why}"
        where, line = place if place is not None else (file, None)
        self.add(where, line, f"{what}: {reason}" if what else reason, getattr(cause, "fix", None) or "")

    # ---- the steps

    def modules(self) -> bool:
        """Look at each module as a text, and return whether the entry-point module can be read."""
        fine = True
        for path in sorted(self.project.package_dir.rglob("*.py")):
            if "{{" in str(path):  # a template's file, which is no Python before it is rendered
                continue
            try:
                ast.parse(path.read_bytes())
            except (SyntaxError, ValueError) as error:
                self.add(path, getattr(error, "lineno", None), f"this is no Python: {getattr(error, 'msg', error)}")
                fine = fine and path != self._file_of(self.project.module)
        return fine

    def contributions(self) -> None:
        """Ask the hooks, and load what they name."""
        file = self._file_of(self.project.module)
        try:
            found = ask_hooks(import_quietly(self.project.module), self.project.pack)
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever the pack's code does is a finding
            self.add_error(error, file)
            return
        if not found:
            self.add(file, None, "it contributes nothing", "flowra project add-node NAME --group GROUP  makes a node")
        self.counts = {kind: len(entries) for kind, entries in found.items() if kind != "nodes"}
        lines = _lines_with(file, [entry.target for entry in found.get("nodes", ()) if isinstance(entry, NodeEntry)])
        for kind, entries in found.items():
            for entry in entries:
                for name in ("target", "handler", "type", "apply"):
                    target = getattr(entry, name, None)
                    if isinstance(target, str) and not isinstance(entry, NodeEntry):
                        self._load(target, file, _lines_with(file, [target]).get(target), kind)
        for entry in found.get("nodes", ()):
            if isinstance(entry, NodeEntry):
                self._node(entry, file, lines.get(entry.target))

    def manifest_file(self) -> None:
        """Compare the manifest with the code; only of a pack whose code is fine."""
        path = self.project.package_dir / MANIFEST_NAME
        try:
            changes = manifest_changes(path, manifest_of(self.project))
        except (Exception, SystemExit) as error:  # noqa: BLE001  as above
            self.add_error(error, path)
            return
        self.manifest = not changes
        for change in changes:
            self.add(path, None, f"the manifest is not what the code says: {change}", "flowra project sync")

    def examples(self) -> None:
        """Check the example graphs against the pack and the installed ones."""
        from flowra.dag.catalog import NodeCatalog
        from flowra.dag.graph import read_graph_file
        from flowra.dag.graph.locator import lines_of
        from flowra.dag.graph.places import parse_place
        from flowra.dag.plan.checks import check
        from flowra.pack.edit.layout import is_graph

        for path in sorted((self.project.root / "examples").rglob("*.json")):
            if not is_graph(path.read_text(encoding="utf-8", errors="replace")):
                continue
            reading = read_graph_file(path)
            problems = list(reading.problems)
            if not problems:
                problems = check(reading.graph, NodeCatalog())
            places = [parse_place(problem.place) for problem in problems]
            lines = lines_of(reading.text, [each for each in places if each]) if reading.text is not None else {}
            for problem, place in zip(problems, places, strict=True):
                line = problem.line or next(reversed(lines.get(place, [])), None)
                self.add(path, line, f"{problem.place}: {problem.reason}", problem.fix or "")

    # ---- parts

    def _node(self, entry: NodeEntry, file: Path, line: int | None) -> None:
        from flowra.dag.node import Node

        module, _, class_name = entry.target.partition(":")
        where, place = self._file_of(module), None
        if where.is_file():
            place = _line_of_class(where, class_name)
        version, summary = 0, entry.summary
        loaded = self._load(entry.target, file, line, "nodes")
        if loaded is not None and not (isinstance(loaded, type) and issubclass(loaded, Node)):
            self.add(where, place, f"{class_name} is no Node class", "derive it from flowra.dag.node.Node")
        elif loaded is not None:
            loaded.__flowra_type__ = f"{self.project.pack}/{entry.name}"
            try:
                description = loaded.describe(entry.group)
                version, summary = description.version, summary or description.summary
            except Exception as error:  # noqa: BLE001  as above
                self.add_error(error, where, class_name)
            else:
                if not description.summary:
                    self.add(where, place, f"{class_name} has no docstring", "say in its first line what it does")
        self.nodes.append(
            {
                "name": entry.name,
                "type": f"{self.project.pack}/{entry.name}",
                "group": entry.group,
                "summary": summary,
                "version": version,
                "file": where.relative_to(self.project.root).as_posix() if where.is_file() else "",
                "line": place,
            }
        )

    def _load(self, target: str, file: Path, line: int | None, kind: str) -> Any:
        module = target.partition(":")[0]
        where = self._file_of(module)
        try:
            return load_target(target, None)
        except Exception as error:  # noqa: BLE001  as above
            if isinstance(error.__cause__, NodeDefinitionError):
                self._definitions(module, where)
            elif error.__cause__ is None:
                reason = getattr(error, "why", None) or str(error)
                self.add(file, line, f"{kind}: {target} is not there: {reason}")
            elif isinstance(error.__cause__, ModuleNotFoundError) and not where.is_file():
                self.add(file, line, f"{kind}: {target} is not there: {describe_error(error.__cause__)}")
            else:
                self.add_error(error.__cause__, where)
            return None

    def _definitions(self, module: str, path: Path) -> None:
        """Find the mistakes of all classes of a module: each that has some is left out, and the module run again."""
        tree = ast.parse(path.read_bytes())
        while True:
            spec = importlib.util.spec_from_file_location(module, path)
            assert spec is not None
            made = importlib.util.module_from_spec(spec)
            sys.modules[module] = made
            try:
                exec(compile(tree, str(path), "exec"), made.__dict__)  # noqa: S102  the pack's own module, in this process of its own
            except NodeDefinitionError as error:
                broken = self._explained(error, path, tree)
                if broken is None:
                    break
                tree.body.remove(broken)
            except (Exception, SystemExit):  # noqa: BLE001  what lacks the class that was left out
                break
            else:
                break
        sys.modules.pop(module, None)

    def _explained(self, error: NodeDefinitionError, path: Path, tree: ast.Module) -> ast.stmt | None:
        broken: ast.stmt | None = None
        for problem in error.problems:
            parts = problem.place.split(".")
            line, holder = None, tree.body
            for part in parts:
                found = _named(holder, part)
                if found is None:
                    continue
                line = found.lineno
                if isinstance(found, ast.ClassDef):
                    broken = broken or found
                    holder = found.body
            self.add(path, line, f"{problem.place}: {problem.reason}", problem.fix or "")
        return broken

    def _file_of(self, module: str) -> Path:
        base = self.project.source.joinpath(*module.split("."))
        return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def look(root: Path) -> dict[str, Any]:
    """Return what there is in a pack, and what is wrong with it."""
    survey = _Survey(PackProject.find(root))
    if survey.modules():
        survey.contributions()
    if not survey.problems:
        survey.manifest_file()
        survey.examples()
    return {
        "nodes": survey.nodes,
        "contributions": survey.counts,
        "manifest": survey.manifest,
        "problems": survey.problems,
    }


def _named(body: list[ast.stmt], name: str) -> ast.stmt | None:
    for each in body:
        if isinstance(each, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and each.name == name:
            return each
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.target.id == name:
            return each
        if isinstance(each, ast.Assign) and any(isinstance(at, ast.Name) and at.id == name for at in each.targets):
            return each
    return None


def _line_of_class(path: Path, name: str) -> int | None:
    with contextlib.suppress(SyntaxError, ValueError):
        found = _named(ast.parse(path.read_bytes()).body, name)
        return found.lineno if found is not None else None
    return None


def _lines_with(path: Path, texts: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for text in texts:
                if text in line:
                    found.setdefault(text, number)
    return found


def _place_in(error: BaseException, package: Path) -> tuple[str, int | None] | None:
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    frames = list(_frames(error))
    inside = [frame for frame in frames if Path(frame[0]).is_relative_to(package)]
    return inside[-1] if inside else None


def _frames(error: BaseException) -> Iterator[tuple[str, int | None]]:
    for frame in traceback.extract_tb(error.__traceback__):
        yield frame.filename, frame.lineno


def main() -> None:
    """Look at the pack in the folder that is named, and print what was found as one line of JSON."""
    answers, sys.stdout = sys.stdout, io.StringIO()
    found = look(Path(sys.argv[1]))
    # What stands in for stdout is all that Python itself would flush in the end.
    print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
