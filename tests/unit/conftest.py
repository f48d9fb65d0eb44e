from __future__ import annotations

import pytest
from fixtures.pack_factory import isolated_site


@pytest.fixture
def site(tmp_path):
    """A folder on the search path that packs are installed into, the only one."""
    folder = tmp_path / "site"
    folder.mkdir()
    with isolated_site(folder):
        yield folder
