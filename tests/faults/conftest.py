from __future__ import annotations

import pytest
from fixtures.fault_pack import FaultyCommandLine


@pytest.fixture
def flowra(tmp_path):
    """`flowra` as people run it, in a place of its own, with a pack whose nodes keep a ledger."""
    return FaultyCommandLine(tmp_path)
