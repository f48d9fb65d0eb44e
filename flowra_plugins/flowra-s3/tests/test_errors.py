"""What a service answers becomes an error of the right kind, which says what to do.

What moto never answers (it looks at no signature, clock or region) is put in its mouth by the proxy, in S3's own words.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time

import pytest
from fixtures.fault_proxy import answer

from flowra.exceptions import StoreDeniedError, StoreError, StoreUnavailableError
from flowra_s3 import service
from flowra_s3.objects import BucketObjects


def saying(status, code, message="In its own words", headers=None):
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>'
        "<AWSAccessKeyId>AKIANEVERSHOWN</AWSAccessKeyId><StringToSign>never shown</StringToSign></Error>"
    )
    return answer(status, headers, body.encode())


@pytest.mark.parametrize(
    ("status", "code", "kind", "says"),
    [
        (503, "SlowDown", StoreUnavailableError, "503 SlowDown: In its own words"),
        (500, "InternalError", StoreUnavailableError, "500 InternalError"),
        (502, "", StoreUnavailableError, "502"),
        (429, "TooManyRequests", StoreUnavailableError, "429"),
        (408, "", StoreUnavailableError, "408"),
        (400, "RequestTimeout", StoreUnavailableError, "RequestTimeout"),
        (400, "BadDigest", StoreUnavailableError, "BadDigest"),
        (400, "XAmzContentSHA256Mismatch", StoreUnavailableError, "XAmzContentSHA256Mismatch"),
        (409, "OperationAborted", StoreUnavailableError, "OperationAborted"),
        (409, "ConditionalRequestConflict", StoreUnavailableError, "ConditionalRequestConflict"),
        (403, "InvalidAccessKeyId", StoreDeniedError, "give the keys of this service"),
        (403, "SignatureDoesNotMatch", StoreDeniedError, "give the keys of this service"),
        (400, "ExpiredToken", StoreDeniedError, "give the keys of this service"),
        (401, "Unauthorized", StoreDeniedError, "give the keys of this service"),
        (403, "RequestTimeTooSkewed", StoreDeniedError, "set this machine's clock"),
        (403, "AccessDenied", StoreDeniedError, "s3:PutObject"),
        (404, "NoSuchBucket", StoreDeniedError, "aws s3 mb s3://"),
        (301, "PermanentRedirect", StoreDeniedError, "name the region of the bucket"),
        (400, "AuthorizationHeaderMalformed", StoreDeniedError, "name the region of the bucket"),
        (501, "NotImplemented", StoreError, "conditional_put=false"),
        (507, "XMinioStorageFull", StoreError, "507 XMinioStorageFull"),
        (400, "InvalidArgument", StoreError, "400 InvalidArgument"),
    ],
)
def test_an_answer_is_an_error_of_its_kind(behind, proxy, status, code, kind, says):
    proxy.inject(saying(status, code), method="PUT")
    with pytest.raises(StoreError) as caught:
        behind.put("a", [b"1"], if_absent=True)
    text = str(caught.value)
    assert type(caught.value) is kind
    assert says in text
    assert f"{behind.address.objects}/a at {proxy.url}" in text
    assert "never shown" not in text.lower()
    assert "AKIANEVERSHOWN" not in text
    assert caught.value.__suppress_context__
    assert proxy.count() == 1, "a store over this one tries again, not this one"


@pytest.mark.parametrize("method", ["get", "head", "list", "delete", "upload", "download"])
def test_each_operation_says_what_it_could_not_do(behind, proxy, method, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"1")
    proxy.inject(saying(503, "SlowDown"), times=None)
    calls = {
        "get": lambda: behind.get("a"),
        "head": lambda: behind.head("a"),
        "list": lambda: list(behind.list("a/")),
        "delete": lambda: behind.delete(["a", "b"]),
        "upload": lambda: behind.upload("a", file),
        "download": lambda: behind.download("a", file),
    }
    with pytest.raises(StoreUnavailableError, match="can't be"):
        calls[method]()
    assert proxy.count() == 1
    proxy.clear()
    proxy.inject(saying(403, "AccessDenied"), times=None)
    with pytest.raises(StoreDeniedError, match="s3:ListBucket"):
        calls[method]()


def test_a_bucket_that_is_not_there_is_told_from_an_object_that_is_not_there(server, keys, tmp_path):
    with BucketObjects(f"s3://no-such-bucket/p?endpoint={server.url}&region=eu-west-1") as objects:
        for ask in (
            lambda: objects.get("a"),
            lambda: objects.head("a"),
            lambda: list(objects.list()),
            lambda: objects.put("a", [b"1"]),
            lambda: objects.put("a", [b"1"], if_absent=True),
            lambda: objects.download("a", tmp_path / "file"),
            lambda: objects.delete(["a"]),
        ):
            with pytest.raises(StoreDeniedError) as caught:
                ask()
            assert caught.value.fix == f"aws s3 mb s3://no-such-bucket --endpoint-url {server.url} --region eu-west-1"


def test_whether_the_bucket_is_there_is_asked_once(behind, proxy):
    for _ in range(3):
        assert behind.head("none") is None
    assert (proxy.count("HEAD"), proxy.count("GET")) == (3, 1)


def test_a_dead_service_is_unavailable(keys):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with (
            BucketObjects(f"s3://bucket?endpoint={address}") as objects,
            pytest.raises(StoreUnavailableError, match="no connection can be made") as caught,
        ):
            objects.get("a")
    assert address in str(caught.value)


def test_a_machine_without_a_name_is_unavailable(keys):
    with (
        BucketObjects("s3://bucket?endpoint=http://no-such-machine.invalid") as objects,
        pytest.raises(StoreUnavailableError, match="the name of its machine is not known"),
    ):
        objects.get("a")


def test_waiting_has_an_end(keys, monkeypatch):
    monkeypatch.setattr(service, "SILENT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            BucketObjects(f"s3://bucket?endpoint={address}") as objects,
            pytest.raises(StoreUnavailableError, match="no answer came in time"),
        ):
            objects.get("a")


def test_a_slow_line_is_no_silence_while_much_is_sent(keys, monkeypatch):
    monkeypatch.setattr(service, "SILENT_SECONDS", 0.3)
    received = []

    def read_slowly(listening):
        connection, _ = listening.accept()
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(1)
            size = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
            while sum(received) < size and (piece := connection.recv(1 << 16)):
                received.append(len(piece))
                time.sleep(0.01)
            connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "tag"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')

    with socket.create_server(("127.0.0.1", 0)) as listening:
        # More than the buffers of both ends take.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        thread = threading.Thread(target=read_slowly, args=(listening,))
        thread.start()
        with BucketObjects(f"s3://bucket?endpoint=http://127.0.0.1:{listening.getsockname()[1]}") as objects:
            began = time.monotonic()
            assert objects.put("a", [bytes(8 << 20)])
            assert time.monotonic() - began > 2 * service.SILENT_SECONDS
        thread.join()
    assert sum(received) == 8 << 20


def test_a_service_without_tls_behind_an_https_address_says_so(server, keys):
    address = server.url.replace("http://", "https://")
    with (
        BucketObjects(f"s3://bucket?endpoint={address}") as objects,
        pytest.raises(StoreDeniedError, match="begin its address with http://"),
    ):
        objects.get("a")


def test_a_certificate_of_an_unknown_authority_says_what_to_name(keys, certificate, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def shake_hands(listening):
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    with context.wrap_socket(connection, server_side=True) as secure:
                        secure.recv(65536)
                        secure.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=shake_hands, args=(listening,))
        thread.start()
        address = f"s3://bucket?endpoint=https://127.0.0.1:{listening.getsockname()[1]}"
        try:
            with BucketObjects(address) as objects, pytest.raises(StoreDeniedError, match="export AWS_CA_BUNDLE=FILE"):
                objects.get("a")
            monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
            with BucketObjects(address) as objects:
                assert objects.get("a") is None
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Return a file with a certificate for 127.0.0.1 and its key, signed by itself."""
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file
