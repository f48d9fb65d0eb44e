from __future__ import annotations

import pytest

from flowra.exceptions import UsageError
from flowra.pack.edit.dependency import with_dependency, with_version
from flowra.pack.versioning import next_version

HEAD = '[build-system]\nrequires = ["hatchling"]\n\n[project]\nname = "x"\nversion = "0.1.0"  # kept\n'
TAIL = '\n[tool.other]\nversion = "9"\ndependencies = ["z"]\n'


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("dependencies = []", 'dependencies = ["new>=1"]'),
        ('dependencies = ["a[b]>=1"]', 'dependencies = ["a[b]>=1", "new>=1"]'),
        ('dependencies = [\n  "a"  # why\n]', 'dependencies = [\n  "a",  # why\n  "new>=1",\n]'),
        ('dependencies = [\n    "a",\n    "b"\n]', 'dependencies = [\n    "a",\n    "b",\n    "new>=1",\n]'),
    ],
)
def test_a_dependency_comes_behind_the_others(written, made):
    assert with_dependency(f"{HEAD}{written}\n{TAIL}", "new>=1", "pyproject.toml") == f"{HEAD}{made}\n{TAIL}"


def test_dependencies_that_are_not_there_are_not_invented():
    with pytest.raises(UsageError, match="can't be edited"):
        with_dependency(HEAD + TAIL, "new>=1", "pyproject.toml")


def test_the_version_of_the_project_changes_and_no_other():
    assert with_version(HEAD + TAIL, "2.0", "pyproject.toml") == (HEAD + TAIL).replace("0.1.0", "2.0")


def test_a_dynamic_version_is_refused():
    with pytest.raises(UsageError, match="not written"):
        with_version('[project]\nname = "x"\ndynamic = ["version"]\n' + TAIL, "2.0", "pyproject.toml")


@pytest.mark.parametrize(
    ("current", "wanted", "made"),
    [
        ("0.1.0", "patch", "0.1.1"),
        ("0.1.9", "minor", "0.2.0"),
        ("1.2", "major", "2.0.0"),
        ("1.2.0rc1", "patch", "1.2.0"),
        ("1.2.0rc1", "minor", "1.2.0"),
        ("1.2.0rc1", "major", "2.0.0"),
        ("1.0", "2.0.0a1", "2.0.0a1"),
    ],
)
def test_the_next_version_is_counted_as_people_do(current, wanted, made):
    assert next_version(current, wanted) == made


@pytest.mark.parametrize(("current", "wanted"), [("1.0", "newer"), ("?", "minor")])
def test_what_is_no_version_is_refused(current, wanted):
    with pytest.raises(UsageError, match=r"version"):
        next_version(current, wanted)
