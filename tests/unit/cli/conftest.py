from __future__ import annotations

import pytest
from fixtures.cli_pack import CommandLine


@pytest.fixture(scope="module")
def flowra(tmp_path_factory):
    """`flowra` as people run it, with one pack installed."""
    return CommandLine(tmp_path_factory.mktemp("flowra"))
