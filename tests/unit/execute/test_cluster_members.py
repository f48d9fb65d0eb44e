"""Rows 15 and 16 of the faults: what workers have is compared with what a plan needs before anything runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fixtures.pack_factory import install_pack

from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.plan.planner import plan_graph
from flowra.exceptions import ClusterError
from flowra.execute.cluster import processes
from flowra.execute.cluster.members import ClusterOffer, Member, describe_process
from flowra.execute.cluster.packs import PackCheck, pack_states
from flowra.execute.resources.gpus import Gpu
from flowra.plugin.manager import PluginManager

PLUGIN = """
    from flowra.plugin import NodeEntry, hookimpl

    @hookimpl
    def flowra_nodes():
        return [NodeEntry("{package}.nodes:Give")]
"""
NODES = """
    from flowra.dag.node import BaseArgs, Node

    class Give(Node):
        class OutputArgs(BaseArgs):
            value: float

        def run(self, context, args):
            return self.OutputArgs(value=1.0)
"""


@pytest.fixture
def manager(tmp_path, monkeypatch):
    install_pack(tmp_path, "acme", plugin=PLUGIN, modules={"nodes": NODES})
    monkeypatch.syspath_prepend(str(tmp_path))
    return PluginManager.discover()


@pytest.fixture
def plan(manager):
    graph = Graph("one")
    graph.add("acme/Give", id="give")
    return plan_graph(graph, NodeCatalog(manager))


def worker(name, host="here", offer=(), **packs):
    return Member(f"tls://{name}", name, host, 1, packs, dict(offer))


def version(manager):
    return next(pack.version for pack in manager.packs if pack.id == "acme")


class Answers:
    """Stands for the connection to workers: each says that it has what its member states."""

    def __init__(self, members):
        self.members = members

    def ask_each(self, members, what, *arguments):
        assert what is pack_states
        return {
            member.address: {pack: [version, member.sources.get(pack, "")] for pack, version in member.packs.items()}
            for member in members
        }


def compare(members, plan, manager):
    needed = {node.type.partition("/")[0] for node in plan.nodes.values()}
    return PackCheck(Answers(members), needed, manager.packs, None).start()


def test_a_worker_that_lacks_a_pack_is_named_and_gets_none_of_its_nodes(manager, plan):
    able, lacking = worker("able", acme=version(manager)), worker("poor")
    assert compare([able, lacking], plan, manager) == ["worker poor lacks the pack acme and gets none of its nodes"]
    node = plan.nodes["give"]
    assert [member.has_pack_of(node) for member in (able, lacking)] == [True, False]


def test_a_pack_that_no_worker_has_is_refused(manager, plan):
    with pytest.raises(ClusterError, match="no worker has the pack acme"):
        compare([worker("poor"), worker("other")], plan, manager)


def test_another_version_of_a_pack_is_refused_and_both_are_named(manager, plan):
    with pytest.raises(ClusterError) as error:
        compare([worker("old", acme="0.0.1")], plan, manager)
    assert "worker old has another version of the pack acme" in str(error.value)
    assert f"it has acme 0.0.1, and here is acme {version(manager)}" in str(error.value)


def test_other_code_of_the_same_version_is_refused(manager, plan):
    here = worker("here", acme=version(manager))
    here.sources["acme"] = "0" * 64
    with pytest.raises(ClusterError, match="worker here has other code of the pack acme"):
        compare([here], plan, manager)


def test_the_mend_for_a_pack_with_an_environment_of_its_own_makes_it_one_there(manager, plan):
    isolated = [replace(pack, python="/elsewhere/bin/python") for pack in manager.packs if pack.id == "acme"]
    with pytest.raises(ClusterError) as error:
        PackCheck(Answers([worker("poor")]), {"acme"}, isolated, None).start()
    assert error.value.fix is not None
    assert "--sync-packs" in error.value.fix
    assert f"flowra pack install --isolated flowra-acme=={version(manager)}" in error.value.fix


def test_another_version_of_flowra_is_refused(manager, plan):
    other = worker("other", acme=version(manager))
    other.flowra = "0.0.1"
    with pytest.raises(ClusterError, match="another version of Flowra"):
        compare([other], plan, manager)


def test_workers_of_one_machine_share_what_it_has_and_a_node_gets_at_most_that():
    offer = ClusterOffer([worker("a", "m", {"gpu": 2}), worker("b", "m", {"gpu": 2}), worker("c", "n", {"gpu": 1})])
    assert offer.amount("gpu") == 3
    assert offer.lacking({"gpu": 2}) == []
    assert offer.lacking({"gpu": 3}) == ["gpu 3 (there is 2)"] or offer.lacking({"gpu": 3}) == ["gpu 3 (there is 1)"]


def test_workers_that_see_cards_of_their_own_do_not_share_them():
    workers = [worker(name, "m", {"gpu": 1, "cpu": 4}) for name in ("a", "b", "c")]
    for each, slot in zip(workers, ("GPU-1", "GPU-2", "GPU-2"), strict=True):
        each.slot = slot
    offer = ClusterOffer(workers)
    assert (offer.amount("gpu"), offer.amount("cpu")) == (2, 4)
    assert offer.lacking({"gpu": 2}) == ["gpu 2 (there is 1)"]


@pytest.mark.parametrize(
    ("workers", "cards", "seen"),
    [(2, 4, ["0,2", "1,3"]), (3, 2, ["0", "1", "0"]), (2, 2, ["0", "1"]), (1, 2, [None]), (2, 0, [None, None])],
)
def test_each_worker_of_a_machine_sees_its_share_of_the_cards(monkeypatch, workers, cards, seen):
    monkeypatch.setattr(processes, "usable_gpus", lambda: tuple(Gpu(str(number)) for number in range(cards)))
    found = [processes._cards(number, workers).get("CUDA_VISIBLE_DEVICES") for number in range(workers)]
    assert found == seen


def test_a_worker_says_which_cards_it_sees_unless_people_state_those_of_the_machine(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1")
    assert describe_process([])["slot"] == "GPU-1"
    monkeypatch.setenv("FLOWRA_RESOURCES", "gpu=2")
    assert describe_process(["gpu"])["slot"] == ""
