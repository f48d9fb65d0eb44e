"""Packs as `flowra create` makes them are clean: every option of every template, and what the edits add."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.created_packs import create, flowra
from fixtures.measuring import unmeasured

from flowra.pack.project import PackProject
from flowra.pack.template.rendering import files_of, render
from flowra.pack.template.source import find_template
from flowra.pack.template.variables import answers
from flowra.pack.tree_checks import tree_problems
from flowra.plugin.compatibility import fits
from flowra.version import VERSION

LICENCES = ("Apache-2.0", "MIT", "BSD-3-Clause", "Proprietary")
OPTIONS = {
    "node-pack": {
        "media": ("image", "plain"),
        "groups": ("filters", "filters,color_space"),
        "license": LICENCES,
        "ci": ("github", "none"),
    },
    "model-pack": {"license": LICENCES, "ci": ("github", "none")},
    "value-type": {"license": LICENCES, "ci": ("github", "none")},
    "storage-backend": {"license": LICENCES, "ci": ("github", "none")},
}
#: What makes other code: a pack of each is made whole and its tests are run.
CODE = [
    ("node-pack", {"media": "image", "groups": "filters"}),
    ("node-pack", {"media": "plain", "groups": "filters,color_space"}),
    ("model-pack", {}),
    ("value-type", {}),
    ("storage-backend", {}),
]


def combinations():
    for template, options in OPTIONS.items():
        for values in itertools.product(*options.values()):
            yield template, dict(zip(options, values, strict=True))


def run(*command: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a tool that is not ours."""
    with unmeasured():
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=cwd,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture(scope="module")
def known_types(tmp_path_factory):
    """What mypy has found out of Flowra and numpy, for all packs here: it looks at each pack as at a changed one."""
    return {"MYPY_CACHE_DIR": str(tmp_path_factory.mktemp("mypy"))}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Every combination of every template's options, rendered side by side: the folder, and each pack with options."""
    folder = tmp_path_factory.mktemp("rendered")
    packs = []
    for number, (template, options) in enumerate(combinations()):
        with find_template(template) as found:
            values = answers(found.folder, {"name": f"pack-{number}", **options})
            packs.append((render(found, values, folder), template, options))
    return folder, packs


def test_the_options_of_the_templates_are_all_here():
    for template, options in OPTIONS.items():
        with find_template(template) as found:
            described = json.loads((found.folder / "cookiecutter.json").read_text())
        choices = {
            name: tuple(value) for name, value in described.items() if isinstance(value, list) and name[0] != "_"
        }
        assert choices == {name: values for name, values in options.items() if name != "groups"}


def test_every_combination_lints_clean_with_its_own_settings(rendered):
    folder, packs = rendered
    assert len(packs) == 56
    done = run("ruff", "check", "--no-cache", ".", cwd=folder)
    assert done.returncode == 0, done.stdout
    done = run("ruff", "format", "--check", ".", cwd=folder)
    assert done.returncode == 0, done.stdout


def test_every_combination_passes_a_strict_type_check(rendered, known_types):
    folder, packs = rendered
    sources = os.pathsep.join(str(root / "src") for root, _, _ in packs)
    configuration = folder / "mypy.ini"
    configuration.write_text("[mypy]\nstrict = true\npython_version = 3.10\n")
    files = [str(root / "src") for root, _, _ in packs]
    done = run("mypy", "--config-file", str(configuration), *files, cwd=folder, MYPYPATH=sources, **known_types)
    assert done.returncode == 0, done.stdout


def test_every_combination_has_a_sound_project_file_and_is_made_for_this_flowra(rendered):
    for root, _, options in rendered[1]:
        project = PackProject.find(root)
        assert [problem.reason for problem in tree_problems(project)] == [], options
        [flowra_range] = [each.removeprefix("flowra") for each in project.requires if re.match(r"flowra[<>=]", each)]
        assert fits(flowra_range, VERSION)
        assert (root / ".github" / "workflows" / "ci.yml").exists() == (options["ci"] == "github")


def test_every_licence_is_the_one_that_was_chosen(rendered):
    says = {
        "Apache-2.0": "Apache License",
        "MIT": "MIT License",
        "BSD-3-Clause": "BSD 3-Clause",
        "Proprietary": "All rights reserved",
    }
    for root, _, options in rendered[1]:
        assert says[options["license"]] in (root / "LICENSE").read_text(encoding="utf-8")


def test_nothing_of_a_template_is_left_unrendered(rendered):
    for root, _, _ in rendered[1]:
        for name, content in files_of(root).items():
            assert "{{" not in name
            if not name.endswith(".png") and "_cache/" not in name:
                assert b"cookiecutter" not in content, name


@pytest.mark.slow
@pytest.mark.parametrize(("template", "options"), CODE, ids=lambda value: value if isinstance(value, str) else None)
def test_a_pack_is_valid_and_its_tests_and_types_are_fine_as_it_was_made(tmp_path, known_types, template, options):
    made = create(tmp_path / "acme-pack", template, **options)
    assert made.note == ""
    done = flowra("project", "validate", cwd=made.path)
    assert (done.returncode, done.stderr) == (0, "")
    done = flowra("project", "test", "--", "-q", cwd=made.path)
    assert done.returncode == 0, done.stdout
    # What the suite holds of nodes and examples has nothing to look at in a pack without them.
    assert "skipped" not in done.stdout or template == "storage-backend"
    done = run("mypy", cwd=made.path, **known_types)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_nodes_that_are_added_renamed_and_removed_leave_a_pack_as_clean_as_it_was(tmp_path, known_types):
    root = create(tmp_path / "acme-pack", groups="filters").path

    def edit(*arguments: str) -> None:
        done = flowra("project", *arguments, cwd=root)
        assert done.returncode == 0, done.stderr

    image = ["--input", "image:AnyImage", "--output", "image:AnyImage"]
    edit("add-node", "Emboss", "--group", "filters", "--input", "strength:Number[0..10]=1", *image)
    edit("add-node", "EdgeMap", "--group", "masks", "--input", "image:AnyImage", "--output", "mask:Mask")
    many = [f"--input=value_{number}:Select[one|two|three]=one" for number in range(9)]
    edit("add-node", "Choose", "--group", "masks", *many, "--output", "text:Text", "--output", "made:Mesh")
    edit("add-node", "Hear", "--group", "sound_effects", "--input", "sound:Audio", "--output", "length:float")
    edit("rename", "Emboss", "Relief")
    edit("rename", "masks", "regions")
    edit("remove", "FiltersExample", "--yes")
    for command in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]):
        done = run(*command, cwd=root, **known_types)
        assert done.returncode == 0, done.stdout
    done = flowra("project", "test", "--", "-q", cwd=root)
    assert done.returncode == 0, done.stdout
    listed = json.loads(flowra("project", "list", "--json", cwd=root).stdout)
    assert [(node["name"], node["group"]) for node in listed] == [
        ("Relief", "filters"),
        ("EdgeMap", "regions"),
        ("Choose", "regions"),
        ("Hear", "sound effects"),
    ]
    assert flowra("project", "sync", "--check", cwd=root).returncode == 0
