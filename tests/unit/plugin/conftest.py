from __future__ import annotations

import pytest


@pytest.fixture
def cache(tmp_path):
    """The folder that the index of packs is kept in."""
    return tmp_path / "cache"
