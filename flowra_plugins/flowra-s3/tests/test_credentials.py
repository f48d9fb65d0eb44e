"""Where the keys come from, seen by who signs the requests that arrive; what is wrong is said without showing any.

The server looks at no keys: what a request was signed with stands in its header, which the proxy's exchange shows.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from fixtures.fault_proxy import Answer

from flowra.exceptions import StoreDeniedError, StoreError
from flowra_s3.objects import BucketObjects

NEVER_SHOWN = "wJalrXUtnFEMI-never-shown"


@pytest.fixture
def signer(proxy, bucket):
    """Return who signs a request of a store: key, region and token."""

    def signer(**options):
        signed = []

        def note(exchange):
            signed.append(exchange.headers)
            exchange.answer(Answer(404))

        query = "&".join(f"{name}={value}" for name, value in {"endpoint": proxy.url, **options}.items() if value)
        with BucketObjects(f"s3://{bucket}?{query}") as objects:
            proxy.inject(note)
            objects.get("a")
        authorization = signed[0].get("Authorization")
        if authorization is None:
            return None
        key, region = re.search(r"Credential=([^/]+)/\d+/([^/]+)/", authorization).groups()
        return key, region, signed[0].get("x-amz-security-token")

    return signer


@pytest.fixture
def aws(clean_environment):
    """Write the files of AWS."""

    def write(credentials="", config=""):
        folder = clean_environment / ".aws"
        folder.mkdir(exist_ok=True)
        (folder / "credentials").write_text(credentials)
        (folder / "config").write_text(config)
        return folder

    return write


def test_the_environment_is_used(signer, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", NEVER_SHOWN)
    assert signer() == ("FROMENV", "us-east-1", None)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert signer() == ("FROMENV", "eu-west-1", "token")
    assert signer(region="ap-south-1") == ("FROMENV", "ap-south-1", "token")


def test_a_profile_brings_keys_region_and_endpoint(signer, aws, monkeypatch, proxy):
    aws(
        credentials=f"[default]\naws_access_key_id = OFDEFAULT\naws_secret_access_key = {NEVER_SHOWN}\n"
        f"[team]\naws_access_key_id = OFTEAM\naws_secret_access_key = {NEVER_SHOWN}\naws_session_token = its-token\n",
        config="[default]\nregion = eu-central-1\ns3 =\n    max_concurrent_requests = 20\n[profile team]\n"
        f"region = sa-east-1\nendpoint_url = {proxy.url}\n",
    )
    assert signer() == ("OFDEFAULT", "eu-central-1", None)
    assert signer(profile="team", endpoint="") == ("OFTEAM", "sa-east-1", "its-token")
    monkeypatch.setenv("AWS_PROFILE", "team")
    assert signer() == ("OFTEAM", "sa-east-1", "its-token")
    # A token of the environment belongs to the keys of the environment; named keys come before both.
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of the environment")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", NEVER_SHOWN)
    assert signer(profile="default") == ("OFDEFAULT", "eu-central-1", None)
    assert signer()[0] == "FROMENV"


def test_the_files_may_lie_elsewhere(signer, tmp_path, monkeypatch):
    file = tmp_path / "keys"
    file.write_text(f"[other]\naws_access_key_id = ELSEWHERE\naws_secret_access_key = {NEVER_SHOWN}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    assert signer(profile="other")[0] == "ELSEWHERE"


def test_flowra_s_own_secrets_are_used_where_the_address_names_them(signer, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", NEVER_SHOWN)
    monkeypatch.setenv("FLOWRA_SECRET_MINIO_ACCESS_KEY_ID", "OFMINIO")
    with pytest.raises(StoreDeniedError, match=r"flowra config set secret\.minio_secret_access_key"):
        signer(secret="minio")
    monkeypatch.setenv("FLOWRA_SECRET_MINIO_SECRET_ACCESS_KEY", NEVER_SHOWN)
    assert signer(secret="minio")[0] == "OFMINIO"


def test_an_endpoint_of_the_address_stands_before_those_of_the_environment(signer, keys, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert signer()


def test_the_endpoint_may_come_from_the_environment(proxy, bucket, keys, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    with BucketObjects(f"s3://{bucket}") as objects:
        objects.put("a", [b"1"])
    assert proxy.count("PUT") == 1


def test_public_buckets_are_asked_without_a_signature(signer):
    assert signer(anonymous="true") is None


def test_keys_that_a_program_gives_are_fetched_by_botocore(signer, aws, tmp_path):
    program = tmp_path / "give.py"
    program.write_text(
        "import json; print(json.dumps({'Version': 1, 'AccessKeyId': 'FETCHED', "
        f"'SecretAccessKey': {NEVER_SHOWN!r}, 'SessionToken': 'fresh'}}))"
    )
    aws(config=f"[profile fetched]\ncredential_process = {sys.executable} {program}\nregion = us-west-2\n")
    assert signer(profile="fetched") == ("FETCHED", "us-west-2", "fresh")


def test_without_botocore_such_a_profile_says_what_to_install(signer, aws, monkeypatch):
    aws(config="[profile fetched]\ncredential_process = /bin/false\n")
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(StoreDeniedError, match=r"pip install 'flowra-s3\[profiles\]'"):
        signer(profile="fetched")


def test_keys_that_can_t_be_fetched_are_an_error_of_one_kind(signer, aws, tmp_path):
    program = tmp_path / "fail.py"
    program.write_text(f"import sys; sys.exit('no: {NEVER_SHOWN}')")
    aws(config=f"[profile fetched]\ncredential_process = {sys.executable} {program}\n")
    with pytest.raises(StoreDeniedError, match="no credentials, or they can't be fetched") as caught:
        signer(profile="fetched")
    assert NEVER_SHOWN not in str(caught.value)


def test_no_credentials_at_all_are_an_error_that_says_where_they_are_looked_for(signer):
    with pytest.raises(StoreDeniedError, match="aws configure"):
        signer()


def test_a_profile_that_is_not_there_is_named_with_those_that_are(signer, aws, monkeypatch):
    with pytest.raises(StoreDeniedError, match="the profiles there are: none"):
        signer(profile="team")
    aws(credentials="[one]\nregion = x\n", config="[profile two]\nregion = x\n")
    with pytest.raises(StoreDeniedError, match="the profiles there are: one, two"):
        signer(profile="team")
    with pytest.raises(StoreDeniedError, match="has no credentials"):
        signer(profile="one")
    monkeypatch.setenv("AWS_PROFILE", "three")
    with pytest.raises(StoreDeniedError, match="no AWS profile 'three'"):
        signer()


@pytest.mark.parametrize(
    "content",
    [
        f"aws_secret_access_key = {NEVER_SHOWN}\n",
        f"[default]\n{NEVER_SHOWN}\n",
        f"[default]\na = {NEVER_SHOWN}\n[default]\n",
        f"[default]\nx = {NEVER_SHOWN}\nx = {NEVER_SHOWN}\n",
    ],
)
def test_a_broken_file_is_named_and_not_quoted(signer, aws, content):
    folder = aws(credentials=content)
    with pytest.raises(StoreError, match=r"line [1234]") as caught:
        signer()
    assert str(folder / "credentials") in str(caught.value)
    assert NEVER_SHOWN not in str(caught.value)


def test_an_authority_of_one_s_own_has_to_be_readable(keys, monkeypatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", "/none/ca.pem")
    with pytest.raises(StoreDeniedError, match="correct AWS_CA_BUNDLE"):
        BucketObjects("s3://bucket?endpoint=https://127.0.0.1:9")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(Path(__file__)))
    with pytest.raises(StoreError, match="does not accept its settings"):
        BucketObjects("s3://bucket?endpoint=https://127.0.0.1:9")


def test_google_and_azure_are_opened_with_secrets_of_their_own(monkeypatch):
    monkeypatch.setenv("FLOWRA_SECRET_CLOUD_ACCOUNT_KEY", "bmV2ZXItc2hvd24=")
    with BucketObjects("az://container/prefix?account=name&secret=cloud") as objects:
        assert objects.location == "az://container/prefix?account=name&secret=cloud"
    with pytest.raises(StoreError, match="in which storage account"):
        BucketObjects("az://container/prefix")
    monkeypatch.setenv("FLOWRA_SECRET_CLOUD_SERVICE_ACCOUNT_KEY", f"not json {NEVER_SHOWN}")
    with pytest.raises(StoreError) as caught:
        BucketObjects("gs://bucket?secret=cloud")
    assert NEVER_SHOWN not in str(caught.value)
    with BucketObjects("gs://bucket?anonymous=true"):
        pass
