from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowra.config import Settings, load_settings
from flowra.config.settings import SETTINGS
from flowra.exceptions import ConfigError


@pytest.fixture(autouse=True)
def user(tmp_path, monkeypatch):
    """The user's settings file, in a home of its own; it does not exist yet."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    from platformdirs import user_config_path

    path = user_config_path("flowra", appauthor=False) / "config.toml"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "deep" / "down").mkdir(parents=True)
    return folder


def load(project, **environment):
    return load_settings(start=project, environment=environment)


def test_without_any_layer_the_defaults_hold(project):
    settings = load(project)
    assert settings == Settings()
    assert settings.packs_disabled == ()
    assert settings.output_dir == Path("flowra-output")
    assert settings.cache_dir.name == "flowra"


def test_each_layer_replaces_single_values_of_those_before(user, project):
    user.write_text('packs_disabled = ["from_user"]\noutput_dir = "out-user"\n')
    assert load(project).packs_disabled == ("from_user",)
    assert load(project).output_dir == user.parent / "out-user"

    (project / "flowra.toml").write_text('packs_disabled = ["from_project"]\n')
    assert load(project).packs_disabled == ("from_project",)
    assert load(project).output_dir == user.parent / "out-user"

    assert load(project, FLOWRA_DISABLE_PACKS="a, b,").packs_disabled == ("a", "b")
    assert load(project, FLOWRA_DISABLE_PACKS="").packs_disabled == ()
    assert load(project, FLOWRA_OUTPUT_DIR="out").output_dir == Path("out")
    assert load(project, FLOWRA_CACHE_DIR="~/c").cache_dir == Path.home() / "c"
    assert load(project, FLOWRA_OUTPUT_DIR="").output_dir == user.parent / "out-user"


def test_amounts_of_resources_come_from_tables_and_from_the_variable(user, project):
    user.write_text("[resources]\ngpu = 1\nlicence = 0.5\n")
    assert load(project).resources == {"gpu": 1.0, "licence": 0.5}
    assert load(project, FLOWRA_RESOURCES="gpu=2, camera = 1").resources == {"gpu": 2.0, "camera": 1.0}
    for bad in ("gpu", "gpu=x", "=1", "gpu=-1", "gpu=nan", "gpu=inf"):
        with pytest.raises(ConfigError, match="the setting resources has a value it can't have"):
            load(project, FLOWRA_RESOURCES=bad)
    for bad in ("resources = 1", "resources = {gpu = true}", "resources = {gpu = '1'}", "resources = {gpu = -1}"):
        user.write_text(bad)
        with pytest.raises(ConfigError, match="the setting resources has a value it can't have"):
            load(project)


def test_every_setting_has_a_variable():
    assert set(SETTINGS) == {field.name for field in dataclasses.fields(Settings)}


def test_the_projects_file_is_looked_for_upwards(project):
    (project / "flowra.toml").write_text('output_dir = "out"\n')
    assert load(project / "deep" / "down").output_dir == project / "out"
    (project / "deep" / "flowra.toml").write_text('output_dir = "nearer"\n')
    assert load(project / "deep" / "down").output_dir == project / "deep" / "nearer"


def test_the_table_in_pyproject_counts_unless_flowra_toml_is_beside_it(project):
    (project / "pyproject.toml").write_text('[project]\nname = "x"\n[tool.flowra]\npacks_disabled = ["a"]\n')
    assert load(project).packs_disabled == ("a",)
    (project / "flowra.toml").write_text("")
    assert load(project).packs_disabled == ()


def test_a_pyproject_without_the_table_is_passed_over_unread(project):
    (project / "pyproject.toml").write_bytes(b"[project\n\xff")
    (project.parent / "flowra.toml").write_text('packs_disabled = ["a"]\n')
    assert load(project).packs_disabled == ("a",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"packs_disabled = [", "a settings file can't be read"),
        (b"\xff\xfe", "a settings file can't be read"),
        (b"pack_disabled = []", "did you mean packs_disabled?"),
        (b"nonsense = []", "the settings are packs_disabled, output_dir"),
        (b'packs_disabled = "a"', "the setting packs_disabled has a value it can't have"),
        (b"packs_disabled = [1]", "it is [1]"),
        (b"output_dir = 5", "give the path of a folder, in quotes"),
        (b'output_dir = ""', "the setting output_dir has a value it can't have"),
    ],
)
def test_a_mistake_is_an_error_that_names_the_file(user, project, content, message):
    for path in (user, project / "flowra.toml"):
        path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            load(project)
        assert message in str(caught.value)
        assert caught.value.where == str(path)
        assert caught.value.fix
        assert caught.value.exit_code == 2
        path.unlink()


def test_a_table_that_is_none_is_an_error(project):
    (project / "pyproject.toml").write_text("[tool]\nflowra = 5 # tool.flowra\n")
    with pytest.raises(ConfigError, match="is not a table"):
        load(project)


def test_without_files_no_toml_reader_is_imported(project):
    program = "import sys; from flowra.config import load_settings; load_settings(); print('tomllib' in sys.modules)"
    # Without coverage's own hook, which reads TOML itself.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"


def test_without_a_current_folder_there_is_no_project(project, monkeypatch):
    def gone():
        raise FileNotFoundError

    monkeypatch.setattr(Path, "cwd", gone)
    assert load_settings(environment={}) == Settings()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs is asked")
@pytest.mark.parametrize("named", [None, "", " ", "elsewhere"])
def test_on_linux_the_users_folders_are_those_that_platformdirs_names(named, tmp_path, monkeypatch):
    from platformdirs import user_cache_path, user_config_path

    from flowra.config.files import user_cache_dir, user_folder

    if named is not None:
        monkeypatch.setenv("XDG_CONFIG_HOME", named.replace("elsewhere", str(tmp_path / "config")))
        monkeypatch.setenv("XDG_CACHE_HOME", named.replace("elsewhere", str(tmp_path / "cache")))
    assert user_folder() == user_config_path("flowra", appauthor=False)
    assert user_cache_dir() == user_cache_path("flowra", appauthor=False)


def test_trusted_keys_are_a_list_that_a_project_cannot_give(user, project):
    user.write_text('trusted_keys = ["ed25519:a"]\n')
    assert load(project).trusted_keys == ("ed25519:a",)
    assert load(project, FLOWRA_TRUSTED_KEYS="b, c").trusted_keys == ("b", "c")
    (project / "flowra.toml").write_text('trusted_keys = ["ed25519:evil"]\n')
    with pytest.raises(ConfigError, match="a project can't say who signs, and whose signatures are trusted"):
        load(project)


def test_clusters_are_tables_that_a_project_cannot_give(user, project):
    user.write_text('[clusters.mine]\nclass = "package.Cluster"\nworkers = 2\n')
    assert load(project).clusters == {"mine": {"class": "package.Cluster", "workers": 2}}
    (project / "flowra.toml").write_text('[clusters.mine]\nclass = "evil.Cluster"\n')
    with pytest.raises(ConfigError, match="a project can't say which classes start clusters"):
        load(project)


def test_sync_packs_is_true_or_false_and_a_project_cannot_allow_it(user, project):
    assert load(project).sync_packs is False
    user.write_text("sync_packs = true\n")
    assert load(project).sync_packs is True
    assert load(project, FLOWRA_SYNC_PACKS="off").sync_packs is False
    with pytest.raises(ConfigError, match="the setting sync_packs has a value it can't have"):
        load(project, FLOWRA_SYNC_PACKS="perhaps")
    (project / "flowra.toml").write_text("sync_packs = true\n")
    with pytest.raises(ConfigError, match="a project can't allow that packs are installed on workers"):
        load(project)


def test_which_results_are_uploaded_is_one_of_three(project):
    assert load(project).uploads == "auto"
    (project / "flowra.toml").write_text('uploads = "none"\n')
    assert load(project).uploads == "none"
    assert load(project, FLOWRA_UPLOADS="all").uploads == "all"
    assert load(project, FLOWRA_UPLOADS="").uploads == "none"
    with pytest.raises(ConfigError, match="uploads has a value it can't have"):
        load(project, FLOWRA_UPLOADS="some")
    (project / "flowra.toml").write_text('uploads = "some"\n')
    with pytest.raises(ConfigError, match="uploads has a value it can't have"):
        load(project)


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("500", 500), ("20 GB", 20 * 10**9), ("1.5GiB", 3 * 2**29), ("3M", 3 * 10**6)]
)
def test_a_limit_of_models_is_a_size(project, text, size):
    assert load(project, FLOWRA_MODEL_LIMIT=text).model_limit == size


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("FLOWRA_MODEL_LIMIT", "much"),
        ("FLOWRA_OFFLINE", "perhaps"),
        ("FLOWRA_HUB_ENDPOINTS", "modelscope"),
        ("FLOWRA_HUB_ENDPOINTS", "modelscope=ftp://host"),
        ("FLOWRA_MODEL_HUB", "Model Scope"),
    ],
)
def test_a_setting_of_models_that_it_can_t_have_is_named_with_its_variable(project, variable, text):
    with pytest.raises(ConfigError) as refused:
        load(project, **{variable: text})
    assert refused.value.where == variable


def test_a_project_cannot_say_where_tokens_are_sent(project):
    (project / "flowra.toml").write_text('hub_endpoints = { modelscope = "https://elsewhere.example" }\n')
    with pytest.raises(ConfigError, match="where models come from"):
        load(project)
