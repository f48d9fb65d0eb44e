"""Wheels of packs as they are installed: the same code again, or a refusal that says why not."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from fixtures.nodebin_factory import write_wheel
from fixtures.pack_factory import install_pack

from flowra.exceptions import PluginError
from flowra.pack.delivery import repack
from flowra.pack.delivery.repack import wheel_of_installed, wheel_of_tree


def contents(data: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(data)) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


def the_distribution(site: Path):
    [found] = distributions(path=[str(site)])
    return found


@pytest.fixture
def installed(tmp_path):
    """A site folder with a wheel in it, and the wheel."""
    wheel = write_wheel(tmp_path)
    site = tmp_path / "site"
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--target", site]
    subprocess.run([*map(str, command), str(wheel)], check=True, capture_output=True)
    return site, wheel


def test_the_wheel_of_an_installed_pack_is_the_one_that_it_came_from(installed):
    site, wheel = installed
    made = wheel_of_installed(the_distribution(site))
    assert made.name == wheel.name
    assert contents(made.data).keys() == contents(wheel.read_bytes()).keys()
    code = {name: content for name, content in contents(made.data).items() if not name.endswith("/RECORD")}
    assert code == {name: contents(wheel.read_bytes())[name] for name in code}
    assert wheel_of_installed(the_distribution(site)) == made, "the same bytes each time"


def test_a_file_that_was_changed_since_is_named_and_nothing_is_sent(installed):
    site, _ = installed
    (site / "flowra_tiny" / "nodes.py").write_text("changed = True\n")
    with pytest.raises(PluginError) as error:
        wheel_of_installed(the_distribution(site))
    assert error.value.where == "flowra_tiny/nodes.py"
    assert error.value.why == "it was changed since it was installed"


def test_a_pack_without_a_record_can_not_be_sent(installed):
    site, _ = installed
    next(site.glob("*.dist-info/RECORD")).unlink()
    with pytest.raises(PluginError, match="no wheel can be made of flowra-tiny"):
        wheel_of_installed(the_distribution(site))


def test_a_tree_is_sent_with_the_packages_beside_it_and_without_what_tools_left(tmp_path):
    tree = tmp_path / "src"
    package = install_pack(tree, "acme", editable=True)
    beside = tree / "acme_helpers"
    (beside / "__pycache__").mkdir(parents=True)
    (beside / "__init__.py").write_text("")
    (beside / "__pycache__" / "left.pyc").write_bytes(b"")
    made = wheel_of_tree(the_distribution(tree), package, "acme_pack.plugin")
    assert made.name == "flowra_acme-0.3.0-py3-none-any.whl"
    info = "flowra_acme-0.3.0.dist-info"
    assert set(contents(made.data)) == {
        "acme_helpers/__init__.py", "acme_pack/__init__.py", "acme_pack/plugin.py",
        f"{info}/METADATA", f"{info}/entry_points.txt", f"{info}/WHEEL", f"{info}/RECORD",
    }  # fmt: skip


def test_a_tree_with_compiled_modules_says_for_which_system_they_are(tmp_path):
    package = install_pack(tmp_path / "src", "acme", editable=True)
    (package / "fast.so").write_bytes(b"\x7fELF")
    made = wheel_of_tree(the_distribution(tmp_path / "src"), package, "acme_pack.plugin")
    assert not made.name.endswith("-none-any.whl")


def test_what_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(repack, "MOST_BYTES", 100)
    package = install_pack(tmp_path / "src", "acme", editable=True)
    with pytest.raises(PluginError, match="too large to be sent"):
        wheel_of_tree(the_distribution(tmp_path / "src"), package, "acme_pack.plugin")
