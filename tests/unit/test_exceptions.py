from __future__ import annotations

import copy
import pickle  # noqa: TID251  what we pickle here is ours

import pytest

from flowra.exceptions import (
    LINE_LENGTH,
    MESSAGE_LINES,
    FlowraError,
    GraphInvalidError,
    NodeFailedError,
    Problem,
    UsageError,
    printable,
)

MANY = GraphInvalidError(
    "the graph has mistakes", [Problem(f"nodes.n{i}", "is wrong") for i in range(50)], fix="mend it"
)


def test_a_message_says_what_where_why_and_what_to_do():
    error = FlowraError("it broke", where="here", why="because", fix="mend it")
    assert str(error).splitlines() == ["it broke", "  where:  here", "  why:    because", "  fix:    mend it"]


def test_a_long_field_is_cut_and_says_how_to_see_all_of_it():
    error = FlowraError("it broke", why="\n".join(map(str, range(10))))
    assert error.lines()[1:] == ["  why:    0", "          1", "          2", "          … 7 more lines (-v shows all)"]
    assert error.lines(whole=True)[-1] == "          9"


def test_as_many_problems_are_shown_as_fit_and_the_rest_is_counted():
    lines = MANY.lines()
    assert len(lines) == MESSAGE_LINES
    assert lines[-2:] == ["  … and 38 more", "  fix:    mend it"]
    assert len(MANY.lines(whole=True)) == 52
    assert len(MANY.to_json()["problems"]) == 50


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("图 é\tx", "图 é\tx"),
        ("a\nb\rc\x1b[0m", r"a\nb\rc\x1b[0m"),
        ("\udcff", r"\udcff"),
        ("x" * 1000, "x" * (LINE_LENGTH - 1) + "…"),
    ],
)
def test_a_line_is_printable_and_no_longer_than_a_line(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    "error",
    [
        UsageError("it broke", where="here", fix="mend it"),
        MANY,
        NodeFailedError("node a failed", node="a", type="p/A", why="x", inputs={"b": "1"}, traceback="t"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_home_from_another_process_as_it_was(error):
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert other.to_json() == error.to_json()
