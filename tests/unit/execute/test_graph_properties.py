"""Random graphs give what plain Python gives, and make exactly the calls that have to be made: see
`fixtures.random_graphs` for the oracle."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from fixtures.random_graphs import numbers, programs
from hypothesis import given, settings
from hypothesis import strategies as st

from flowra.execute.local import LocalExecutor
from flowra.execute.policy import CachePolicy
from flowra.execute.session import Session
from flowra.plugin import PluginManager, use_manager
from flowra.testing.semantics.ledger import Ledger


@contextmanager
def workplace():
    """A folder with a store, a history and a ledger of its own; give a function that opens a session there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        places = {"FLOWRA_CACHE_DIR": str(folder / "cache"), "FLOWRA_OUTPUT_DIR": str(folder / "output")}
        with patch.dict(os.environ, places), use_manager(PluginManager()):

            def opened(threads=4, **options):
                executor = LocalExecutor(threads=threads)
                return Session(executor=executor, store=folder / "store", **options)

            yield opened, Ledger(folder / "ledger"), Ledger(folder / "gate")


def cacheable(calls):
    """Return the calls of which one is enough, and those that are made each time."""
    return {line for line in calls if not line.startswith("send ")}, {
        line for line in calls if line.startswith("send ")
    }


def made(lines):
    """Count calls. A node that expands counts once: its key is not held while the graph runs that it returned, since
    that graph may ask for the same key, and so two threads may well expand the same."""
    counts = Counter(lines)
    return Counter({line: 1 if line.startswith("twice ") else count for line, count in counts.items()})


@pytest.mark.parametrize("threads", [1, 6])
@given(program=programs())
def test_a_graph_gives_what_plain_python_gives(program, threads):
    with workplace() as (opened, ledger, _), opened(threads, cache=False) as session:
        run = session.run(program.graph(str(ledger)))
        outputs, calls = program.expected()
        assert (run.status, run.outputs) == ("succeeded", outputs)
        assert set(ledger.lines()) == set(calls)


@pytest.mark.parametrize("threads", [1, 6])
@given(program=programs())
def test_with_a_cache_each_call_is_made_once(program, threads):
    with workplace() as (opened, ledger, _):
        outputs, calls = program.expected()
        once, each_time = cacheable(calls)
        for _ in range(2):
            with opened(threads) as session:
                for _ in range(2):
                    assert session.run(program.graph(str(ledger))).outputs == outputs
        counts = made(ledger.lines())
        assert {line: counts[line] for line in once} == dict.fromkeys(once, 1)
        assert {line: counts[line] for line in each_time} == dict.fromkeys(each_time, 4)
        assert set(counts) == once | each_time


@given(program=programs(), data=st.data())
def test_after_an_edit_only_what_is_new_is_called(program, data):
    with workplace() as (opened, ledger, _), opened() as session:
        seen = set()
        for _ in range(3):
            outputs, calls = program.expected()
            once, each_time = cacheable(calls)
            assert session.run(program.graph(str(ledger))).outputs == outputs
            assert made(ledger.take()) == Counter((once - seen) | each_time)
            seen |= once
            literals = [index for index, step in enumerate(program.steps) if step.literal is not None]
            index = data.draw(st.sampled_from(literals), label="edited step")
            old = program.steps[index].literal
            new = (
                not old
                if isinstance(old, bool)
                else data.draw(
                    st.tuples(*[_like(item) for item in old]).map(list) if isinstance(old, list) else numbers
                )
            )
            program = program.edited(index, new)


def _like(item):
    return st.tuples(*[numbers for _ in item]).map(list) if isinstance(item, list) else numbers


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("threads", [1, 6])
@given(program=programs(gate=True))
def test_a_run_that_failed_somewhere_goes_on_from_there(program, threads, cached):
    """Nothing that succeeded is called again by `resume`, with effects or not, whether the cache was used or not."""
    policy = CachePolicy(everything_off=not cached)
    with workplace() as (opened, ledger, gate):
        outputs, calls = program.expected()
        with opened(threads) as session:
            first = session.run(program.graph(str(ledger), str(gate)), policy=policy)
        done = ledger.counts()
        gates = {line for line in calls if line.startswith("gate ")}
        assert first.status == ("failed" if gates & set(done) else "succeeded")
        assert set(done) <= set(calls)
        gate.path.write_text("open\n", encoding="utf-8")
        with opened(threads) as session:
            second = session.run(program.graph(str(ledger), str(gate)), policy=policy, resume=first.id)
        assert (second.status, second.outputs) == ("succeeded", outputs)
        counts = made(ledger.lines())
        assert set(counts) == set(calls)
        if cached:
            assert {line: counts[line] for line in counts if line not in gates} == dict.fromkeys(set(calls) - gates, 1)
        else:
            # Each node runs for itself, and none of them twice.
            assert {line for line in counts if line not in gates and counts[line] > calls[line]} == set()


@given(program=programs(most=8), memory=st.sampled_from([0, 2**30]), data=st.data())
@settings(max_examples=25)
def test_a_part_of_a_graph_gives_what_it_gives_in_the_whole(program, memory, data):
    target = data.draw(st.integers(0, len(program.steps) - 1))
    with workplace() as (opened, ledger, _), opened() as session:
        graph = program.graph(str(ledger))
        outputs, calls = program.expected()
        run = session.run(graph, targets=[f"s{target}"])
        assert run.status == "succeeded"
        assert set(ledger.lines()) <= set(calls) or any(step.kind == "choose" for step in program.steps)
        assert run.outputs.items() <= outputs.items() or not run.plan.outputs
