"""A disk that is full while a pack is made or edited: a message, and the tree as it was."""

from __future__ import annotations

import pytest
from fixtures.created_packs import create, flowra, tree
from fixtures.small_disk import fill, mounted_disk


@pytest.fixture
def disk(tmp_path):
    with mounted_disk(tmp_path / "disk", size="2m") as disk:
        yield disk


def test_a_pack_that_does_not_fit_is_not_there_at_all(disk):
    fill(disk)
    done = flowra("create", "acme", "--yes", cwd=disk)
    assert done.returncode == 2, done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert set(tree(disk)) == {"ballast"}


@pytest.mark.parametrize(
    "edit",
    [
        ["add-node", "Halve", "--group", "filters", "--input", "a:float", "--output", "a:float"],
        ["rename", "FiltersExample", "Scale"],
        ["version", "minor"],
    ],
    ids=lambda edit: edit[0],
)
def test_an_edit_that_does_not_fit_changes_nothing(disk, edit):
    root = create(disk / "acme", media="plain").path
    fill(disk)
    before = tree(disk)
    done = flowra("project", *edit, cwd=root)
    assert done.returncode == 2, done.stderr
    assert "can't be changed" in done.stderr
    assert "No space left on device" in done.stderr
    assert tree(disk) == before


def test_removing_works_on_a_full_disk_or_changes_nothing(disk):
    root = create(disk / "acme", media="plain", groups="filters,more").path
    fill(disk)
    before = tree(disk)
    done = flowra("project", "remove", "FiltersExample", cwd=root)
    after = tree(disk)
    assert after == before if done.returncode else "acme/tests/test_filters_example.py" not in after
