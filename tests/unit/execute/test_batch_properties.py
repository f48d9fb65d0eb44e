"""Random graphs with random settings: as a batch they give what each setting gives by itself."""

from __future__ import annotations

import itertools
from typing import Any

from fixtures.random_graphs import numbers, programs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowra.execute.batch.sweep import Sweep
from flowra.execute.session import Session

PORTS = {"number": "value", "numbers": "values", "table": "values", "choose": "condition"}


def values_for(step: Any) -> Any:
    """Return values for a step's literal; lists keep their lengths, since others may be mapped over with them."""
    if step.kind == "number":
        return numbers
    if step.kind == "choose":
        return st.booleans()
    if step.kind == "numbers":
        return st.lists(numbers, min_size=len(step.literal), max_size=len(step.literal))
    return st.sampled_from([step.literal, [[value + 1 for value in row] for row in step.literal]])


@st.composite
def batches(draw):
    """Draw a program, what items give to its steps, and settings of others."""
    program = draw(programs(most=9))
    literals = [index for index, step in enumerate(program.steps) if step.kind in PORTS]
    chosen = draw(st.lists(st.sampled_from(literals), min_size=1, max_size=3, unique=True))
    given_by_items = draw(st.integers(0, len(chosen)))

    def value(index):
        return draw(values_for(program.steps[index]))

    items = [{index: value(index) for index in chosen[:given_by_items]} for _ in range(draw(st.integers(1, 3)))]
    sweep = {index: [value(index) for _ in range(draw(st.integers(1, 3)))] for index in chosen[given_by_items:]}
    return program, items, sweep


def test_a_batch_gives_what_each_of_its_settings_gives_by_itself(packs, tmp_path):
    with Session() as session:

        @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(batches(), st.sampled_from([1, 2, None]))
        def check(batch, in_flight):
            program, items, sweep = batch
            combinations = [dict(zip(sweep, each, strict=True)) for each in itertools.product(*sweep.values())]
            expected = []
            for item, setting in itertools.product(items, combinations):
                edited = program
                for index, value in {**item, **setting}.items():
                    edited = edited.edited(index, value)
                expected.append(edited.expected()[0])

            def named(values):
                return {f"s{index}.{PORTS[program.steps[index].kind]}": value for index, value in values.items()}

            results = session.map(
                program.graph(str(tmp_path / "ledger")),
                list(map(named, items)),
                sweep=Sweep.matrix(named(sweep)),
                in_flight=in_flight,
                ordered=True,
            )
            assert [result.raise_for_status().outputs for result in results] == expected

        check()
