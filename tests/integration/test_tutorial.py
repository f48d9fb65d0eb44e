"""The tutorial, as written: from an empty folder to a pack that is installed elsewhere, in under five minutes."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fixtures.doc_blocks import DOCS, ROOT, blocks_of
from fixtures.page_reader import Reader
from fixtures.wheelhouse import make_wheelhouse
from PIL import Image

#: What pip and uv would fetch for the page; Flowra's own wheels are made by its first block.
FETCHED = ["cookiecutter", "editables", "flowra-image", "hatchling", "numpy", "pytest", "uv"]
OWN = ("flowra-", "flowra_image-")
SECONDS = 300


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Someone with a clone in an otherwise empty folder, a Python, and no Flowra, environment or network."""
    folder = tmp_path / "empty"
    wheels = make_wheelhouse(folder / "wheels", FETCHED)
    for path in wheels.iterdir():
        if path.name.startswith(OWN):
            path.unlink()
    clone = folder / "flowra"
    for name in ("flowra_core", "flowra_plugins", "templates", "examples"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__", ".venv", "dist"))
    tools = tmp_path / "bin"
    tools.mkdir()
    python = tools / "python3"
    base = getattr(sys, "_base_executable", sys.executable)
    python.write_text(f'#!/bin/sh\nexec "{base}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name in ("LANG", "LC_ALL", "TMPDIR", "TERM")}
    reader = Reader(
        folder,
        {
            **kept,
            "PATH": os.pathsep.join([str(tools), "/usr/bin", "/bin"]),
            "HOME": str(tmp_path / "home"),
            "PYTHONUTF8": "1",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),  # for what builds the first wheels
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_NO_INDEX": "1",
            "UV_OFFLINE": "1",
            "UV_PYTHON_DOWNLOADS": "never",
        },
    )
    yield reader
    reader.close()
    for large in (wheels, folder / ".venv", folder / "theirs", tmp_path / "home"):
        shutil.rmtree(large, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the page shows a POSIX shell")
@pytest.mark.timeout(2 * SECONDS)
def test_the_path_from_an_empty_folder_to_an_installed_pack_takes_less_than_five_minutes(reader: Reader) -> None:
    started = time.monotonic()
    reader.follow(blocks_of(DOCS / "tutorial.md"))
    assert time.monotonic() - started < SECONDS
    relief = Image.open(reader.folder / "relief" / "picture.png")
    assert relief.size == (256, 256)
    # Most of a photo is even, and what is even is grey in a relief: it is no longer the photo.
    assert abs(np.median(np.asarray(relief)) - 128) <= 5
