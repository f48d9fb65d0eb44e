from __future__ import annotations

import os

import pytest
from fixtures.fault_proxy import FaultProxy
from fixtures.s3_server import s3_server

from flowra_s3.objects import BucketObjects


@pytest.fixture(scope="session")
def server():
    with s3_server() as server:
        yield server


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    """No test sees the credentials of whoever runs it."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return home


@pytest.fixture
def keys(clean_environment, server, monkeypatch):
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(server):
    return server.new_bucket()


@pytest.fixture
def objects(server, bucket, keys):
    with BucketObjects(f"s3://{bucket}/some/prefix?endpoint={server.url}") as objects:
        yield objects


@pytest.fixture
def proxy(server):
    with FaultProxy(server.url) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy, bucket, keys):
    """The store, with a proxy between it and the server."""
    with BucketObjects(f"s3://{bucket}/some/prefix?endpoint={proxy.url}") as objects:
        yield objects
