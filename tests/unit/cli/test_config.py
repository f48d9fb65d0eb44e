from __future__ import annotations

import json
import os
import subprocess

import pytest
from fixtures.cli_pack import CommandLine


@pytest.fixture
def flowra(tmp_path):
    """`flowra` with no settings yet, in a project's folder."""
    made = CommandLine(tmp_path)
    made.environment["XDG_CONFIG_HOME"] = str(tmp_path / "home")
    del made.environment["FLOWRA_DISABLE_PACKS"], made.environment["FLOWRA_STORE"]
    made.environment["FLOWRA_OFFLINE"] = "1"  # so that no check asks a hub
    made.user = tmp_path / "home" / "flowra" / "config.toml"
    return made


def test_a_value_is_set_listed_with_its_origin_and_unset(flowra):
    done = flowra.run("config", "set", "output_dir", "pictures")
    assert (done.returncode, done.stderr) == (0, "")
    assert flowra.user.read_text() == f'output_dir = "{flowra.work}/pictures"\n'
    assert flowra.run("config", "get", "output_dir").stdout == f"{flowra.work}/pictures\n"
    listed = flowra.run("config", "list", "--show-origin").stdout
    assert f"output_dir      {flowra.work}/pictures  ({flowra.user})" in listed.splitlines()
    assert f"cache_dir       {flowra.folder}/cache  (FLOWRA_CACHE_DIR)" in listed.splitlines()
    assert "store           (none)  (default)" in listed.splitlines()
    assert flowra.run("config", "unset", "output_dir").stdout == f"{flowra.user}: output_dir removed\n"
    assert flowra.run("config", "get", "output_dir", "--show-origin").stdout == "flowra-output  (default)\n"


def test_the_project_has_a_file_of_its_own(flowra):
    assert flowra.run("config", "path", "--project").stdout == f"{flowra.work}/flowra.toml\n"
    flowra.run("config", "set", "--project", "packs_disabled", "one, two")
    assert (flowra.work / "flowra.toml").read_text() == 'packs_disabled = ["one", "two"]\n'
    rows = json.loads(flowra.run("config", "list", "--json").stdout)
    assert {"setting": "packs_disabled", "value": "one,two", "origin": f"{flowra.work}/flowra.toml"} in rows
    assert not flowra.user.exists()


def test_what_is_set_and_does_not_count_here_is_said(flowra):
    done = flowra.run("config", "set", "cache_dir", "/elsewhere")
    assert done.returncode == 0
    assert done.stderr == f"here it stays {flowra.folder}/cache: FLOWRA_CACHE_DIR stands before it\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["get", "stroe"], "did you mean store?"),
        (["set", "outputdir", "x"], "did you mean output_dir?"),
        (["unset", "nonsense"], "the settings are packs_disabled, output_dir, cache_dir, store"),
        (["set", "store"], "flowra config set store VALUE"),
        (["set", "store", ""], "give the path of a folder"),
        (["set", "secret.Key"], "a-z, 0-9 and _"),
        (["get", "secret.key"], "secrets are not printed"),
    ],
)
def test_a_mistake_is_said_with_the_nearest_name_and_nothing_is_written(flowra, arguments, said):
    done = flowra.run("config", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert not flowra.user.exists()


def keep(flowra, name, value):
    return subprocess.run(
        flowra.command("config", "set", f"secret.{name}"),
        cwd=flowra.work, env=flowra.environment, input=f"{value}\n", capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_secret_is_piped_in_kept_apart_and_never_printed(flowra):
    said = [keep(flowra, "s3_key", "hunter2")]
    assert said[0].returncode == 0
    path = flowra.user.parent / "secrets.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "hunter2" in path.read_text()
    said += [flowra.run(*each) for each in (
        ["config", "list", "--show-origin"], ["config", "list", "--json"], ["config", "get", "secret.s3_key"],
        ["doctor"],
    )]  # fmt: skip
    assert "secret.s3_key" in said[1].stdout
    assert "hunter2" not in "".join(each.stdout + each.stderr for each in said)
    assert not flowra.user.exists()
    assert flowra.run("config", "unset", "secret.s3_key").returncode == 0
    assert "hunter2" not in path.read_text()


def test_a_secret_on_the_command_line_is_refused(flowra):
    done = flowra.run("config", "set", "secret.s3_key", "hunter2")
    assert done.returncode == 2
    assert "shell's history" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert not flowra.user.parent.exists()


def test_an_empty_secret_is_refused(flowra):
    assert keep(flowra, "s3_key", "").returncode == 2


def test_a_password_in_an_address_is_not_shown(flowra):
    done = flowra.run("config", "set", "store", "s3://me:hunter2@host/bucket")
    listed = flowra.run("config", "list", "--json")
    assert "s3://me:…@host/bucket" in done.stdout
    assert "hunter2" not in done.stdout + listed.stdout


def edit(flowra, script):
    editor = flowra.folder / "editor"
    editor.write_text(f"#!/bin/sh\n{script}\n")
    editor.chmod(0o755)
    return flowra.run("config", "edit", VISUAL=str(editor), TMPDIR=str(flowra.folder))


def test_what_an_editor_wrote_is_taken(flowra):
    done = edit(flowra, """echo 'output_dir = "/o"  # mine' >> "$1" """)
    assert (done.returncode, done.stdout) == (0, f"{flowra.user}: written\n")
    assert flowra.user.read_text() == 'output_dir = "/o"  # mine\n'
    assert edit(flowra, "true").stdout == f"{flowra.user}: not changed\n"
    assert not list(flowra.folder.glob("flowra-config-*"))


def test_what_an_editor_spoiled_is_refused_and_the_draft_stays(flowra):
    edit(flowra, """echo 'output_dir = "/o"' > "$1" """)
    done = edit(flowra, """echo 'outputdir = 3' > "$1" """)
    assert done.returncode == 2
    assert "did you mean output_dir?; your draft is still there" in done.stderr
    assert flowra.user.read_text() == 'output_dir = "/o"\n'
    [draft] = flowra.folder.glob("flowra-config-*/config.toml")
    assert str(draft) in done.stderr


def checks(flowra, **environment):
    done = flowra.run("doctor", "--json", **environment)
    data = json.loads(done.stdout)
    assert data["ok"] == (done.returncode == 0)
    found = {}
    for check in data["checks"]:
        found.setdefault(check["name"], []).append(check)
    return done.returncode, found


def test_a_sound_machine_has_nothing_to_mend(flowra):
    code, found = checks(flowra, FLOWRA_DISABLE_PACKS="image")
    assert {name for name, each in found.items() if any(check["status"] == "problem" for check in each)} <= {"disk"}
    assert set(found) == {"python", "uv", "settings", "packs", "store", "disk", "models", "cluster", "gpu", "terminal"}
    assert "sound" in found["store"][0]["said"]
    assert "play" in found["packs"][0]["said"]
    said = flowra.run("doctor", FLOWRA_DISABLE_PACKS="image").stdout
    assert ("everything is fine" in said) == (code == 0)


@pytest.mark.parametrize(
    ("broken", "name", "mend"),
    [
        ({"FLOWRA_STORE": "/dev/null/store"}, "store", "flowra config set store FOLDER"),
        ({"FLOWRA_DISABLE_PACKS": "nobody"}, "packs", "flowra config list --show-origin"),
    ],
)
def test_what_is_off_is_said_with_its_mend_and_the_exit_code(flowra, broken, name, mend):
    code, found = checks(flowra, **broken)
    assert code == 1
    [problem] = [check for check in found[name] if check["status"] == "problem"]
    assert mend in problem["mend"]


def test_a_settings_file_that_is_off_hides_no_other_check(flowra):
    flowra.user.parent.mkdir(parents=True)
    flowra.user.write_text("stor = 3")
    code, found = checks(flowra)
    assert code == 1
    assert found["settings"][0]["status"] == "problem"
    assert found["python"][0]["status"] == "ok"
    assert "gpu" in found


def test_a_damaged_store_is_found(flowra, tmp_path):
    store = tmp_path / "cache" / "store"
    checks(flowra)
    [blob] = [path for path in store.rglob("*") if path.is_file() and path.stat().st_size == 13_000]
    blob.chmod(0o600)
    blob.write_bytes(b"x" + blob.read_bytes()[1:])
    code, found = checks(flowra)
    # The value that the check puts is there already, as far as its name says; reading it finds out.
    assert code == 1
    assert found["store"][0]["status"] == "problem"


def test_a_pack_that_cannot_be_imported_is_named(flowra):
    nodes = flowra.folder / "site" / "play_pack" / "nodes.py"
    nodes.write_text("import no_such_library\n")
    os.utime(nodes, (1, 1))
    code, found = checks(flowra)
    assert code == 1
    assert any("no_such_library" in check["said"] for check in found["packs"])
