"""The README and the documentation do what they say: their blocks are run as a reader would run them.

Each page is read from top to bottom in a folder of its own that has the repository's `examples/` and a virtual
environment `.venv` with Flowra in it; a page under `docs/zh/` is read like any other.

- A `python` block is run; the blocks of a page share their names, as in one interpreter session.
- A `console` block is run in bash, command by command (the lines with `$`, and those that continue one with `>`). A
  command succeeds, unless the next one is `echo $?`, which shows its exit code.
- What stands below a command, or in an `output` block right after a `python` block, is what it prints. `…` stands
  for anything in a line, and alone on a line for any number of lines. A `python` block that raises prints the last
  part of the traceback.
- `fixtures.doc_blocks` says how blocks are marked that are files, or that can't be run here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.doc_blocks import ROOT, Block, blocks_of, pages
from fixtures.wheelhouse import make_wheelhouse

SECONDS = 120
_END_OF_COMMAND = "\x1e"

#: Reads blocks as lines of JSON and answers each with what it printed and whether it raised.
_INTERPRETER = """
import contextlib, io, json, linecache, os, sys, traceback
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
sys.path.insert(0, "")
import types
sys.modules["__main__"] = names = types.ModuleType("__main__")
for number, line in enumerate(sys.stdin):
    block = json.loads(line)
    file = f"<block at {block['place']}>"
    linecache.cache[file] = (len(block["text"]), None, block["text"].splitlines(keepends=True), file)
    printed, raised = io.StringIO(), False
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            exec(compile(block["text"], file, "exec"), names.__dict__)
        except BaseException as error:
            raised = True
            printed.write("".join(traceback.format_exception_only(error)))
    answers.write(json.dumps({"printed": printed.getvalue(), "raised": raised}) + "\\n")
    answers.flush()
"""


class Reader:
    """Someone who follows a page: a folder, an environment, an interpreter that stays open."""

    def __init__(self, folder: Path, environment: Path, wheelhouse: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "examples", folder / "examples")
        (folder / ".venv").symlink_to(environment)
        self.variables = {
            **os.environ,
            "PATH": os.pathsep.join([str(environment / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "COLUMNS": "100",
            "NO_COLOR": "1",
            # What one page leaves in the cache, and among the runs, is not there for the next.
            "FLOWRA_CACHE_DIR": str(folder / "flowra-cache"),
            "FLOWRA_STORE": str(folder / "flowra-cache" / "store"),
            # Nothing is fetched: what a reader's pip would fetch is in the environment already.
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheelhouse),
            "UV_NO_INDEX": "1",
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": str(wheelhouse),
            "UV_CACHE_DIR": str(wheelhouse.parent / "uv-cache"),
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        self._python: subprocess.Popen[str] | None = None

    def save(self, block: Block) -> None:
        path = self.folder / block.said
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def run_python(self, block: Block, expected: str | None) -> None:
        if self._python is None:
            self._python = subprocess.Popen(
                [str(self.folder / ".venv" / "bin" / "python"), "-W", "error", "-c", _INTERPRETER],
                cwd=self.folder,
                env=self.variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        self._python.stdin.write(json.dumps({"text": block.text, "place": block.place}) + "\n")
        self._python.stdin.flush()
        answer = json.loads(self._python.stdout.readline())
        if expected is not None:
            _compare(block.place, "the block", expected, answer["printed"])
        else:
            assert not answer["raised"], f"{block.place} raised:\n{answer['printed']}"

    def run_console(self, block: Block) -> None:
        commands = _commands(block)
        script = "".join(
            f"{command}\n__code=$?; printf '{_END_OF_COMMAND}%d{_END_OF_COMMAND}' $__code; (exit $__code)\n"
            for command, _ in commands
        )
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        parts = done.stdout.split(_END_OF_COMMAND)
        assert len(parts) >= 2 * len(commands), f"{block.place}: bash ended early:\n{done.stdout}"
        for number, (command, expected) in enumerate(commands):
            printed, code = parts[2 * number], parts[2 * number + 1]
            if expected:
                _compare(block.place, f"`{command}`", expected, printed)
            shown = number + 1 < len(commands) and commands[number + 1][0] == "echo $?"
            assert code == "0" or shown, f"{block.place}: `{command}` exits with {code}:\n{printed}"

    def close(self) -> None:
        if self._python is not None:
            self._python.communicate(timeout=SECONDS)


def _commands(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with what it is said to print."""
    commands: list[tuple[str, str]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], ""))
        elif commands and line.startswith("> ") and not commands[-1][1]:
            commands[-1] = (f"{commands[-1][0]}\n{line[2:]}", "")
        else:
            assert commands, f"{block.place}: a console block begins with a command: $ …"
            commands[-1] = (commands[-1][0], f"{commands[-1][1]}{line}\n")
    return commands


def _compare(place: str, what: str, expected: str, printed: str) -> None:
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == "…" else ".*".join(map(re.escape, line.rstrip().split("…"))) + r" *\n"
        for line in expected.rstrip().splitlines()
    )
    text = "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())
    assert re.fullmatch(pattern, text), f"{place}: {what} prints\n\n{text}\nand not\n\n{expected}"


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with pip that sees what this one has installed: what README's first line makes."""
    folder = tmp_path_factory.mktemp("reader") / "venv"
    venv.EnvBuilder(with_pip=True, symlinks=True).create(folder)
    python = folder / "bin" / "python"
    inside = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # addsitedir reads the .pth files of editable installs as well.
    ours = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    lines = [f"import site; site.addsitedir({path!r})\n" for path in ours]
    (Path(inside) / "the-checkouts-own.pth").write_text("".join(lines), encoding="utf-8")
    command = folder / "bin" / "flowra"
    command.write_text(f"#!{python}\nfrom flowra.cli.main import main\n\nmain()\n", encoding="utf-8")
    command.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader's pip and uv would fetch."""
    return make_wheelhouse(tmp_path_factory.mktemp("wheels") / "house", ["hatchling"])


@pytest.fixture
def reader(tmp_path: Path, environment: Path, wheelhouse: Path) -> Iterator[Reader]:
    folder = tmp_path / "flowra"
    folder.mkdir()
    installed = _installed(environment)
    reader = Reader(folder, environment, wheelhouse)
    yield reader
    reader.close()
    for path in _installed(environment) - installed:  # by this page, for no other one
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _installed(environment: Path) -> set[Path]:
    return {path for folder in (environment / "lib").glob("*/site-packages") for path in folder.iterdir()}


def _runs(block: Block) -> bool:
    return block.language in ("python", "console") and not block.marker


@pytest.mark.skipif(sys.platform == "win32", reason="the pages show a POSIX shell")
@pytest.mark.parametrize(
    "page", [page for page in pages() if any(map(_runs, blocks_of(page)))], ids=lambda page: str(page.relative_to(ROOT))
)
def test_a_page_does_what_it_says(page: Path, reader: Reader) -> None:
    blocks = blocks_of(page)
    for number, block in enumerate(blocks):
        follows = blocks[number + 1] if number + 1 < len(blocks) else None
        if block.marker == "file":
            reader.save(block)
        elif _runs(block) and block.language == "console":
            reader.run_console(block)
        elif _runs(block):
            reader.run_python(block, follows.text if follows and follows.language == "output" else None)
