"""What is kept of models on a machine: who may remove what, what fits, and what a mirror gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from flowra.config.settings import Settings
from flowra.exceptions import ModelError, ModelNotFoundError, ModelUnavailableError, PluginError
from flowra.model import ModelReference, Models
from flowra.model.causes import first_cause, shown_address
from flowra.model.hubs import Hubs
from flowra.model.mirror import MirrorHub
from flowra.model.room import make_room, remove
from flowra.plugin import ModelHubEntry, PluginManager, hookimpl

SIZE = 100_000


@pytest.fixture
def settings(tmp_path):
    return Settings(model_dir=tmp_path / "models", model_mirror=tmp_path / "mirror", cache_dir=tmp_path / "cache")


@pytest.fixture
def models(settings):
    return Models(settings, PluginManager())


def shelve(settings, name, fill=b"x", size=SIZE):
    folder = settings.model_mirror / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.bin").write_bytes(fill * size)


def got_elsewhere(settings, name):
    """Get a model in another process, which then ends: nobody uses it any more."""
    environment = {
        **os.environ,
        "FLOWRA_MODEL_DIR": str(settings.model_dir),
        "FLOWRA_MODEL_MIRROR": str(settings.model_mirror),
        "FLOWRA_MODEL_LIMIT": str(settings.model_limit),
    }
    program = f"from flowra.model import download; print(download('model://{name}'))"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def found(settings, name):
    hub = Hubs(settings, PluginManager()).mirror()
    return hub, next(each for each in hub.cache.manifests() if each.snapshot.model == name)


def test_a_model_in_use_is_not_removed_and_one_that_is_not_can_be_had_again(settings, models):
    shelve(settings, "a/used")
    path = models.get(ModelReference.parse("model://a/used")).path
    assert not remove(*found(settings, "a/used"))
    assert path.joinpath("weights.bin").exists()
    shelve(settings, "a/idle")
    idle = got_elsewhere(settings, "a/idle")
    assert remove(*found(settings, "a/idle"))
    assert not idle.joinpath("weights.bin").exists()
    assert got_elsewhere(settings, "a/idle") == idle
    assert idle.joinpath("weights.bin").stat().st_size == SIZE


def test_those_used_least_lately_make_room_and_those_that_are_kept_or_used_do_not(tmp_path):
    settings = Settings(
        model_dir=tmp_path / "models", model_mirror=tmp_path / "mirror", cache_dir=tmp_path, model_limit=4 * SIZE
    )
    paths = {}
    for age, name in enumerate(["a/kept", "a/oldest", "a/old", "a/young"]):
        shelve(settings, name, fill=bytes([age]))
        paths[name] = got_elsewhere(settings, name)
        hub, manifest = found(settings, name)
        use = next(hub.cache.root.glob(f".flowra/{name.replace('/', '--')}/*.use"))
        os.utime(use, (1000 + age, 1000 + age))
        if name == "a/kept":
            hub.cache.keep(name, manifest.snapshot.pinned, keep=True)
    hubs = Hubs(settings, PluginManager())
    assert [each.snapshot.model for each in make_room(hubs, SIZE // 2)] == ["a/oldest"]
    shelve(settings, "a/new", fill=b"n", size=2 * SIZE)
    got_elsewhere(settings, "a/new")
    here = {name for name, path in paths.items() if path.joinpath("weights.bin").exists()}
    assert here == {"a/kept", "a/young"}


def test_a_model_larger_than_the_disk_is_refused_before_anything_is_fetched(settings, models, monkeypatch):
    shelve(settings, "a/large")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(ModelError, match="no room") as refused:
        models.get(ModelReference.parse("model://a/large"))
    assert "100,000" in refused.value.why
    assert not list(settings.model_dir.rglob("weights.bin"))


def test_a_mirror_gives_a_revision_of_its_own_and_else_what_it_has(settings, models):
    shelve(settings, "a/b", b"1")
    shelve(settings, "a/b@v2", b"2")
    for revision, fill in [("", b"1"), ("@v1", b"1"), ("@v2", b"2")]:
        found = models.get(ModelReference.parse(f"model://a/b{revision}#weights.bin"))
        assert found.path.read_bytes()[:1] == fill


def test_a_mirror_without_the_revision_names_those_it_has(settings, models):
    shelve(settings, "a/b@v2", b"2")
    with pytest.raises(ModelNotFoundError, match="no revision v3") as refused:
        models.get(ModelReference.parse("model://a/b@v3"))
    assert "v2" in refused.value.why


def test_a_hub_that_no_pack_serves_is_named_with_what_to_install(settings, models):
    with pytest.raises(ModelError, match="no pack serves the model hub acmehub") as refused:
        models.get(ModelReference.parse("acmehub://a/b"))
    assert refused.value.fix == "pip install flowra-acmehub"


@pytest.mark.parametrize(
    ("target", "error", "said"),
    [("os:getcwd", ModelError, "is no model hub"), ("no_such_module:Hub", PluginError, "no_such_module")],
)
def test_a_pack_whose_hub_is_none_is_named(settings, target, error, said):
    class Plugin:
        @hookimpl
        def flowra_model_hubs(self):
            return [ModelHubEntry(name="acmehub", target=target)]

    manager = PluginManager()
    manager.register(Plugin(), "acme")
    with pytest.raises(error, match=said):
        Models(settings, manager).get(ModelReference.parse("acmehub://a/b"))


def test_a_hub_that_is_away_is_asked_once_by_all_nodes_of_a_run(settings):
    asked = []

    class Away(MirrorHub):
        @classmethod
        def own_cache(cls):
            return settings.model_dir

        def snapshot(self, model, revision):
            asked.append(model)
            raise ModelUnavailableError("away")

    class Plugin:
        @hookimpl
        def flowra_model_hubs(self):
            return [ModelHubEntry(name="away", target="away:Hub")]

    manager = PluginManager()
    manager.register(Plugin(), "acme")
    manager.load = lambda *_: Away
    models = Models(settings, manager)
    for _ in range(3):
        with pytest.raises(ModelUnavailableError):
            models.identity(ModelReference.parse("away://a/b"))
    assert asked == ["a/b"]


def test_a_manifest_that_was_cut_off_is_made_anew(settings, models):
    shelve(settings, "a/b")
    path = models.get(ModelReference.parse("model://a/b")).path
    manifest = next(settings.model_dir.rglob(".flowra/a--b/*+*.json"))
    manifest.write_text(manifest.read_text()[:50])
    assert Models(settings, PluginManager()).get(ModelReference.parse("model://a/b")).path == path


def test_errors_show_no_password_of_an_address_and_the_first_cause_of_a_failure():
    assert shown_address("https://me:secret@hub.example/x") == "https://…@hub.example/x"
    failure = RuntimeError("Authorization: Bearer secret")
    failure.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert first_cause(failure) == "ConnectionRefusedError: Connection refused"
