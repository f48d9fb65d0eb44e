from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from fixtures.run_nodes import Add, Anything, Fail, Give, Leave

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.exceptions import MESSAGE_LINES, FlowraError, NodeFailedError, PluginError
from flowra.execute.session.events import Log
from flowra.plugin import NodeEntry, hookimpl
from flowra.type.value_type import Float, ListOf


class TestIsolation:
    @pytest.fixture
    def run(self, session):
        graph = Graph("branches")
        one = graph.add(Give, id="one")
        broken = graph.add(Fail, id="broken", a=one["value"])
        after = graph.add(Add, id="after", a=broken["value"])
        graph.add(Add, id="last", a=after["value"], b=one["value"])
        graph.add(Add, id="beside", a=one["value"], b=1)
        for name, node in [("lost", "last"), ("kept", "beside")]:
            graph.output(name, graph.nodes[node]["value"])
        return session.run(graph)

    def test_what_does_not_depend_on_the_failed_node_is_run(self, run):
        assert run.outputs == {"kept": 2.0}
        assert run.files == {"kept": {"value": 2.0}}

    def test_what_depends_on_it_is_left_out_with_the_reason(self, run):
        assert run.not_run == {"after": "broken failed", "last": "broken failed"}

    def test_the_run_failed_with_that_nodes_failure(self, run):
        assert (run.status, list(run.failures)) == ("failed", ["broken"])
        with pytest.raises(NodeFailedError) as raised:
            run.raise_for_status()
        assert isinstance(raised.value.__cause__, ValueError)


class TestMessage:
    def test_it_names_the_node_its_type_the_frame_the_inputs_and_the_mend(self, failure_of):
        failure = failure_of(Fail, a=2.5)
        what, where, why, first, second, fix = str(failure).splitlines()
        assert what == "node it failed"
        assert where.startswith("  where:  local/Fail, ")
        assert where.endswith("in run: raise ValueError(args.message)")
        assert why == "  why:    ValueError: no such luck"
        assert [first, second] == ["  inputs: a = number 2.5", "          message = text 'no such luck'"]
        assert fix == "  fix:    flowra run … -v shows the whole traceback"

    def test_the_frame_is_the_nodes_own_where_a_library_raises_below_it(self, failure_of):
        class Below(Node):
            """Fail inside numpy."""

            def run(self, context, args):
                return helper()

        def helper():
            return np.zeros((2, 3)) @ np.linalg.inv(np.zeros((3, 3)))

        failure = failure_of(Below)
        assert "in helper: return np.zeros((2, 3)) @" in failure.where
        assert "Singular matrix" in failure.why
        assert "linalg" in failure.traceback, "the traceback shows the library's frames too"
        assert "node_call" not in failure.traceback, "and none of Flowra's"

    @pytest.mark.parametrize(
        "message",
        [
            "\n".join(map(str, range(1000))),
            "x" * 3_000_000,
            "\r\x1b[2J\x07\x00 \udcff",
            "a\u2028b\x0bc\x0cd\x85e\n\n\n\n\n",
        ],
        ids=["many lines", "one long line", "control characters", "odd line ends"],
    )
    def test_it_is_short_and_printable_whatever_the_exception_says(self, failure_of, message):
        class Talks(Node):
            """Fail with many words."""

            def run(self, context, args):
                raise ValueError(message)

        failure = failure_of(Talks)
        assert len(failure.lines()) <= MESSAGE_LINES
        assert len(str(failure)) <= 2_500
        str(failure).encode()
        assert not set(str(failure)) & set("\r\x1b\x07\x00\u2028\x0b")
        assert failure.why == f"ValueError: {message}", "--json has all of it"

    def test_with_whole_nothing_is_left_out(self, failure_of):
        lines = failure_of(Fail, message="\n".join(map(str, range(50)))).lines(whole=True)
        assert lines[-2].strip().startswith("message = text")
        assert "          49" in lines

    def test_it_stays_short_with_many_inputs(self, run_one):
        class Wide(Node):
            """Take a lot."""

            InputArgs = type(
                "InputArgs", (BaseArgs,), {"__annotations__": {f"port{i}": int for i in range(40)}, "__module__": "x"}
            )

            def run(self, context, args):
                raise FlowraError("a\nb\nc\nd\ne", why="f\ng\nh", fix="1\n2\n3\n4\n5\n6")

        failure = run_one(Wide, **{f"port{i}": i for i in range(40)}).failures["it"]
        assert len(failure.inputs) == 40
        assert len(failure.lines()) <= MESSAGE_LINES
        assert "… and 37 more" in str(failure)

    def test_an_error_that_can_not_be_shown_is_named(self, failure_of):
        class SilentError(Exception):
            def __str__(self):
                raise RuntimeError("not even this")

        class Silent(Node):
            """Fail without words."""

            def run(self, context, args):
                raise SilentError

        assert failure_of(Silent).why == "SilentError (its message can't be shown: RuntimeError)"

    def test_a_flowra_error_keeps_its_reason_and_mend(self, failure_of):
        class Needs(Node):
            """Fail as a model hub does."""

            def run(self, context, args):
                raise PluginError("the model is not here", why="no network", fix="flowra model get it")

        failure = failure_of(Needs)
        assert (failure.why, failure.fix) == ("the model is not here\nno network", "flowra model get it")

    @pytest.mark.parametrize(
        ("body", "mend"),
        [
            ("raise ModuleNotFoundError('No module named onnx', name='onnx')", "pip install onnx"),
            ("array = numpy.zeros(2); array.flags.writeable = False; array[0] = 1", "work on a copy"),
            ("raise MemoryError", "smaller inputs"),
        ],
    )
    def test_common_errors_have_their_own_mend(self, failure_of, body, mend):
        class Typical(Node):
            """Fail as many do."""

            def run(self, context, args):
                exec(body, {"numpy": np})

        assert mend in failure_of(Typical).fix


class TestWaysToEnd:
    @pytest.mark.parametrize(("how", "why"), [("exit", "it called sys.exit(7)"), ("interrupt", "KeyboardInterrupt")])
    def test_leaving_the_program_is_a_node_error_and_the_run_goes_on(self, session, how, why):
        graph = Graph("leaves")
        graph.add(Leave, id="it", how=how)
        graph.add(Give, id="other")
        run = session.run(graph)
        assert run.failures["it"].why == why
        assert run.outputs == {"other.value": 1.0}

    def test_an_init_that_raises_is_the_nodes_failure(self, failure_of):
        class Loads(Node):
            """Load a model."""

            def init(self, context, args):
                raise OSError("weights.onnx is not there")

            def run(self, context, args):
                return None

        failure = failure_of(Loads)
        assert failure.why == "OSError: weights.onnx is not there"
        assert "in init" in failure.where


class TestResults:
    @pytest.mark.parametrize(
        ("made", "why"),
        [
            (None, "run returned nothing (null), not Value"),
            (3, "run returned whole number 3, not Value"),
            ([1.0], "run returned list [1.0], not Value"),
            ({"value": "many"}, "value: should be a valid number, got text 'many'"),
            ({"value": 1.0, "valeu": 2.0}, "valeu: "),
            ({}, "value: "),
            (Add.InputArgs(a=1), "run returned InputArgs, not Value"),
        ],
    )
    def test_one_that_is_not_what_the_node_declares_is_its_failure(self, failure_of, monkeypatch, made, why):
        monkeypatch.setattr(Anything, "made", made)
        failure = failure_of(Anything)
        assert failure.what == "node it gave a result that is not what it declares"
        assert failure.why.startswith(why)
        assert "self.OutputArgs" in failure.fix

    def test_keys_that_are_no_text_are_a_failure_too(self, failure_of, monkeypatch):
        monkeypatch.setattr(Anything, "made", {1: 2})
        assert "must be strings" in failure_of(Anything).why

    def test_one_that_is_refused_where_it_is_made_names_port_and_line(self, failure_of):
        class Wrong(Node):
            """Give text for a number."""

            class OutputArgs(BaseArgs):
                value: float

            def run(self, context, args):
                return self.OutputArgs(value="many")

        failure = failure_of(Wrong)
        assert failure.why == "value: should be a valid number, got text 'many'"
        assert failure.where.startswith("local/Wrong, outputs value, ")
        assert failure.where.endswith('in run: return self.OutputArgs(value="many")')


class TestArguments:
    def test_a_value_that_a_port_refuses_names_the_node_that_gave_it(self, session):
        class Limited(Node):
            """Take a short list."""

            class InputArgs(BaseArgs):
                values: ListOf(Float)

            def run(self, context, args):
                return None

        class Mixed(Node):
            """Give anything."""

            class OutputArgs(BaseArgs):
                values: object

            def run(self, context, args):
                return self.OutputArgs(values=[1.0, "two"])

        graph = Graph("mixed")
        graph.add(Limited, id="taker", values=graph.add(Mixed, id="giver")["values"])
        failure = session.run(graph).failures["taker"]
        assert failure.what == "node taker got inputs that it can't take"
        assert "(values ← giver.values)" in failure.where
        assert "text 'two'" in failure.why

    def test_a_pack_that_can_not_be_imported_fails_its_nodes_only(self, packs, session):
        class Pack:
            @hookimpl
            def flowra_nodes(self):
                return [NodeEntry("no_such_module_here:Node", name="Gone")]

        packs.register(Pack(), "gone")
        description = Give.describe()
        session.catalog._descriptions["gone/Gone"] = description.__class__(
            "gone/Gone", inputs=description.inputs, outputs=description.outputs
        )
        graph = Graph("half")
        graph.add("gone/Gone", id="gone")
        graph.add(Give, id="here")
        run = session.run(graph)
        assert "no_such_module_here" in run.failures["gone"].why
        assert run.outputs["here.value"] == 1.0


def test_a_file_that_is_missing_is_told_of_once(run_one):
    class Takes(Node):
        """Take a file."""

        class InputArgs(BaseArgs):
            path: Path

        def run(self, context, args):
            return None

    told = []
    run = run_one(Takes, path="gone.txt", observers=[told.append])
    assert "no such file" in run.failures["it"].why
    assert [event for event in told if isinstance(event, Log)] == []


def test_a_warning_of_a_node_is_not_its_failure(run_one):
    class Warns(Node):
        """Warn."""

        def run(self, context, args):
            warnings.warn("old", DeprecationWarning, stacklevel=1)

    with pytest.warns(DeprecationWarning, match="old"):
        assert run_one(Warns).status == "succeeded"
