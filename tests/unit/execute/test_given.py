"""What a failed call was given is kept in the journal, whatever it was."""

from __future__ import annotations

import json

import numpy as np
import pytest

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.exceptions import RunError
from flowra.execute.given import read_given, replay_command
from flowra.storage.refs import BlobRef, InlineRef, ListRef
from flowra.type.value_type import AnyImage
from flowra_image.types import AnyImageHandler


class Fails(Node):
    """Fail, whatever comes."""

    class InitArgs(BaseArgs):
        model: str = "small"

    class InputArgs(BaseArgs):
        image: AnyImage
        images: list[AnyImage] | None = None
        count: int = 3
        anything: object = None

    class OutputArgs(BaseArgs):
        pass

    def run(self, context, args):
        raise RuntimeError("as always")


@pytest.fixture
def given(flowra_session):
    """Return a function that runs the node and gives what the journal says that it was given."""

    def given(**inputs):
        graph = Graph("fails")
        graph.add(Fails, id="node", init={"model": "large"}, inputs=inputs)
        run = flowra_session.run(graph)
        assert list(run.failures) == ["node"]
        return flowra_session.history.read(run.id).given["node"]

    return given


def test_values_are_named_and_lie_in_the_store(given, flowra_session):
    picture = np.arange(30_000, dtype=np.uint8).reshape(100, 100, 3)
    found = read_given(given(image=picture, images=[picture, picture // 2], count=7))
    assert (found.type, found.init) == ("local/Fails", {"model": "large"})
    assert isinstance(found.refs["image"], BlobRef)
    assert found.refs["images"] == ListRef((found.refs["image"], found.refs["images"].items[1]))
    assert found.refs["count"] == InlineRef("json", b"7")
    assert flowra_session.store.has(found.refs["images"])
    assert not found.literals
    assert not found.lost


def test_a_literal_that_is_no_value_of_the_port_is_kept_as_it_is(given):
    assert read_given(given(image="no such.png")).literals["image"].endswith("no such.png")


def test_a_handler_that_crashes_ends_no_run(given, monkeypatch):
    def crash(self, value, spec):
        raise KeyError("a mistake of the pack")

    monkeypatch.setattr(AnyImageHandler, "coerce", crash)
    data = given(image=np.zeros((4, 4), np.uint8))
    assert read_given(data).lost == {"image": "KeyError: 'a mistake of the pack'"}
    assert replay_command("run", "node", {**data, "type": "image/Blur"}) == ""


def test_the_command_is_fit_for_a_shell_and_only_for_classes_that_a_pack_has():
    data = {"type": "image/Blur", "init": {}, "inputs": {"image": {"literal": "a.png"}}}
    assert replay_command("run-1", "blur", data) == "flowra debug replay run-1:blur"
    assert replay_command("run-1", "blur[2]", data) == "flowra debug replay 'run-1:blur[2]'"
    assert replay_command("run-1", "blur", {**data, "type": "local/Blur"}) == ""


@pytest.mark.parametrize("data", [{}, {"type": "a/B"}, {"type": "a/B", "init": {}, "inputs": {"x": {"ref": 3}}}])
def test_what_is_no_such_note_is_refused(data):
    with pytest.raises(RunError, match="does not say what the node was given"):
        read_given(json.loads(json.dumps(data)))
