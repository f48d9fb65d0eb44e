from __future__ import annotations

import json
import shutil

import pytest
from fixtures.created_packs import tree

from flowra.exceptions import UsageError
from flowra.pack.template.creating import create_pack
from flowra.pack.template.source import find_template
from flowra.pack.template.state import STATE_NAME
from flowra.pack.template.updating import update_pack


@pytest.fixture
def template(tmp_path):
    """A template with three texts and one file that is none."""
    folder = tmp_path / "template" / "{{ cookiecutter.name }}"
    folder.mkdir(parents=True)
    (folder.parent / "cookiecutter.json").write_text(json.dumps({"name": "made", "who": "Ada"}))
    (folder / "a.txt").write_text("one\ntwo {{ cookiecutter.who }}\nthree\nfour\nfive\n")
    (folder / "b.txt").write_text("b\n")
    (folder / "c.txt").write_text("c\n")
    (folder / "d.bin").write_bytes(b"\x00\x01\xff" * 50)
    return folder


@pytest.fixture
def pack(template, tmp_path):
    with find_template(str(template.parent)) as found:
        return create_pack(tmp_path / "pack", found, {"who": "Grace"}).path


def update(pack, template, check=False, **answers):
    with find_template(str(template.parent)) as found:
        return update_pack(pack, found, answers, check=check)


def test_a_template_that_is_as_it_was_changes_nothing(pack, template):
    before = tree(pack)
    assert update(pack, template).files == ()
    assert tree(pack) == before


def test_what_the_template_changed_comes_and_what_the_author_changed_stays(pack, template):
    (template / "a.txt").write_text("one\ntwo {{ cookiecutter.who }}\nthree\nfour\nFIVE\nsix\n")
    (template / "new.txt").write_text("new\n")
    (template / "c.txt").unlink()
    (pack / "a.txt").write_text("ONE\ntwo Grace\nthree\nfour\nfive\n")
    (pack / "b.txt").write_text("my b\n")
    (pack / "mine.txt").write_text("mine\n")
    done = update(pack, template)
    assert dict(done.files) == {"a.txt": "changed", "c.txt": "removed", "new.txt": "new", STATE_NAME: "changed"}
    assert (pack / "a.txt").read_text() == "ONE\ntwo Grace\nthree\nfour\nFIVE\nsix\n"
    assert (pack / "b.txt").read_text() == "my b\n"
    assert (pack / "mine.txt").read_text() == "mine\n"
    assert not done.conflicts
    assert update(pack, template).files == (), "a second time there is nothing left to bring in"


def test_lines_that_both_changed_are_shown_with_both_sides(pack, template):
    (template / "a.txt").write_text("one\ntwo of {{ cookiecutter.who }}\nthree\nfour\nfive\n")
    (pack / "a.txt").write_text("one\nTWO\nthree\nfour\nfive\n")
    done = update(pack, template)
    assert done.conflicts == {"a.txt": (2,)}
    assert "<<<<<<< yours\nTWO\n=======\ntwo of Grace\n>>>>>>> " in (pack / "a.txt").read_text()
    before = tree(pack)
    with pytest.raises(UsageError, match="not settled") as caught:
        update(pack, template)
    assert str(caught.value.where).endswith("a.txt:2")
    assert tree(pack) == before


def test_a_file_that_is_no_text_is_replaced_only_if_the_author_left_it_alone(pack, template):
    (template / "d.bin").write_bytes(b"\x00new" * 9)
    kept = shutil.copytree(pack, pack.with_name("kept"))
    update(pack, template)
    assert (pack / "d.bin").read_bytes() == b"\x00new" * 9
    (kept / "d.bin").write_bytes(b"\x00mine")
    done = update(kept, template)
    assert (kept / "d.bin").read_bytes() == b"\x00mine"
    assert "d.bin" in done.conflicts
    assert any("d.bin" in line for line in done.kept)


def test_what_the_author_removed_stays_away_and_is_told(pack, template):
    (pack / "b.txt").unlink()
    (pack / "c.txt").write_text("my c\n")
    (template / "b.txt").write_text("better b\n")
    (template / "c.txt").unlink()
    done = update(pack, template)
    assert not (pack / "b.txt").exists()
    assert (pack / "c.txt").read_text() == "my c\n"
    assert [line.partition(":")[0] for line in done.kept] == ["b.txt", "c.txt"]


def test_a_check_writes_nothing_and_says_what_would_come(pack, template):
    (template / "b.txt").write_text("better b\n")
    before = tree(pack)
    assert ("b.txt", "changed") in update(pack, template, check=True).files
    assert tree(pack) == before


def test_an_answer_can_be_given_anew_and_is_kept(pack, template):
    update(pack, template, who="Emmy")
    assert "two Emmy\n" in (pack / "a.txt").read_text()
    assert json.loads((pack / STATE_NAME).read_text())["answers"]["who"] == "Emmy"


def test_a_new_variable_of_the_template_gets_its_default(pack, template):
    (template.parent / "cookiecutter.json").write_text(json.dumps({"name": "made", "who": "Ada", "more": "yes"}))
    (template / "b.txt").write_text("{{ cookiecutter.more }}\n")
    update(pack, template)
    assert (pack / "b.txt").read_text() == "yes\n"


@pytest.mark.parametrize(
    "state", [None, "{", '{"format": "other/9", "template": {}, "answers": {}, "files": {}}', "[]"]
)
def test_a_pack_that_does_not_know_its_template_says_so(pack, template, state):
    if state is None:
        (pack / STATE_NAME).unlink()
    else:
        (pack / STATE_NAME).write_text(state)
    with pytest.raises(UsageError, match="template"):
        update(pack, template)
