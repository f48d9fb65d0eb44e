from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))

from pack_factory import isolated_site


@pytest.fixture
def site(tmp_path):
    """A folder on the search path that packs are installed into, the only one."""
    folder = tmp_path / "site"
    folder.mkdir()
    with isolated_site(folder):
        yield folder


@pytest.fixture
def cache(tmp_path):
    """The folder that the index of packs is kept in."""
    return tmp_path / "cache"
