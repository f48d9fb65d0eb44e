"""Make the pictures of the README and the pages: a run as a terminal shows it, and what came of two.

Run it when the display or the workflow changes, in an environment with Flowra, flowra-image, flowra-yolo and pyte (a
terminal that draws nothing)::

    uv run --with pyte python docs/images/make.py
"""

from __future__ import annotations

import io
import os
import pty
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyte
from PIL import Image
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
EXAMPLE = HERE.parent.parent / "examples"
COLUMNS, ROWS = 100, 60


def main() -> None:
    """Run the workflow on a terminal of our own, and draw the screen it leaves."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(EXAMPLE, Path(folder) / "examples")
        command = [shutil.which("flowra") or "flowra", "run", "examples/faces.json"]
        screen = _screen_after(command, Path(folder))
        (picture,) = Path(folder).glob("flowra-output/*/picture.png")
        with Image.open(picture) as opened:
            opened.convert("RGB").resize((480, 480)).save(HERE / "faces.jpg", quality=88)
        shapes = ["flowra", "run", "examples/shapes.json", "--output", "shapes"]
        subprocess.run(shapes, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  our own command
        with Image.open(Path(folder) / "shapes" / "picture.png") as opened:
            opened.convert("RGB").save(HERE / "shapes.jpg", quality=88)
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text("$ flowra run examples/faces.json", style="bold"))
    for line in screen:
        console.print(line, soft_wrap=True)
    console.save_svg(str(HERE / "run.svg"), title="flowra run")
    # The font would be fetched from elsewhere by whoever looks at the picture.
    text = (HERE / "run.svg").read_text()
    start, end = text.index("@font-face"), text.rindex("font-weight: 700;\n    }") + len("font-weight: 700;\n    }")
    (HERE / "run.svg").write_text(text[:start] + text[end:].lstrip())


def _screen_after(command: list[str], folder: Path) -> list[Text]:
    """Return the lines that a command leaves on a terminal, with their colours."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": str(COLUMNS)}
    environment.update(FLOWRA_CACHE_DIR=str(folder / "cache"), LINES=str(ROWS))
    done = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment)  # noqa: S603  our own command
    os.close(theirs)
    try:
        while data := os.read(ours, 65536):
            stream.feed(data)
    except OSError:  # how Linux says that the other side has closed a terminal
        pass
    if done.wait() != 0:
        sys.exit(f"{' '.join(command)} failed:\n" + "\n".join(screen.display))
    rows = [screen.buffer[row] for row in range(ROWS)]
    lines = [_line(row) for row in rows]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines


def _line(row: dict[int, pyte.screens.Char]) -> Text:
    text = Text()
    for column in range(COLUMNS):
        character = row[column]
        colours = [_colour(character.fg), "on " + _colour(character.bg) if character.bg != "default" else ""]
        text.append(character.data, style=" ".join(filter(None, [*colours, "bold" if character.bold else ""])))
    text.rstrip()
    return text


def _colour(name: str) -> str:
    if name == "default":
        return ""
    return f"#{name}" if len(name) == 6 and all(each in "0123456789abcdef" for each in name) else name


if __name__ == "__main__":
    main()
