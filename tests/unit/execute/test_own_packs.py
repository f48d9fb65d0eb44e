"""A session's own packs count for all that its runs do, in every thread, and for no other session."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from fixtures.media_handlers import ArrayHandler

from flowra.dag.graph import Graph
from flowra.dag.key import Keyer
from flowra.dag.node import BaseArgs, Node
from flowra.dag.outcome import Expansion
from flowra.exceptions import GraphInvalidError
from flowra.execute.local import LocalExecutor
from flowra.execute.session import Session
from flowra.execute.session.events import NodeSucceeded
from flowra.plugin import PluginManager, ValueTypeEntry, default_manager, hookimpl, use_manager
from flowra.type.handler import handler_for
from flowra.type.named import value_type_from_json
from flowra.type.value.media import MediaType
from flowra.type.value_type import Tensor


class Plus(ArrayHandler):
    """Adds a number to whatever comes to a port, to be told from others."""

    number = 0

    def coerce(self, value, spec):
        return np.asarray(value) + self.number

    def summarize(self, value):
        return f"plus {self.number}"

    def encode(self, value):
        return f"plus-{self.number}", [value.astype("<i8").tobytes()]

    def decode(self, codec, data, spec):
        assert codec == f"plus-{self.number}"
        return np.frombuffer(data, "<i8")


class PlusOne(Plus):
    number = 1


class PlusTen(Plus):
    number = 10


@dataclass(frozen=True)
class AcmeHologram(MediaType):
    kind: ClassVar[str] = "acme/Hologram"
    handled_as: ClassVar[str] = "acme/Hologram"
    literals: ClassVar[tuple[type, ...]] = (list,)


@dataclass(frozen=True)
class OtherHologram(MediaType):
    kind: ClassVar[str] = "other/Hologram"
    handled_as: ClassVar[str] = "other/Hologram"
    literals: ClassVar[tuple[type, ...]] = (list,)


class Pack:
    """A pack with some value types."""

    def __init__(self, *entries):
        self.entries = entries

    @hookimpl
    def flowra_value_types(self):
        return list(self.entries)


def manager_of(**packs):
    manager = PluginManager()
    for name, entries in packs.items():
        manager.register(Pack(*entries), name)
    return manager


def tensors(handler):
    return manager_of(numbers=[ValueTypeEntry("Tensor", handler=f"{__name__}:{handler}")])


def holograms():
    entry = {"acme": ("PlusOne", "AcmeHologram"), "other": ("PlusTen", "OtherHologram")}
    return manager_of(
        **{
            pack: [ValueTypeEntry("Hologram", handler=f"{__name__}:{handler}", type=f"{__name__}:{kind}")]
            for pack, (handler, kind) in entry.items()
        }
    )


class Out(BaseArgs):
    tensor: Tensor


class Give(Node):
    """Give a tensor on."""

    class InputArgs(BaseArgs):
        tensor: Tensor

    OutputArgs = Out

    def run(self, context, args):
        time.sleep(0.01)
        context.preview(args.tensor)
        return self.OutputArgs(tensor=args.tensor)


class GiveLater(Give):
    """The same, as a coroutine."""

    async def run(self, context, args):
        await asyncio.sleep(0.01)
        return self.OutputArgs(tensor=args.tensor)


class GiveInTime(Give):
    """The same, with a time limit: no thread of the caller runs it."""

    timeout = 20


class GiveByGraph(Give):
    """The same, by a graph that runs in its place."""

    def run(self, context, args):
        graph = Graph("inside")
        tensor = graph.input("tensor", "Tensor")
        graph.output("tensor", graph.add(Give, tensor=tensor)["tensor"])
        return Expansion(graph, {"tensor": args.tensor})


@pytest.fixture(autouse=True)
def no_packs(tmp_path, monkeypatch):
    """No packs but those of a session."""
    monkeypatch.chdir(tmp_path)
    with use_manager(PluginManager()):
        yield


@pytest.mark.parametrize("kind", [Give, GiveLater, GiveInTime, GiveByGraph])
def test_values_are_handled_by_the_sessions_own_packs_in_every_thread(kind):
    graph = Graph("wide")
    for number in range(8):
        graph.output(f"t{number}", graph.add(kind, tensor=[number])["tensor"])
    for handler in ("PlusOne", "PlusTen"):
        events = []
        with Session(manager=tensors(handler), executor=LocalExecutor(threads=4)) as session:
            run = session.run(graph, observers=[events.append]).raise_for_status()
        said = {event.outputs["tensor"] for event in events if isinstance(event, NodeSucceeded)}
        assert said == {{"PlusOne": "plus 1", "PlusTen": "plus 10"}[handler]}
        assert len(run.files) == 8


def test_sessions_with_other_packs_run_side_by_side():
    graph = Graph("side")
    for number in range(20):
        graph.output(f"t{number}", graph.add(Give, tensor=[number])["tensor"])
    with (
        Session(manager=tensors("PlusOne"), cache=False) as one,
        Session(manager=tensors("PlusTen"), cache=False) as ten,
    ):
        running = {1: one.start(graph), 10: ten.start(graph)}
        for added, each in running.items():
            run = each.wait(timeout=30).raise_for_status()
            # Checked at the input, and at the output again.
            assert [int(run[f"t{number}"][0]) for number in range(20)] == [number + 2 * added for number in range(20)]


def test_a_session_leaves_the_packs_of_the_process_alone():
    before = default_manager()
    own = tensors("PlusOne")
    seen = []

    class Look(Node):
        def run(self, context, args):
            seen.append(default_manager())
            thread = threading.Thread(target=lambda: seen.append(default_manager()))
            thread.start()
            thread.join()
            return self.OutputArgs()

    graph = Graph("look")
    graph.add(Look)
    with Session(manager=own) as session:
        session.run(graph).raise_for_status()
    assert seen[0] is own
    assert seen[1] is before
    assert default_manager() is before


def test_the_innermost_block_says_which_packs_count():
    own, inner = PluginManager(), PluginManager()
    graph = Graph("inner")
    seen = []

    class Look(Node):
        def run(self, context, args):
            with use_manager(inner):
                seen.append(default_manager())
            seen.append(default_manager())
            return self.OutputArgs()

    graph.add(Look)
    with Session(manager=own) as session:
        session.run(graph).raise_for_status()
    assert (seen[0] is inner, seen[1] is own) == (True, True)


class Acme(Node):
    """Take and give the one kind of hologram."""

    class InputArgs(BaseArgs):
        hologram: AcmeHologram

    class OutputArgs(BaseArgs):
        hologram: AcmeHologram

    def run(self, context, args):
        return self.OutputArgs(hologram=args.hologram)


class Other(Node):
    """Take and give the other kind."""

    class InputArgs(BaseArgs):
        hologram: OtherHologram

    class OutputArgs(BaseArgs):
        hologram: OtherHologram

    def run(self, context, args):
        return self.OutputArgs(hologram=args.hologram)


def test_types_of_one_name_from_two_packs_are_used_side_by_side():
    graph = Graph("both")
    acme, other = graph.input("a", "acme/Hologram"), graph.input("o", "other/Hologram")
    graph.output("acme", graph.add(Acme, hologram=acme)["hologram"])
    graph.output("other", graph.add(Other, hologram=other)["hologram"])
    manager = holograms()
    assert manager.conflicts == ()
    assert {pack.status for pack in manager.packs} == {"ok"}
    with Session(manager=manager) as session:
        for _ in range(2):  # the second time from the store
            run = session.run(graph, inputs={"a": [1], "o": [1]}).raise_for_status()
            assert int(run["acme"][0]) > 1
            assert int(run["other"][0]) > 10


def test_one_of_two_types_of_a_name_does_not_stand_for_the_other():
    graph = Graph("mixed")
    graph.add(Other, hologram=graph.add(Acme, hologram=[1])["hologram"])
    with Session(manager=holograms()) as session, pytest.raises(GraphInvalidError, match="other/Hologram"):
        session.plan(graph)


def test_a_name_without_the_pack_is_refused_naming_both():
    with use_manager(holograms()), pytest.raises(ValueError, match="may be") as error:
        value_type_from_json("Hologram")
    assert str(error.value) == (
        "value type 'Hologram' may be acme/Hologram of pack acme and other/Hologram of pack other; write which"
    )
    graph = Graph("bare")
    graph.add(Acme, hologram=graph.input("a", "Hologram"))
    with Session(manager=holograms()) as session, pytest.raises(GraphInvalidError, match="write which"):
        session.plan(graph, inputs={"a": [1]})


def test_a_name_without_the_pack_leads_to_the_one_type_there_is():
    manager = manager_of(
        acme=[ValueTypeEntry("Hologram", handler=f"{__name__}:PlusOne", type=f"{__name__}:AcmeHologram")]
    )
    with use_manager(manager), pytest.raises(ValueError, match="did you mean acme/Hologram"):
        value_type_from_json("Hologram")


def test_two_packs_that_handle_one_type_of_the_core_still_contest_it():
    entry = ValueTypeEntry("Tensor", handler=f"{__name__}:PlusOne")
    manager = manager_of(one=[entry], two=[entry])
    assert [conflict.name for conflict in manager.conflicts] == ["Tensor"]
    with use_manager(manager), pytest.raises(Exception, match="Tensor values need"):
        handler_for("Tensor")


def test_the_code_of_a_packs_own_type_is_part_of_the_key():
    graph = Graph("key")
    graph.add(Acme, id="it", hologram=[1])
    with Session(manager=holograms()) as session:
        plan = session.plan(graph)
        part = Keyer(session.catalog, file_digest=lambda path: b"").static_part(plan.nodes["it"])
    assert "acme/Hologram" in str(part.key({}).preimage_json())
