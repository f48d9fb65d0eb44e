"""Keys: different calls have different keys, the same call has the same key everywhere."""

import json
import pickle  # noqa: TID251 - as executors send what they send
import shutil
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from fixtures.keyed_packs import file_digest, install_acme, keys_in_process
from hypothesis import given, settings
from hypothesis import strategies as st

from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.key import ActionKey, InputDigest, Keyer, StaticPart, Unkeyable, differences
from flowra.dag.node import BaseArgs, Node
from flowra.dag.plan.planner import plan_graph
from flowra.plugin.manager import PluginManager
from flowra.type.value_type import AnyImage, File, ListOf


class Anything(Node):
    class InitArgs(BaseArgs):
        model: str = "small"

    class InputArgs(BaseArgs):
        a: object = None
        b: object = None
        number: float = 0.5

    class OutputArgs(BaseArgs):
        a: object

    def run(self, context, args): ...


class Pair(Node):
    class InputArgs(BaseArgs):
        a: AnyImage
        b: AnyImage
        weights: ListOf(float) = [1.0, 2.0]  # noqa: RUF012
        calibration: File | None = None

    class OutputArgs(BaseArgs):
        a: AnyImage

    def run(self, context, args): ...


def catalog_of(*classes):
    return NodeCatalog(PluginManager(), classes)


def keyer_of(catalog):
    return Keyer(catalog, file_digest=file_digest)


def planned(node_class, catalog=None, *, init=None, **inputs):
    graph = Graph("g")
    graph.add(node_class, id="n", init=init, inputs=inputs)
    return plan_graph(graph, catalog or catalog_of(node_class)).nodes["n"]


def key_of(keyer, node):
    static = keyer.static_part(node)
    assert isinstance(static, StaticPart), static
    inputs = {name: keyer.literal_digest(node.description.input(name), value) for name, value in node.literals.items()}
    assert all(isinstance(each, InputDigest) for each in inputs.values()), inputs
    return static.key(inputs)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def typed(value):
    """What a value is, so that equal means the same to Python and to us: 1, 1.0 and True are three things."""
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, tuple(map(typed, value)))
    if isinstance(value, dict):
        return ("dict", frozenset((typed(key), typed(item)) for key, item in value.items()))
    return (type(value).__name__, repr(value))


@settings(max_examples=100)
@given(st.lists(st.tuples(PLAIN, PLAIN, st.floats(-1e9, 1e9), st.text(max_size=3)), min_size=2, max_size=30))
def test_calls_have_the_same_key_exactly_if_they_are_the_same(calls):
    catalog = catalog_of(Anything)
    keyer = keyer_of(catalog)
    keys, whats = [], []
    for a, b, number, model in calls:
        description = catalog.describe("local/Anything")
        node = planned(Anything, catalog, init={"model": model}, number=number)
        static = keyer.static_part(node)
        inputs = {
            name: keyer.literal_digest(description.input(name), value)
            for name, value in (("a", a), ("b", b), ("number", number))
        }
        keys.append(static.key(inputs).digest)
        whats.append((typed(a), typed(b), typed(number), model))
    assert len(set(keys)) == len(set(whats))


def test_a_hundred_thousand_different_calls_have_as_many_keys():
    keyer = keyer_of(catalog_of(Anything))
    static = keyer.static_part(planned(Anything))
    port = planned(Anything).description.input("a")
    values = [
        value
        for number in range(12_500)
        for value in (
            number, float(number), str(number), [number], (number,), {"n": number}, {number: "n"}, -number - 1,
        )
    ]  # fmt: skip
    digests = [keyer.literal_digest(port, value) for value in values]
    nothing = keyer.literal_digest(port, None)
    keys = {static.key({"a": digest, "b": nothing}).digest for digest in digests}
    keys |= {static.key({"a": nothing, "b": digest}).digest for digest in digests}
    assert len(keys) == 2 * len(values)


def test_the_default_and_the_same_value_given_are_one_call():
    keyer = keyer_of(catalog_of(Anything))
    keys = [
        key_of(keyer, planned(Anything)),
        key_of(keyer, planned(Anything, number=0.5)),
        key_of(keyer, planned(Anything, a=None, init={"model": "small"})),
    ]
    assert len({key.digest for key in keys}) == 1
    assert all(key.preimage() == keys[0].preimage() for key in keys)


def test_swapped_inputs_are_another_call_and_the_order_of_giving_them_is_not():
    keyer = keyer_of(catalog_of(Pair))
    node = planned(Pair, a="x.png", b="y.png")
    static = keyer.static_part(node)
    one, other = (keyer.linked(sha256(name).digest(), None) for name in (b"1", b"2"))
    assert static.key({"a": one, "b": other}).digest == static.key({"b": other, "a": one}).digest
    assert static.key({"a": one, "b": other}).digest != static.key({"a": other, "b": one}).digest


def test_an_input_that_the_node_does_not_have_is_refused():
    keyer = keyer_of(catalog_of(Pair))
    static = keyer.static_part(planned(Pair, a="x.png", b="y.png"))
    with pytest.raises(KeyError):
        static.key({"c": keyer.linked(b"1" * 32)})


def test_nodes_of_a_type_share_their_static_part_unless_it_may_differ(tmp_path):
    keyer = keyer_of(catalog_of(Pair))
    assert keyer.static_part(planned(Pair, a="x", b="y")) is not keyer.static_part(planned(Pair, a="x", b="y"))
    catalog = catalog_of(Pair)
    keyer = keyer_of(catalog)
    one, other = planned(Pair, catalog, a="x", b="y"), planned(Pair, catalog, a="z", b="y")
    assert keyer.static_part(one) is keyer.static_part(other)
    assert keyer.static_part(planned(Pair, catalog, a="x", b="y", weights=[1])) is not keyer.static_part(one)


def test_a_file_that_is_a_default_is_looked_at_for_each_node(tmp_path):
    path = tmp_path / "default.json"
    path.write_text("1")

    class Calibrated(Node):
        class InputArgs(BaseArgs):
            table: File = path

        class OutputArgs(BaseArgs):
            a: int

        def run(self, context, args): ...

    keyer = keyer_of(catalog_of(Calibrated))
    before = key_of(keyer, planned(Calibrated))
    path.write_text("2")
    after = key_of(keyer, planned(Calibrated))
    assert differences(before.preimage(), after.preimage()) == ["table: the file default.json has other contents"]
    path.unlink()
    found = keyer.static_part(planned(Calibrated))
    assert isinstance(found, Unkeyable)
    assert found.reason.startswith("table: ")


def test_init_arguments_are_part_of_the_key_and_named():
    keyer = keyer_of(catalog_of(Anything))
    small, large = (key_of(keyer, planned(Anything, init={"model": model})) for model in ("small", "large"))
    assert small.digest != large.digest
    assert differences(small.preimage(), large.preimage()) == ["init model 'small' → 'large'"]


def test_where_a_linked_value_comes_from_is_shown_and_is_no_part_of_the_key():
    catalog = catalog_of(Pair, Anything)
    graph = Graph("g")
    graph.add(Pair, id="load", a="x.png", b="y.png")
    graph.add(Pair, id="n", a=graph.node("load")["a"], b="y.png")
    graph.add(Anything, id="m", a=[graph.node("load")["a"], "text"])
    plan = plan_graph(graph, catalog)
    keyer = keyer_of(catalog)
    key = keyer.static_part(plan.nodes["n"]).key({"a": keyer.linked(b"1" * 32, plan.nodes["n"].links["a"])})
    assert key.preimage()["inputs"]["a"] == {"from": "load.a", "digest": "31" * 32}
    assert keyer.static_part(plan.nodes["n"]).key({"a": keyer.linked(b"1" * 32)}).digest == key.digest
    listed = keyer.static_part(plan.nodes["m"]).key({"a": keyer.linked(b"1" * 32, plan.nodes["m"].links["a"])})
    assert listed.preimage()["inputs"]["a"]["from"] == "[load.a, text 'text']"


def test_the_preimage_is_json_and_the_quick_way_writes_the_same():
    keyer = keyer_of(catalog_of(Anything))
    key = key_of(keyer, planned(Anything, a='quotes " and \n 光', b=[1, {"x": None}], init={"model": '"\\'}))
    assert isinstance(key, ActionKey)
    assert json.loads(key.preimage_json()) == key.preimage()
    assert key.preimage()["inputs"]["a"] == {"value": 'quotes " and \n 光'}
    node = planned(Anything)
    lonely = keyer.literal_digest(node.description.input("a"), "\ud800")
    key = keyer.static_part(node).key({"a": lonely})
    assert json.loads(key.preimage_json()) == key.preimage()


def test_a_static_part_can_be_sent_to_another_process():
    keyer = keyer_of(catalog_of(Anything))
    node = planned(Anything)
    static = keyer.static_part(node)
    inputs = {"a": keyer.literal_digest(node.description.input("a"), 1)}
    sent = pickle.loads(pickle.dumps(static))
    assert sent.key(inputs).digest == static.key(inputs).digest


def test_an_array_is_hashed_once_for_all_the_calls_of_a_run():
    array = np.ones((512, 512))
    keyer = keyer_of(catalog_of(Pair))
    port = planned(Pair, a="x", b="y").description.input("a")
    first = keyer.literal_digest(port, array)
    assert keyer.literal_digest(port, array) is first
    assert keyer.literal_digest(port, array.copy()) == first


def test_many_threads_get_one_answer():
    catalog = catalog_of(Anything)
    keyer = keyer_of(catalog)
    nodes = [planned(Anything, catalog, a=number % 5) for number in range(40)]
    found = [None] * len(nodes)
    barrier = threading.Barrier(8)

    def work(start):
        barrier.wait()
        for index in range(start, len(nodes), 8):
            found[index] = key_of(keyer, nodes[index]).digest

    threads = [threading.Thread(target=work, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 5
    assert all(found[index] == found[index % 5] for index in range(len(nodes)))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = tmp_path_factory.mktemp("site")
    install_acme(site)
    site.joinpath("weights.bin").write_bytes(b"weights")
    return site


def asked(site):
    return [
        ("acme/Scale", {"number": number, "factor": factor, "weights": weights}, {})
        for number in (1, 1.5, -0.0, 1e300)
        for factor in (2, 0.1)
        for weights in (None, str(site / "weights.bin"))
    ] + [("acme/Marked", {"number": 1}, {})]


def digests(found):
    return [each["key"] for each in found["keys"]]


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "2", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
        {"PYTHONUTF8": "0", "LANG": "tr_TR.UTF-8"},
        {"PYTHONOPTIMIZE": "2"},
    ],
    ids=" ".join,
)
def test_the_same_call_has_the_same_key_in_another_process(site, environment):
    expected = digests(keys_in_process(site, *asked(site)))
    assert len(set(expected)) == len(expected)
    assert digests(keys_in_process(site, *asked(site), environment=environment)) == expected


def test_the_same_call_has_the_same_key_where_the_pack_is_installed_elsewhere(site, tmp_path):
    other = tmp_path / "elsewhere"
    shutil.copytree(site, other, ignore=shutil.ignore_patterns("__pycache__"))
    assert digests(keys_in_process(other, *asked(other))) == digests(keys_in_process(site, *asked(site)))


def other_pythons():
    """The Pythons of other versions at hand in which Flowra can be imported: on the path, and of tox."""
    ours = list(sys.version_info[:2])
    named = filter(None, [shutil.which(f"python3.{minor}") for minor in range(10, 15)])
    for python in (*named, *sorted(Path(__file__).parents[4].glob(".tox/py3*/bin/python"))):
        probe = "import json, sys, flowra.dag.key; print(json.dumps(sys.version_info[:2]))"
        found = subprocess.run([python, "-c", probe], capture_output=True, check=False)
        if found.returncode == 0 and json.loads(found.stdout) != ours:
            yield str(python)


def test_the_same_call_has_the_same_key_in_other_python_versions(site):
    pythons = list(other_pythons())
    if not pythons:
        pytest.skip("no other Python version has Flowra")
    expected = digests(keys_in_process(site, *asked(site)))
    for python in pythons:
        assert digests(keys_in_process(site, *asked(site), python=python)) == expected, python
