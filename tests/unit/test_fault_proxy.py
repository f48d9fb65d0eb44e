"""The proxy of the fault tests does to requests what it says, seen by a plain client before a plain server."""

from __future__ import annotations

import threading
import time
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fixtures.fault_proxy import (
    FaultProxy,
    answer,
    answer_after,
    changed_download,
    changed_upload,
    drip,
    hang,
    reset_after,
    reset_before,
    shortened_download,
    truncated_download,
    truncated_upload,
)

CONTENT = bytes(range(256)) * 40


class _Keeper(BaseHTTPRequestHandler):
    """Keeps what is put, whole; gives it back."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        size = int(self.headers["Content-Length"])
        body = self.rfile.read(size)
        if len(body) == size:
            self.server.kept[self.path] = (body, self.headers["Host"])
        self._answer(200, b"")

    def do_GET(self):
        kept = self.server.kept.get(self.path)
        self._answer(200 if kept else 404, kept[0] if kept else b"")

    do_HEAD = do_GET  # noqa: N815 (http.server calls it so)

    def _answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Keeper)
    server.kept = {"/there": (CONTENT, "")}
    server.handle_error = lambda *args: None
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def proxy(server):
    with FaultProxy(f"http://127.0.0.1:{server.server_address[1]}") as proxy:
        yield proxy


def ask(proxy, method, path, body=None, *, timeout=10, **arguments):
    host, _, port = proxy.url.removeprefix("http://").partition(":")
    connection = HTTPConnection(host, int(port), timeout=timeout)
    try:
        connection.request(method, path, body, **arguments)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_without_a_fault_the_proxy_changes_nothing(proxy, server):
    assert ask(proxy, "PUT", "/a?b=c", CONTENT)[0] == 200
    assert server.kept["/a?b=c"] == (CONTENT, proxy.url.removeprefix("http://"))
    assert ask(proxy, "GET", "/a?b=c")[2] == CONTENT
    status, headers, body = ask(proxy, "HEAD", "/there")
    assert (status, headers["Content-Length"], body) == (200, str(len(CONTENT)), b"")
    assert ask(proxy, "GET", "/none")[0] == 404
    first = proxy.seen[0]
    assert (first.method, first.size, first.applied, first.status) == ("PUT", len(CONTENT), True, 200)


def test_a_body_in_chunks_comes_through(proxy, server):
    ask(proxy, "PUT", "/chunked", iter([b"one", b"two"]), headers={"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert server.kept["/chunked"][0] == b"onetwo"


def test_an_answer_in_the_place_of_the_server_s(proxy, server):
    proxy.inject(answer(429, {"Retry-After": "3"}, b"slow down"), method="PUT", path="^/a", skip=1, times=2)
    statuses = [ask(proxy, "PUT", "/a", b"x")[0] for _ in range(4)]
    assert statuses == [200, 429, 429, 200]
    proxy.inject(answer(503, {"Retry-After": "3"}, b"busy"), times=None)
    status, headers, body = ask(proxy, "PUT", "/b", b"x")
    assert (status, headers["Retry-After"], body) == (503, "3", b"busy")
    assert "/b" not in server.kept
    assert proxy.count("PUT", "^/a") == 4
    proxy.clear()
    assert ask(proxy, "PUT", "/b", b"x")[0] == 200


def test_a_lost_answer_is_of_a_request_that_was_applied(proxy, server):
    proxy.inject(reset_before())
    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        ask(proxy, "PUT", "/before", b"x")
    proxy.inject(reset_after())
    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        ask(proxy, "PUT", "/after", b"x")
    proxy.inject(answer_after(503))
    assert ask(proxy, "PUT", "/told", b"x")[0] == 503
    assert sorted(server.kept) == ["/after", "/there", "/told"]
    assert [seen.applied for seen in proxy.seen] == [False, True, True]


def test_a_download_breaks_off_is_short_or_has_a_changed_byte(proxy):
    proxy.inject(truncated_download(100))
    with pytest.raises((IncompleteRead, ConnectionResetError)):
        ask(proxy, "GET", "/there")
    proxy.inject(shortened_download(100))
    assert ask(proxy, "GET", "/there")[2] == CONTENT[:100]
    proxy.inject(changed_download(7))
    changed = ask(proxy, "GET", "/there")[2]
    assert [place for place, (one, other) in enumerate(zip(changed, CONTENT, strict=True)) if one != other] == [7]


def test_an_upload_breaks_off_or_has_a_changed_byte(proxy, server):
    proxy.inject(truncated_upload(100))
    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        ask(proxy, "PUT", "/cut", CONTENT)
    proxy.inject(changed_upload(-1))
    assert ask(proxy, "PUT", "/changed", CONTENT)[0] == 200
    assert server.kept["/changed"][0] == CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    assert "/cut" not in server.kept


def test_a_slow_server_sends_bit_by_bit_and_a_hanging_one_nothing(proxy):
    proxy.inject(drip(len(CONTENT) // 4, 0.05))
    started = time.monotonic()
    assert ask(proxy, "GET", "/there")[2] == CONTENT
    assert time.monotonic() - started >= 0.15
    proxy.inject(hang())
    with pytest.raises(TimeoutError):
        ask(proxy, "GET", "/there", timeout=0.2)
