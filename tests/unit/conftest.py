from __future__ import annotations

import pytest
from fixtures.measuring import untraced
from fixtures.pack_factory import isolated_site


@pytest.fixture
def site(tmp_path):
    """A folder on the search path that packs are installed into, the only one."""
    folder = tmp_path / "site"
    folder.mkdir()
    with isolated_site(folder):
        yield folder


@pytest.fixture(name="untraced")
def without_tracer():
    """For a test of very many of what others test with a few: it takes the time that it takes without coverage."""
    with untraced():
        yield
