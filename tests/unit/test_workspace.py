"""What holds for the workspace as a whole: its distributions, their dependencies, and the locks."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = sorted([ROOT / "flowra_core", ROOT / "templates", *(ROOT / "flowra_plugins").glob("*/")])
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))

each_project = pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
each_lock = pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)


def read_toml(path):
    return tomllib.loads(path.read_text(encoding="utf-8"))


@each_project
def test_a_distribution_and_its_package_have_one_version(project):
    meta = read_toml(project / "pyproject.toml")["project"]
    [package] = (path.parent for path in (project / "src").glob("*/__init__.py"))
    assert importlib.import_module(package.name).__version__ == meta["version"]


def test_all_distributions_have_the_same_version():
    assert len({read_toml(project / "pyproject.toml")["project"]["version"] for project in PROJECTS}) == 1


@each_project
def test_each_distribution_carries_the_licence(project):
    assert (project / "LICENSE").read_text(encoding="utf-8") == (ROOT / "LICENSE").read_text(encoding="utf-8")


@each_project
def test_each_dependency_has_its_reason_and_licence_in_the_docs(project):
    meta = read_toml(project / "pyproject.toml")["project"]
    page = (ROOT / "docs/design/dependencies.md").read_text(encoding="utf-8")
    section = re.search(rf"^## `{meta['name']}`\n(.*?)(?=^## )", page, re.MULTILINE | re.DOTALL)
    assert section, f"docs/design/dependencies.md has no section for {meta['name']}"
    rows = [line.split("|")[1:-1] for line in section[1].splitlines() if line.startswith("| ")][2:]
    assert all(cell.strip() for row in rows for cell in row)
    documented = {row[0].strip() for row in rows}
    assert documented == {Requirement(each).name for each in meta["dependencies"]}


@each_lock
def test_a_lock_names_no_address(lock):
    assert "://" not in lock.read_text(encoding="utf-8")


@each_lock
def test_a_lock_pins_every_package_with_hashes(lock):
    text = lock.read_text(encoding="utf-8").replace("\\\n", "")
    pins = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert pins
    assert [pin for pin in pins if not re.match(r"\S+==\S+ .*--hash=sha256:", pin)] == []


def test_the_lock_has_every_dependency_of_every_distribution():
    locked = {
        canonicalize_name(name) for name in re.findall(r"^(\S+)==", (ROOT / "requirements/dev.txt").read_text(), re.M)
    }
    ours = {read_toml(project / "pyproject.toml")["project"]["name"] for project in PROJECTS}
    wanted = {
        canonicalize_name(Requirement(each).name)
        for project in PROJECTS
        for each in read_toml(project / "pyproject.toml")["project"]["dependencies"]
    }
    assert wanted - ours <= locked


def banned_modules():
    ruff = read_toml(ROOT / "pyproject.toml")["tool"]["ruff"]["lint"]["flake8-tidy-imports"]
    return set(ruff["banned-module-level-imports"])


def loaded_by(code):
    """Return the top-level modules that a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_flowra_loads_nothing_heavy():
    assert loaded_by("import flowra") & (banned_modules() | {"pydantic", "click", "pluggy"}) == set()


def test_importing_every_module_of_flowra_loads_none_of_the_banned_modules():
    everything = (
        "import importlib, pkgutil, flowra\n"
        "for module in pkgutil.walk_packages(flowra.__path__, 'flowra.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
    )
    assert loaded_by(everything) & banned_modules() == set()
