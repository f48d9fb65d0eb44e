"""Classes that no pack contributes: of a script, a notebook, a function."""

import itertools
import json
import os
import subprocess
import sys

import pytest
from fixtures.keyed_packs import file_digest

from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.key import Keyer, Unkeyable, differences
from flowra.dag.node import BaseArgs, Node
from flowra.dag.plan.planner import plan_graph
from flowra.plugin.manager import PluginManager


def key_of(node_class):
    catalog = NodeCatalog(PluginManager(), [node_class])
    graph = Graph("g")
    graph.add(node_class, id="n")
    static = Keyer(catalog, file_digest=file_digest).static_part(plan_graph(graph, catalog).nodes["n"])
    return static if isinstance(static, Unkeyable) else static.key({})


def made(factor, label="x"):
    """A class whose source is always the same, and which is not."""

    def helper(value):
        return value * factor

    class Made(Node):
        name_of_it = label

        class OutputArgs(BaseArgs):
            number: float

        def run(self, context, args):
            return self.OutputArgs(number=helper(1))

    return Made


def test_what_a_class_made_in_a_function_takes_from_there_is_part_of_its_key():
    one = key_of(made(1))
    assert key_of(made(1)).digest == one.digest
    for other in (key_of(made(2)), key_of(made(1.0)), key_of(made(1, "y"))):
        assert other.digest != one.digest
    phrases = differences(one.preimage(), key_of(made(2)).preimage())
    assert phrases == ["code: factor"]
    assert any(name.endswith("test_local_classes.py") for name in one.preimage()["code"]["files"])


def test_what_can_not_be_keyed_says_so_and_what_to_do():
    found = key_of(made(object()))
    assert isinstance(found, Unkeyable)
    assert found.reason == (
        "it uses factor, and the contents of a object are not known; make it an input or an argument of InitArgs, or "
        "state code_version"
    )


def test_a_declared_version_keys_what_has_no_source_and_no_known_contents():
    class Versioned(made(object())):
        code_version = "3"

    assert key_of(Versioned).preimage()["code"] == {"version": "3"}


@pytest.fixture
def run_script(tmp_path):
    """Runs a script that prints the key of its class `Here`, and returns preimages or reasons."""
    # By its byte code a module is known as the one that was imported; each edit has a second of its own, lest Python
    # take the byte code of the one before.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds = itertools.count(1_000_000_000)

    def run(source, *, name="script.py", notebook=False, modules=()):
        for module, text in modules:
            (tmp_path / module).write_text(text)
            os.utime(tmp_path / module, (second := next(seconds), second))
        tail = """
import json
from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.key import Keyer, Unkeyable
from flowra.dag.plan.planner import plan_graph
from flowra.plugin.manager import PluginManager
from flowra.storage.refs import digest_of
catalog = NodeCatalog(PluginManager(), [Here])
graph = Graph("g")
graph.add(Here, id="n")
keyer = Keyer(catalog, file_digest=lambda path: digest_of("file", path.read_bytes()))
static = keyer.static_part(plan_graph(graph, catalog).nodes["n"])
print(json.dumps(static.reason if isinstance(static, Unkeyable) else static.key({}).preimage()))
"""
        if notebook:
            # As notebooks do it: each cell has a name of its own, under which its source is known.
            path = tmp_path / "kernel.py"
            path.write_text(
                "import linecache, sys, types\n"
                "main = sys.modules['__main__'] = types.ModuleType('__main__')\n"
                f"for number, cell in enumerate({[*source, tail]!r}):\n"
                "    name = f'<cell {number}>'\n"
                "    linecache.cache[name] = (len(cell), None, cell.splitlines(True), name)\n"
                "    exec(compile(cell, name, 'exec'), main.__dict__)\n"
            )
        else:
            path = tmp_path / name
            path.write_text(source + tail)
        found = subprocess.run(
            [sys.executable, str(path)], env=environment, stdout=subprocess.PIPE, check=True, text=True
        )
        return json.loads(found.stdout)

    return run


HERE = """
from flowra.dag.node import BaseArgs, Node
{above}
class Here(Node):
    class OutputArgs(BaseArgs):
        number: float
    def run(self, context, args):
        return self.OutputArgs(number={result})
"""


def test_a_class_of_a_script_counts_with_the_script_and_what_it_imports(run_script):
    script = HERE.format(above="import beside, json", result="beside.VALUE")
    found = run_script(script, modules=[("beside.py", "VALUE = 1\n")])
    assert sorted(found["code"]["files"]) == ["beside.py", "script.py"]
    other = run_script(script, modules=[("beside.py", "VALUE = 2\n")])
    assert differences(found, other) == ["code of beside.py", "code: beside.VALUE"]


def test_a_class_of_a_script_counts_with_the_globals_that_it_uses_as_they_are(run_script):
    script = HERE.format(above="import random, sys\nSCALE = {0}\ndef helper(): return SCALE", result="helper()")
    one, two = run_script(script.format(1)), run_script(script.format(2))
    assert differences(one, two) == ["code of script.py", "code: SCALE"]
    # The same file, another value: what a run of the script drew, read, or was given.
    drawn = HERE.format(above="import random\nSCALE = random.random()", result="SCALE")
    assert differences(run_script(drawn), run_script(drawn)) == ["code: SCALE"]
    unknown = run_script(HERE.format(above="SCALE = object()", result="SCALE"))
    assert unknown.startswith("it uses SCALE, and the contents of a object are not known")


def test_what_a_class_of_a_script_sets_in_a_module_counts(run_script):
    for use in ("beside.VALUE", "beside.value()", "inside()"):
        script = HERE.format(
            above="import beside\nbeside.VALUE = {0}\ndef inside():\n    from beside import VALUE\n    return VALUE",
            result=use,
        )
        modules = [("beside.py", "VALUE = 1\nLOCK = object()\ndef value():\n    return LOCK and VALUE\n")]
        found = run_script(script.format(2), modules=modules)
        assert differences(found, run_script(script.format(3), modules=modules)) == [
            "code of script.py",
            "code: beside.VALUE" if use != "beside.value()" else "code: VALUE",
        ]


def test_tables_of_functions_and_cached_functions_count_with_the_functions(run_script):
    above = (
        "import functools, re, threading\nSCALE = {0}\nLOCK = threading.Lock()\nWORD = re.compile('a')\n"
        "@functools.cache\ndef helper(x):\n    return x * SCALE\nTABLE = {{'twice': helper}}"
    )
    for use in ("TABLE['twice'](1)", "helper(1)", "helper(len(WORD.pattern)) if LOCK else 1"):
        script = HERE.format(above=above, result=use)
        found = run_script(script.format(2))
        assert differences(found, run_script(script.format(3))) == ["code of script.py", "code: SCALE"], use


def test_how_a_node_is_run_is_no_part_of_its_code(run_script):
    body = "class OutputArgs(BaseArgs):\n        number: float"
    script = HERE.format(above="from flowra.dag.node import Retry", result="1").replace(
        body, "retries = Retry(2, on=(ValueError,))\n    resources = {'gpu': 1}\n    " + body
    )
    assert list(run_script([script], notebook=True)["code"]["pieces"]) == ["Here.run"]


CELLS = ["SCALE = {scale}\ndef helper(x):\n    return x * SCALE{more}\n", HERE.format(above="", result="helper(1)")]


def test_a_class_of_a_notebook_counts_with_the_functions_and_values_of_other_cells(run_script):
    def run(scale=2, more=""):
        return run_script([CELLS[0].format(scale=scale, more=more), CELLS[1]], notebook=True)

    found = run()
    assert set(found["code"]["pieces"]) == {"Here.run", "helper", "SCALE"}
    assert run() == found
    assert differences(found, run(scale=3)) == ["code: SCALE"]
    assert differences(found, run(more=" + 1")) == ["code: helper"]


def test_a_class_of_a_notebook_that_uses_something_unknown_has_no_key(run_script):
    cells = [CELLS[0].format(scale="object()", more=""), CELLS[1]]
    assert run_script(cells, notebook=True).startswith("it uses SCALE, and the contents of a object are not known")


def test_a_class_of_a_notebook_counts_with_the_modules_it_uses(run_script):
    cells = ["import beside, json\n", HERE.format(above="", result="beside.VALUE + len(json.dumps(1))")]
    found = run_script(cells, notebook=True, modules=[("beside.py", "VALUE = 1\n")])
    assert list(found["code"]["files"]) == ["beside.py"]
    other = run_script(cells, notebook=True, modules=[("beside.py", "VALUE = 2\n")])
    assert differences(found, other) == ["code of beside.py", "code: beside.VALUE"]


def test_a_class_typed_at_a_prompt_without_source_says_so():
    source = HERE.format(above="", result="1") + (
        "from flowra.dag.key.code.live import code_of_class\n"
        "from flowra.dag.key.code.closure import CodeFinder\n"
        "print(getattr(code_of_class(Here, CodeFinder(None)), 'reason', 'keyed'))\n"
    )
    found = subprocess.run([sys.executable, "-c", source], stdout=subprocess.PIPE, check=True, text=True)
    if found.stdout == "keyed\n" and sys.version_info >= (3, 13):
        pytest.skip("this Python keeps the source of what is typed")
    assert found.stdout == ("the source of Here.run can't be had; write the class to a file, or state code_version\n")
