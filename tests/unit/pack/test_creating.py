from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from fixtures.created_packs import create, tree

from flowra.exceptions import PluginError, UsageError
from flowra.pack.project import PackProject
from flowra.pack.template.creating import create_pack
from flowra.pack.template.rendering import check_cookiecutter
from flowra.pack.template.source import Template, find_template
from flowra.pack.template.state import STATE_NAME


def own_template(folder: Path, files: dict[str, str], variables: dict[str, object] | None = None) -> Path:
    """Write a template of one's own."""
    (folder / "{{ cookiecutter.name }}").mkdir(parents=True)
    (folder / "cookiecutter.json").write_text(json.dumps({"name": "made", **(variables or {})}))
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def made_from(folder: Path, template: Path, **answers: str):
    with find_template(str(template)) as found:
        return create_pack(folder, found, answers)


def test_the_name_of_the_folder_is_that_of_the_pack(tmp_path):
    made = create(tmp_path / "flowra-acme.filters")
    project = PackProject.find(made.path)
    assert (project.distribution, project.pack) == ("flowra-acme.filters", "acme-filters")
    assert project.module == "flowra_acme_filters.plugin"


def test_what_is_kept_of_the_template_is_what_was_made(tmp_path):
    made = create(tmp_path / "acme", license="MIT")
    state = json.loads((made.path / STATE_NAME).read_text(encoding="utf-8"))
    assert state["template"]["name"] == "node-pack"
    assert state["answers"]["license"] == "MIT"
    text = {name for name, content in state["files"].items() if not content.startswith("sha256:")}
    assert all((made.path / name).read_text(encoding="utf-8") == state["files"][name] for name in text)
    assert {*state["files"]} == {*made.files} - {STATE_NAME, "src/acme/flowra-manifest.json"}


def test_nothing_of_this_machine_is_written_into_a_pack(tmp_path):
    made = create(tmp_path / "acme")
    assert [name for name in made.files if str(tmp_path).encode() in (made.path / name).read_bytes()] == []


def test_an_empty_folder_is_filled_and_stays_the_same_folder(tmp_path):
    folder = tmp_path / "acme"
    folder.mkdir()
    before = folder.stat().st_ino
    create(folder)
    assert (folder / "pyproject.toml").is_file()
    assert folder.stat().st_ino == before


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_there_already_is_refused_and_left_alone(tmp_path, kind):
    path = tmp_path / "acme"
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
        (path / "notes.txt").write_text("mine")
    else:
        path.symlink_to(tmp_path / "nowhere")
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        create(path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"name": "-acme"}, "names of distributions"),
        ({"pack": "2nd"}, "ids of packs"),
        ({"pack": "graph"}, "reserved"),
        ({"package": "my-pack"}, "no identifier"),
        ({"package": "class"}, "a word of Python's own"),
        ({"package": "json"}, "would hide"),
        ({"package": "flowra"}, "would hide"),
        ({"groups": "a,2b"}, "no identifier"),
        ({"groups": "Filters"}, "lower case"),
        ({"groups": "a,a"}, "twice"),
        ({"description": 'say "x"'}, "no quotes"),
        ({"author": "x" * 200}, "longer than"),
        ({"license": "GPL"}, "one of Apache-2.0"),
        ({"licence": "MIT"}, "did you mean license"),
    ],
)
def test_an_answer_that_can_not_be_used_is_named_before_anything_is_made(tmp_path, answers, message):
    with pytest.raises(UsageError) as caught:
        create(tmp_path / "acme", **answers)
    assert message in str(caught.value)
    assert tree(tmp_path) == {}


def test_who_answers_on_a_terminal_is_asked_again_and_told_why(tmp_path):
    asked = []

    def ask(name, prompt, default, choices):
        asked.append((name, prompt))
        return "2nd" if name == "pack" and len(asked) == 1 else default

    with find_template("node-pack") as found:
        made = create_pack(tmp_path / "acme", found, {"author": "Ada"}, ask)
    assert [name for name, _ in asked][:3] == ["pack", "pack", "package"]
    assert "no digit first" in asked[1][1]
    assert (made.answers["pack"], made.answers["author"]) == ("acme", "Ada")


@pytest.mark.parametrize(("scheme", "why"), [("S3", "small letters"), ("file", "addresses of folders")])
def test_a_scheme_that_can_not_be_one_is_named(tmp_path, scheme, why):
    with pytest.raises(UsageError) as caught:
        create(tmp_path / "acme", "storage-backend", scheme=scheme)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "files",
    [
        {"{{ cookiecutter.name }}/a.txt": "fine", "{{ cookiecutter.name }}/b.txt": "{{ cookiecutter.nothing }}"},
        {"{{ cookiecutter.name }}/a.txt": "fine", "{{ cookiecutter.name }}/b.txt": "{% if %}"},
        {"{{ cookiecutter.name }}/a.txt": "fine", "{{ cookiecutter.name }}/b.txt": "{{ 1 / 0 }}"},
        {"{{ cookiecutter.name }}/a.txt": "fine", "hooks/post_gen_project.py": "raise SystemExit(3)"},
    ],
    ids=["unknown variable", "no jinja", "failing expression", "failing hook"],
)
def test_a_template_that_fails_half_way_leaves_nothing_behind(tmp_path, files):
    template = own_template(tmp_path / "template", files)
    before = tree(tmp_path)
    with pytest.raises(PluginError, match="failed"):
        made_from(tmp_path / "deep" / "acme", template)
    assert tree(tmp_path) == before


def test_a_template_that_is_interrupted_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("flowra.pack.template.creating.manifest_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        create(tmp_path / "acme")
    assert tree(tmp_path) == {}


def test_a_template_without_a_pack_is_made_without_a_manifest(tmp_path):
    template = own_template(tmp_path / "template", {"{{ cookiecutter.name }}/{{ cookiecutter.name }}.txt": "hello"})
    made = made_from(tmp_path / "x", template, name="other")
    assert made.files == (STATE_NAME, "other.txt")
    assert made.note == ""
    origin = json.loads((made.path / STATE_NAME).read_text())["template"]
    assert origin == {"folder": "../template"}, "relative to the pack: both may be moved"


def test_layers_are_rendered_for_the_answers_that_they_are_for(tmp_path):
    for layer in ("base", "extra", "part"):
        own_template(tmp_path / layer, {})
    (tmp_path / "base" / "{{ cookiecutter.name }}" / "a.txt").write_text("base")
    (tmp_path / "extra" / "{{ cookiecutter.name }}" / "a.txt").write_text("extra")
    (tmp_path / "part" / "{{ cookiecutter.name }}" / "{{ cookiecutter.one }}.txt").write_text("{{ cookiecutter.one }}")
    layers = ["../base", {"folder": "../extra", "when": {"more": "yes"}}, {"folder": "../part", "each": {"one": "all"}}]
    top = tmp_path / "top"
    top.mkdir()
    variables = {"name": "made", "more": ["no", "yes"], "all": "x, y", "_layers": layers}
    (top / "cookiecutter.json").write_text(json.dumps(variables))
    without, with_extra = made_from(tmp_path / "p", top), made_from(tmp_path / "q", top, more="yes")
    assert without.files == (STATE_NAME, "a.txt", "x.txt", "y.txt")
    assert [(each.path / "a.txt").read_text() for each in (without, with_extra)] == ["base", "extra"]
    assert (without.path / "y.txt").read_text() == "y"


def test_a_layer_that_is_not_there_is_named(tmp_path):
    top = own_template(tmp_path / "top", {}, {"_layers": ["../gone"]})
    with pytest.raises(PluginError, match="layer that is not there"):
        made_from(tmp_path / "p", top)


@pytest.mark.parametrize("said", ["nodepack", "./nowhere", "/nowhere/at/all"])
def test_a_template_that_is_not_there_says_which_there_are(said):
    with pytest.raises(UsageError, match="there is no template") as caught, find_template(said):
        pass
    assert caught.value.fix


def test_a_template_is_found_in_a_git_repository_at_the_commit_that_is_named(tmp_path):
    import subprocess

    template = own_template(tmp_path / "template", {"{{ cookiecutter.name }}/a.txt": "one"})

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=template, check=True, capture_output=True)

    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"], ["tag", "v1"]):
        git(*command)
    (template / "{{ cookiecutter.name }}" / "a.txt").write_text("two")
    git("commit", "-qam", "two")
    address = f"git+{template.as_uri()}"
    for said, text in ((address, "two"), (f"{address}@v1", "one")):
        with find_template(said) as found:
            assert isinstance(found, Template)
            assert not found.installed
            made = create_pack(tmp_path / text, found, {})
        assert (made.path / "a.txt").read_text() == text
        assert len(json.loads((made.path / STATE_NAME).read_text())["template"]["commit"]) == 40


@pytest.mark.parametrize("said", ["git+file:///nowhere/x.git", "ext::sh -c true.git", "git+ext::sh -c 'touch x'"])
def test_an_address_that_git_can_not_fetch_is_an_error_and_runs_nothing(said):
    with pytest.raises(UsageError, match="can't be fetched"), find_template(said):
        pass


def test_without_cookiecutter_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cookiecutter", None)
    with pytest.raises(UsageError) as caught:
        check_cookiecutter()
    assert caught.value.fix == "pip install flowra-templates"
