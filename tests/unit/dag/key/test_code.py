"""The code in a key: all that a node's module reaches inside its pack, and nothing else; found without importing it."""

import ast
import json
import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from fixtures.keyed_packs import install_acme, key_in_process, keys_in_process
from fixtures.pack_factory import settle, write_metadata

from flowra.dag.key import differences
from flowra.dag.key.code.source import ImportedName, Source


@pytest.fixture
def site(tmp_path):
    return tmp_path


@pytest.fixture
def package(site):
    return install_acme(site)


def append(path, text):
    path.write_text(f"{path.read_text()}{text}\n")


def changes(site, change, **asked):
    before = key_in_process(site, **asked)
    change()
    after = key_in_process(site, **asked)
    assert (before["key"] == after["key"]) == (before["preimage"] == after["preimage"])
    return differences(before["preimage"], after["preimage"])


def test_a_pack_with_a_manifest_is_not_imported_for_its_keys(site):
    install_acme(site, manifest=True, editable=False)
    found = keys_in_process(site, ("acme/Scale", {"number": 1}, {}))
    assert found["imported"] == []
    files = found["keys"][0]["preimage"]["code"]["files"]
    assert set(files) == {
        "acme_pack/__init__.py",
        "acme_pack/nodes.py",
        "acme_pack/maths.py",
        "acme_pack/deep/__init__.py",
        "acme_pack/deep/tables.py",
        "acme_pack/deep/table.bin",
    }


def test_the_key_is_the_same_whether_the_pack_was_imported_or_not(site):
    install_acme(site, manifest=True, editable=False)
    not_imported = key_in_process(site)["key"]
    site.joinpath("acme_pack", "flowra-manifest.json").unlink()
    found = keys_in_process(site, ("acme/Scale", {"number": 1}, {}))
    assert "acme_pack.nodes" in found["imported"]
    assert found["keys"][0]["key"] == not_imported


@pytest.mark.parametrize(
    ("file", "phrase"),
    [
        ("nodes.py", "code of acme_pack/nodes.py"),
        ("maths.py", "code of acme_pack/maths.py"),
        ("deep/tables.py", "code of acme_pack/deep/tables.py"),
        ("deep/__init__.py", "code of acme_pack/deep/__init__.py"),
        ("__init__.py", "code of acme_pack/__init__.py"),
    ],
)
def test_an_edit_to_what_the_node_reaches_changes_its_key_and_is_named(site, package, file, phrase):
    assert changes(site, lambda: append(package / file, "# edited")) == [phrase]


def test_another_class_of_the_module_behind_the_name_changes_the_key(site, package):
    nodes = package / "nodes.py"
    nodes.write_text(f"{nodes.read_text()}\n\nclass Other(Scale):\n    pass\n")
    settle()

    def name_another():
        plugin = package / "plugin.py"
        plugin.write_text(
            plugin.read_text().replace('"acme_pack.nodes:Scale"', '"acme_pack.nodes:Other", name="Scale"')
        )
        settle()

    assert changes(site, name_another) == [
        "code: acme_pack.nodes:Other (new)",
        "code: acme_pack.nodes:Scale (no longer used)",
    ]


def test_an_edit_to_a_data_file_that_the_code_names_changes_the_key(site, package):
    changed = changes(site, lambda: (package / "deep" / "table.bin").write_bytes(b"\0\2"))
    assert changed == ["the file acme_pack/deep/table.bin"]


@pytest.mark.parametrize("file", ["unrelated.py", "deep/other.bin", "plugin.py"])
def test_an_edit_to_what_the_node_does_not_reach_leaves_the_key(site, package, file):
    assert changes(site, lambda: append(package / file, "# edited")) == []


def test_a_native_module_is_part_of_the_code(site, package):
    native = package / f"fast{EXTENSION_SUFFIXES[0]}"
    native.write_bytes(b"\x7fELF")
    append(package / "maths.py", "def quick():\n    from acme_pack import fast")
    assert changes(site, lambda: native.write_bytes(b"\x7fELF2")) == [f"code of acme_pack/{native.name}"]


def test_a_module_that_comes_to_be_is_part_of_the_code_from_then_on(site, package):
    append(package / "maths.py", "try:\n    from acme_pack import faster\nexcept ImportError:\n    faster = None")
    phrases = changes(site, lambda: (package / "faster.py").write_text(""))
    assert phrases == ["code of acme_pack/faster.py (new)"]


def test_code_beside_the_pack_that_is_no_library_counts_too(site, package):
    site.joinpath("helper.py").write_text("X = 1\n")
    append(package / "maths.py", "import helper")
    assert changes(site, lambda: append(site / "helper.py", "X = 2")) == ["code of helper.py"]


def test_libraries_and_flowra_itself_are_not_read(site, package):
    append(package / "maths.py", "import json, numpy, pydantic\nfrom flowra.dag import node")
    files = key_in_process(site)["preimage"]["code"]["files"]
    assert all(name.startswith("acme_pack/") for name in files)


def test_a_declared_code_version_stands_for_the_code(site, package):
    nodes = package / "nodes.py"
    source = nodes.read_text().replace("def run", 'code_version = "7"\n    def run', 1)
    nodes.write_text(source)
    assert changes(site, lambda: append(package / "maths.py", "# edited")) == []
    changed = changes(site, lambda: nodes.write_text(source.replace('"7"', '"8"')))
    assert changed == ["code version 7 → 8"]


def test_the_version_of_a_declared_library_is_part_of_the_key(site, package):
    nodes = package / "nodes.py"
    nodes.write_text(nodes.read_text().replace("def run", 'libraries = ("somelib", "gonelib")\n    def run', 1))
    old = write_metadata(site, "somelib", "1.2", {})

    def upgrade():
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
        write_metadata(site, "somelib", "1.3", {})

    assert changes(site, upgrade) == ["library somelib 1.2 → 1.3"]
    assert key_in_process(site)["preimage"]["libraries"] == {"gonelib": None, "somelib": "1.3"}


def test_a_fingerprint_is_part_of_the_key_and_sees_the_literals(site, package):
    key = key_in_process(site, "acme/Marked", {"number": 1, "factor": 3})
    assert key["preimage"]["fingerprint"] == "at 3.0"
    nodes = package / "nodes.py"
    nodes.write_text(nodes.read_text().replace("def fingerprint", "def fingerprint_of_old", 1))
    assert "fingerprint" not in key_in_process(site, "acme/Marked")["preimage"]


def test_a_fingerprint_that_fails_leaves_the_node_without_key_and_says_why(site, package):
    nodes = package / "nodes.py"
    nodes.write_text(nodes.read_text().replace('f"at {args.factor}"', "1 / 0", 1))
    assert key_in_process(site, "acme/Marked") == {
        "reason": "its fingerprint failed: ZeroDivisionError: division by zero"
    }


def test_code_edited_after_its_import_has_no_key_rather_than_the_key_of_what_does_not_run(site, package):
    script = """
import sys, json
from pathlib import Path
from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.key import Keyer, Unkeyable
from flowra.dag.plan.planner import plan_graph
from flowra.plugin.manager import PluginManager
from fixtures.keyed_packs import file_digest

how, package = sys.argv[1], Path(sys.argv[2])
catalog = NodeCatalog(PluginManager.discover())
graph = Graph("g")
graph.add("acme/Scale", id="n", number=1)
node = plan_graph(graph, catalog).nodes["n"]
def look():
    static = Keyer(catalog, file_digest=file_digest).static_part(node)
    return static.reason if isinstance(static, Unkeyable) else "keyed"
if how == "looked first":
    first = look()
import acme_pack.maths
if how == "looked between":
    first = look()
maths = package / "maths.py"
maths.write_text(maths.read_text() + "# edited\\n")
print(look())
import importlib
importlib.reload(acme_pack.maths)
print(look())
"""
    for how in ("looked first", "looked between", "not looked"):
        run = subprocess.run(
            [sys.executable, "-c", script, how, str(package)],
            env={**os.environ, "PYTHONPATH": f"{site}:tests", "PYTHONDONTWRITEBYTECODE": ""},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        after_edit, after_reload = run.stdout.splitlines()
        assert after_edit == (
            "acme_pack/maths.py has changed since it was imported, and what runs is the old code; start a new process"
        ), how
        assert after_reload == "keyed", how


def test_code_that_python_takes_for_an_edit_of_the_same_second_has_no_key(tmp_path):
    script = """
import sys
sys.path.insert(0, sys.argv[1])
import rules
from flowra.dag.key import Unkeyable
from flowra.dag.key.code.closure import CodeFinder
print(rules.rule(), type(CodeFinder(None).of_module("rules")).__name__)
"""

    def run():
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
        command = [sys.executable, "-c", script, str(tmp_path)]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout.strip()

    rules = tmp_path / "rules.py"
    rules.write_text("def rule():\n    return 1\n")
    os.utime(rules, ns=(10**18, 10**18))
    assert run() == "1 Code"
    [cached] = (tmp_path / "__pycache__").iterdir()
    os.utime(cached, ns=(10**18 + 1000, 10**18 + 1000))
    rules.write_text("def rule():\n    return 2\n")
    os.utime(rules, ns=(10**18 + 2000, 10**18 + 2000))
    assert run() == "1 Unkeyable", "what Python runs is the first one"
    os.utime(rules, ns=(10**18 + 10**9, 10**18 + 10**9))
    assert run() == "2 Code"


def test_what_was_loaded_again_has_the_key_of_what_runs_or_none(tmp_path):
    """Edits of the same size within a second, for which Python takes the byte code of the version before."""
    script = """
import sys
from pathlib import Path
import importlib
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
from flowra.dag.key import Unkeyable
from flowra.dag.key.code.closure import CodeFinder

def write(name, text):
    folder.joinpath(f"{name}.py").write_text(text)

def check(name, value):
    # The key of each version, by what it was when Python surely had it.
    code = CodeFinder(None).of_module(name)
    if isinstance(code, Unkeyable):
        return
    files = folder.joinpath("rules.py").read_text(), folder.joinpath("user.py").read_text()
    expected = eval(files[0].split("return ")[1])
    assert value == expected, (value, files)
    print("keyed")

write("rules", "def rule():\\n    return 0\\n")
write("user", "from rules import rule\\n")
import rules, user
check("user", user.rule())
for number in range(1, 8):
    write("rules", f"def rule():\\n    return {number}\\n")
    check("user", user.rule())
    importlib.reload(rules)
    check("user", user.rule())
    check("rules", rules.rule())
    write("rules", "def rule():\\n    return 9\\n")
    importlib.invalidate_caches()
    importlib.reload(rules)
    write("rules", f"def rule():\\n    return {number}\\n")
    check("rules", rules.rule())
write("rules", "def rule():\\n    return 1234567\\n")
importlib.reload(rules)
assert isinstance(CodeFinder(None).of_module("user"), Unkeyable)
importlib.reload(user)
assert user.rule() == 1234567
check("user", user.rule())
print("last")
"""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    assert run.stdout.splitlines()[-2:] == ["keyed", "last"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import a", [(0, "a", ())]),
        ("import a.b as c, d", [(0, "a.b", ()), (0, "d", ())]),
        ("from . import (  # one\n    x,  # two )\n    y,\n)", [(1, "", ("x", "y"))]),
        ("from ..m import(x)", [(2, "m", ("x",))]),
        ("from a \\\n    import b, \\\n    c", [(0, "a", ("b", "c"))]),
        ("if x: import a; from b import c", [(0, "a", ()), (0, "b", ("c",))]),
        ("def f():\n\tasync def g():\n\t\timport deep", [(0, "deep", ())]),
        ("x = 1; import a\r\nimport b\rimport c", [(0, "a", ()), (0, "b", ()), (0, "c", ())]),
        ("from a import *", [(0, "a", ("*",))]),
        ('module = importlib.import_module("a.b")', [(0, "a.b", ())]),
        ("importance = 1\nfrom_here = 2\n# import a", []),
        ("if TYPE_CHECKING:\n    import a\n\n    import b\nelse:\n    import c", [(0, "c", ())]),
        ("if typing.TYPE_CHECKING:\n    import a\nimport b", [(0, "b", ())]),
        ("def broken(:\n    import a", [(0, "a", ())]),
        ('"""\nif TYPE_CHECKING:\n    """\n    import a', [(0, "a", ())]),
        ('"""\nimport (see\nbelow\n"""\nimport a', [(0, "a", ())]),
        ("import b\xe9", [(0, "b\xe9", ())]),
    ],
)
def test_import_statements_are_found_wherever_they_stand(source, found):
    assert [tuple(each) for each in Source(source.encode(), (0, 0, 0, 0, 0)).imports] == found


def test_every_import_of_the_standard_library_is_found_as_the_parser_finds_it():
    for path in sorted(Path(json.__file__).parents[1].glob("*.py"))[::4]:
        content = path.read_bytes()
        expected = set()
        for node in ast.walk(ast.parse(content)):
            if isinstance(node, ast.Import):
                expected.update(ImportedName(0, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names = tuple(alias.name for alias in node.names)
                expected.add(ImportedName(node.level, node.module or "", names))
        assert expected <= set(Source(content, (0, 0, 0, 0, 0)).imports), path
