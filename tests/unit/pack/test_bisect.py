from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowra.pack.bisect import culprits

PACKS = [f"p{number}" for number in range(12)]


@given(guilty=st.sets(st.sampled_from(PACKS), min_size=1, max_size=4))
def test_a_smallest_set_that_breaks_is_found(guilty):
    found = culprits(PACKS, lambda left_out: bool(guilty & left_out))
    assert set(found or ()) == guilty


def test_one_culprit_among_many_is_found_in_few_tries():
    tries = 0

    def works_without(left_out):
        nonlocal tries
        tries += 1
        return "p37" in left_out

    assert culprits([f"p{number}" for number in range(64)], works_without) == ["p37"]
    assert tries <= 2 + 2 * 6


@pytest.mark.parametrize(("works", "expected"), [(True, []), (False, None)])
def test_what_no_pack_breaks_has_no_culprit(works, expected):
    assert culprits(PACKS, lambda _: works) == expected
