"""ModelScope's own client and Flowra find what the other downloaded; nothing is written outside of the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowra.model import download

FILES = {"config.json": '{"classes": 3}', "weights.bin": b"weights" * 1000}


@pytest.fixture
def cache(fake_hub, monkeypatch, tmp_path):
    """The client's own cache, in a home of its own."""
    fake_hub.add("acme/detector", FILES, revision="v1.0")
    fake_hub.add("acme/detector", FILES)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FLOWRA_MODEL_DIR")
    monkeypatch.delenv("MODELSCOPE_CACHE", raising=False)
    return tmp_path / ".cache" / "modelscope"


def own_download(fake_hub, cache, **options):
    from modelscope_hub.compat.snapshot_download import snapshot_download

    found = snapshot_download("acme/detector", cache_dir=str(cache), endpoint=fake_hub.endpoint, **options)
    return Path(found)


def test_the_client_finds_what_flowra_fetched(fake_hub, cache):
    path = download("acme/detector", revision="v1.0")
    assert path.parents[3] == cache
    assert own_download(fake_hub, cache, revision="v1.0", local_files_only=True) == path


@pytest.mark.parametrize("revision", ["v1.0", "master"])
def test_flowra_takes_over_what_the_client_fetched(fake_hub, cache, revision):
    own_download(fake_hub, cache, revision=revision)
    before = len(fake_hub.downloads("weights.bin"))
    assert download("acme/detector", revision=revision, file="weights.bin").read_bytes() == FILES["weights.bin"]
    assert len(fake_hub.downloads("weights.bin")) == before == 1


def test_nothing_is_written_outside_of_the_cache_and_nothing_to_the_terminal(fake_hub, cache, tmp_path, capfd):
    download("acme/detector", revision="v1.0")
    assert capfd.readouterr() == ("", "")
    written = {path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {(".cache", "modelscope")}
