"""The double of OSS that the tests talk to (no real one can be started), and nobody's credentials."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fixtures.oss_server import OssServer

from flowra_oss.objects import OssObjects
from flowra_oss.sdk import import_oss2

import_oss2()


@pytest.fixture(autouse=True)
def nobodys_credentials(tmp_path_factory, monkeypatch) -> Path:
    """Hide the credentials of whoever runs the tests; return the home folder that takes the place of theirs."""
    for name in [name for name in os.environ if name.startswith(("OSS_", "ALIBABA_CLOUD_"))]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    return home


@pytest.fixture
def server():
    with OssServer() as server:
        server.add_bucket("pictures")
        yield server


@pytest.fixture
def signed_in(server, monkeypatch):
    """Give the environment the server's key."""
    monkeypatch.setenv("OSS_ACCESS_KEY_ID", server.key.id)
    monkeypatch.setenv("OSS_ACCESS_KEY_SECRET", server.key.secret)
    return server.key


@pytest.fixture
def address(server):
    """Return the address of a folder in the server's bucket; `via` is a proxy's, `more` what else it says."""

    def address(via: str = "", *, bucket: str = "pictures", region: str = "", more: str = "") -> str:
        return f"oss://{bucket}/team/a?region={region or server.region}&endpoint={via or server.url}{more}"

    return address


@pytest.fixture
def objects(signed_in, address):
    with OssObjects(address()) as objects:
        yield objects
