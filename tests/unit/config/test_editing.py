"""Settings files are changed in place, and secrets are kept apart."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from flowra.config import load_settings
from flowra.config.editing import remove_setting, setting_from_text, write_setting
from flowra.config.secrets import forget_secret, keep_secret, read_secret, secret_names, secrets_file
from flowra.config.settings import SETTINGS, load_layers
from flowra.exceptions import ConfigError, UsageError

WRITTEN = """\
# Where my pictures go.
output_dir   =  "pictures"   # below this folder


packs_disabled = [
    "old_pack",  # slow
]
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home" / "flowra"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "flowra.toml"
    path.write_text(WRITTEN)
    return path


def test_comments_and_spacing_survive_a_change(file):
    write_setting(file, "output_dir", "photos")
    assert file.read_text() == WRITTEN.replace('"pictures"', '"photos"')
    write_setting(file, "store", "kept")
    assert file.read_text().startswith(WRITTEN.replace('"pictures"', '"photos"'))
    assert load_settings(environment={}).store.endswith("kept")


def test_line_breaks_of_another_system_stay(file):
    file.write_bytes(WRITTEN.replace("\n", "\r\n").encode())
    write_setting(file, "output_dir", "photos")
    assert file.read_bytes() == WRITTEN.replace('"pictures"', '"photos"').replace("\n", "\r\n").encode()


def test_a_setting_is_removed_and_the_rest_stays(file):
    assert remove_setting(file, "packs_disabled")
    assert not remove_setting(file, "packs_disabled")
    assert file.read_text().startswith('# Where my pictures go.\noutput_dir   =  "pictures"   # below this folder\n')
    assert "old_pack" not in file.read_text()


def test_in_a_pyproject_only_flowras_table_is_touched(tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "mine"  # my own\n\n[tool.ruff]\nline-length = 100\n')
    before = path.read_text()
    write_setting(path, "output_dir", "out")
    assert path.read_text().startswith(before)
    assert load_settings(environment={}).output_dir == tmp_path / "out"
    assert remove_setting(path, "output_dir")
    assert before in path.read_text()


@pytest.mark.parametrize("wrong", ["packs_disabled = 3\n", "no toml", "stor = 'x'\n"])
def test_a_file_that_is_off_is_not_written_to(file, wrong):
    file.write_text(wrong)
    with pytest.raises(ConfigError):
        write_setting(file, "output_dir", "out")
    assert file.read_text() == wrong


def test_permissions_and_links_stay(tmp_path, file):
    file.chmod(0o640)
    link = tmp_path / "linked" / "flowra.toml"
    link.parent.mkdir()
    link.symlink_to(file)
    write_setting(link, "output_dir", "out")
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert '"out"' in file.read_text()


def test_a_file_that_cannot_be_written_is_said(file):
    with pytest.raises(UsageError, match="can't be written"):
        write_setting(file / "below" / "flowra.toml", "output_dir", "out")
    assert file.read_text() == WRITTEN


def test_a_folder_means_what_was_typed_wherever_the_file_lies(tmp_path, file, monkeypatch):
    inside = tmp_path / "deep"
    inside.mkdir()
    monkeypatch.chdir(inside)
    assert setting_from_text("output_dir", "out", file) == "deep/out"
    away = tmp_path / "away" / "config.toml"
    assert setting_from_text("output_dir", "out", away) == str(inside / "out")
    for text in ("~/out", "/out", "s3://bucket/prefix"):
        assert setting_from_text("store", text, file) == text
    assert setting_from_text("packs_disabled", "a, b,", file) == ["a", "b"]


TYPED = {
    "packs_disabled": "a, b",
    "output_dir": "out",
    "cache_dir": "~/cache",
    "store": "s3://bucket/prefix",
    "uploads": "all",
    "resources": "gpu=1, licence=2",
    "trusted_keys": "ed25519:a",
    "clusters": '{"mine": {"class": "package.Cluster", "workers": 2}}',
    "data_dir": "data",
    "sync_packs": "yes",
    "result_key": "key.pem",
    "result_signers": "ed25519:a,ed25519:b",
    "model_hub": "huggingface",
    "model_dir": "models",
    "model_mirror": "/mirror",
    "model_limit": "20 GB",
    "hub_endpoints": "modelscope=https://hub.example",
    "offline": "off",
}


@pytest.mark.parametrize("name", list(SETTINGS))
def test_what_is_typed_means_the_same_as_in_the_environment(name, home, tmp_path):
    home.mkdir(parents=True)
    file = home / "config.toml"
    write_setting(file, name, setting_from_text(name, TYPED[name], file))
    typed = getattr(load_settings(start=tmp_path, environment={}), name)
    stated = getattr(load_settings(start=tmp_path, environment={SETTINGS[name].variable: TYPED[name]}), name)
    assert typed == (Path.cwd() / stated if isinstance(stated, Path) else stated)


@pytest.mark.parametrize("name", ["uploads", "resources", "clusters", "sync_packs", "model_limit", "hub_endpoints"])
def test_what_a_setting_can_not_be_is_refused_as_it_is_typed(name, home):
    with pytest.raises(ConfigError, match=f"the setting {name} has a value it can't have") as caught:
        setting_from_text(name, "perhaps", home / "config.toml")
    assert caught.value.fix.startswith("give ")


def test_an_unknown_setting_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean output_dir"):
        setting_from_text("outputdir", "x", secrets_file())


def test_layers_say_where_each_value_comes_from(home, file):
    home.mkdir(parents=True)
    (home / "config.toml").write_text('cache_dir = "/c"\noutput_dir = "/u"\n')
    layers = load_layers(environment={"FLOWRA_STORE": "/s"})
    assert [layer.name for layer in layers] == ["default", "user", "project", "environment"]
    assert [sorted(layer.values) for layer in layers[1:]] == [
        ["cache_dir", "output_dir"],
        ["output_dir", "packs_disabled"],
        ["store"],
    ]
    assert layers[1].origin("cache_dir") == str(home / "config.toml")
    assert layers[3].origin("store") == "FLOWRA_STORE"


def test_a_secret_is_kept_where_nobody_else_reads_it(home):
    assert read_secret("s3_key") is None
    path = keep_secret("s3_key", 'a"b\\ü')
    keep_secret("other", "x")
    assert path == home / "secrets.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert read_secret("s3_key") == 'a"b\\ü'
    assert secret_names() == {"other": str(path), "s3_key": str(path)}
    assert forget_secret("s3_key")
    assert not forget_secret("s3_key")
    assert read_secret("s3_key") is None


def test_the_environment_stands_before_the_file(monkeypatch):
    keep_secret("s3_key", "from the file")
    monkeypatch.setenv("FLOWRA_SECRET_S3_KEY", "from the environment")
    assert read_secret("s3_key") == "from the environment"
    assert secret_names() == {"s3_key": "FLOWRA_SECRET_S3_KEY"}


def test_secrets_that_others_may_read_are_refused(home):
    keep_secret("s3_key", "very secret")
    secrets_file().chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        read_secret("s3_key")
    assert "very secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["s3_key = 3\n", "S3 = 'x'\n", "[table]\n", "junk"])
def test_a_file_that_holds_no_secrets_is_refused_without_showing_it(home, text):
    keep_secret("s3_key", "x")
    secrets_file().write_text(text)
    with pytest.raises(ConfigError):
        read_secret("s3_key")


@pytest.mark.parametrize("name", ["", "S3", "a-b", "1a", "a" * 65, "a\nb"])
def test_what_can_be_no_name_is_no_secret(name):
    with pytest.raises(UsageError):
        read_secret(name)
