"""Hugging Face's own client and Flowra find what the other downloaded, and what is removed is gone from both."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowra.model import download
from flowra.model.hubs import Hubs

FILES = {"config.json": '{"classes": 3}', "weights.bin": b"weights" * 1000}


@pytest.fixture
def cache(fake_hub, monkeypatch, tmp_path):
    """The client's own cache, in a home of its own."""
    fake_hub.add("acme/detector", FILES, revision="v1.0")
    fake_hub.add("acme/detector", {**FILES, "config.json": "{}"})
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.delenv("FLOWRA_MODEL_DIR")
    return tmp_path / "hf" / "hub"


def own_download(fake_hub, cache, **options):
    from huggingface_hub import snapshot_download

    found = snapshot_download("acme/detector", cache_dir=cache, endpoint=fake_hub.endpoint, token=False, **options)
    return Path(found)


def test_the_client_finds_what_flowra_fetched(fake_hub, cache):
    path = download("acme/detector", revision="v1.0", hub="huggingface")
    assert path.is_relative_to(cache)
    assert own_download(fake_hub, cache, revision=path.name, local_files_only=True) == path


def test_flowra_takes_over_what_the_client_fetched(fake_hub, cache):
    own_download(fake_hub, cache, revision="v1.0")
    path = download("acme/detector", revision="v1.0", file="weights.bin", hub="huggingface")
    assert path.read_bytes() == FILES["weights.bin"]
    assert len(fake_hub.downloads("weights.bin")) == 1


def test_contents_that_two_revisions_share_stay_until_the_last_is_removed(fake_hub, cache):
    tag, main = (download("acme/detector", revision=each, hub="huggingface") for each in ("v1.0", "main"))
    hub = Hubs().of("huggingface").hub
    shared = (tag / "weights.bin").resolve()
    hub.discard("acme/detector", tag.name, ["weights.bin", "config.json"])
    assert not (tag / "weights.bin").exists()
    assert (main / "weights.bin").resolve() == shared
    assert shared.exists()
    hub.discard("acme/detector", main.name, ["weights.bin"])
    assert not shared.exists()


def test_a_file_of_gits_own_is_known_by_the_id_that_git_gives_it(fake_hub, cache):
    """Small files are listed without a SHA-256."""
    download("acme/detector", revision="v1.0", hub="huggingface")
    manifest = Hubs().of("huggingface").cache.manifests()
    checksums = {file.path: file.checksum.partition(":")[0] for file in next(iter(manifest)).snapshot.files}
    assert checksums == {"config.json": "git-sha1", "weights.bin": "sha256"}
