from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowra.pack.template.merging import merge

BASE = "a\nb\nc\nd\ne\n"
lines = st.lists(st.sampled_from(["a", "b", "c", "", "d"]), max_size=8).map(
    lambda rows: "".join(f"{r}\n" for r in rows)
)


def merged(base, ours, theirs):
    return merge(base, ours, theirs, our_name="yours", their_name="template 2")


@given(lines, lines)
def test_what_only_one_side_changed_is_as_that_side_has_it(base, changed):
    assert (merged(base, changed, base).text, merged(base, base, changed).text) == (changed, changed)


@given(lines, lines)
def test_what_both_sides_changed_alike_is_no_conflict(base, changed):
    assert merged(base, changed, changed) == merged(base, changed, base)


@given(lines, lines, lines)
def test_both_sides_see_the_same_conflicts(base, ours, theirs):
    assert merged(base, ours, theirs).conflicts == merged(base, theirs, ours).conflicts


@given(lines, lines, lines)
def test_no_line_of_either_side_is_lost_without_having_been_in_the_base(base, ours, theirs):
    made = merged(base, ours, theirs).text.splitlines()
    new = {*ours.splitlines(), *theirs.splitlines()} - set(base.splitlines())
    assert new <= set(made)


def test_changes_in_different_places_are_both_taken():
    assert merged(BASE, "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\nf\n") == merged(BASE, "A\nb\nc\nd\nE\nf\n", BASE)


def test_a_conflict_keeps_both_sides_between_markers_and_counts():
    made = merged(BASE, "a\nb\nmine\nd\ne\n", "a\nb\ntheirs\nd\ne\n")
    assert made.conflicts == 1
    assert made.text == "a\nb\n<<<<<<< yours\nmine\n=======\ntheirs\n>>>>>>> template 2\nd\ne\n"


def test_a_last_line_without_a_break_does_not_run_into_a_marker():
    made = merged("a\nb", "a\nmine", "a\ntheirs")
    assert made.text == "a\n<<<<<<< yours\nmine\n=======\ntheirs\n>>>>>>> template 2\n"


@pytest.mark.parametrize("theirs", ["a\nb\nc\nd\nE\n", "a\nx\nc\nd\ne\n"])
def test_a_file_with_windows_line_breaks_keeps_them(theirs):
    made = merged(BASE, "a\r\nb\r\nmine\r\nd\r\ne\r\n", theirs)
    assert made.text.count("\r\n") == made.text.count("\n")
