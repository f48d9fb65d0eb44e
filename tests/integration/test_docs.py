"""The README and the documentation do what they say: their blocks are run as a reader would run them.

Each page is read from top to bottom in a folder of its own that has the repository's `examples/` and a virtual
environment `.venv` with Flowra in it; a page under `docs/zh/` is read like any other.

`fixtures.page_reader` says how its blocks are run and compared, `fixtures.doc_blocks` how those are marked that are
files, or that can't be run here. `docs/tutorial.md` begins in an empty folder: `test_tutorial.py` follows it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.doc_blocks import DOCS, ROOT, blocks_of, pages
from fixtures.measuring import unmeasured
from fixtures.oss_server import OssServer
from fixtures.page_reader import Reader, runs
from fixtures.wheelhouse import make_wheelhouse


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
def services(page: Path) -> Iterator[dict[str, str]]:
    """The variables that lead to what stands for the service that a page is about, where that can't be started here."""
    if page != DOCS / "oss.md":
        yield {}
        return
    with OssServer(region="cn-hangzhou") as double:
        double.add_bucket("my-bucket")
        yield {
            "OSS_ENDPOINT": double.url,
            "OSS_ACCESS_KEY_ID": double.key.id,
            "OSS_ACCESS_KEY_SECRET": double.key.secret,
        }


@pytest.fixture
def reader(tmp_path: Path, environment: Path, wheelhouse: Path, services: dict[str, str]) -> Iterator[Reader]:
    folder = tmp_path / "flowra"
    folder.mkdir()
    installed = _installed(environment)
    shutil.copytree(ROOT / "examples", folder / "examples")
    (folder / ".venv").symlink_to(environment)
    with unmeasured():  # a page says how people use what other tests measure, in dozens of commands
        variables = dict(os.environ)
    reader = Reader(
        folder,
        {
            **variables,
            "PATH": os.pathsep.join([str(environment / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
            # What one page leaves in the cache, and among the runs, is not there for the next.
            "FLOWRA_CACHE_DIR": str(folder / "flowra-cache"),
            "FLOWRA_DATA_DIR": str(folder / "flowra-data"),
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
            **services,
        },
    )
    yield reader
    reader.close()
    for path in _installed(environment) - installed:  # by this page, for no other one
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _installed(environment: Path) -> set[Path]:
    return {path for folder in (environment / "lib").glob("*/site-packages") for path in folder.iterdir()}


@pytest.mark.skipif(sys.platform == "win32", reason="the pages show a POSIX shell")
@pytest.mark.parametrize(
    "page",
    [page for page in pages() if any(map(runs, blocks_of(page))) and page != DOCS / "tutorial.md"],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_a_page_does_what_it_says(page: Path, reader: Reader) -> None:
    reader.follow(blocks_of(page))
