"""What an address says of the tiers, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowra.exceptions import StoreError
from flowra.storage.tiers.options import TierOptions, split_tier_options


@pytest.mark.parametrize(
    ("address", "bare", "options"),
    [
        ("s3://b/p", "s3://b/p", TierOptions()),
        ("s3://b/p?region=eu", "s3://b/p?region=eu", TierOptions()),
        ("s3://b/p?local=/scratch/a%20b", "s3://b/p", TierOptions(Path("/scratch/a b"))),
        ("s3://b?region=eu&uploads=all&x=1", "s3://b?region=eu&x=1", TierOptions(None, "all")),
    ],
)
def test_the_options_are_taken_out_and_put_back(address, bare, options):
    assert split_tier_options(address) == (bare, options)
    assert split_tier_options(options.on(bare)) == (bare, options)


@pytest.mark.parametrize("query", ["local=here", "uploads=some", "uploads="])
def test_a_value_that_can_not_be_is_refused_with_what_can(query):
    with pytest.raises(StoreError, match="has a value it can't have") as failure:
        split_tier_options(f"s3://b/p?{query}")
    assert failure.value.fix
