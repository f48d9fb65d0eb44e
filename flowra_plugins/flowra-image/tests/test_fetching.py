from __future__ import annotations

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flowra_image.errors import ImageError
from flowra_image.fetching import fetch

BODY = b"x" * 200_000


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        getattr(self, "answer_" + self.path.strip("/"))()

    def answer_whole(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def answer_unannounced(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(BODY)

    def answer_cut(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY) * 2))
        self.end_headers()
        self.wfile.write(BODY)

    def answer_missing(self):
        self.send_error(404)

    def answer_moved(self):
        self.send_response(302)
        self.send_header("Location", "/whole")
        self.end_headers()

    def answer_away(self):
        self.send_response(302)
        self.send_header("Location", "file:///etc/passwd")
        self.end_headers()

    def answer_slow(self):
        self.send_response(200)
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)

    def answer_silent(self):
        time.sleep(5)

    def log_message(self, *_):
        pass

    def handle(self):
        with contextlib.suppress(ConnectionError):
            super().handle()


@pytest.fixture(scope="module")
def server():
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.parametrize("path", ["whole", "unannounced", "moved"])
def test_the_body_comes_whole(server, path):
    seen = []
    assert fetch(f"{server}/{path}", progress=lambda done, total: seen.append((done, total))) == BODY
    assert seen[-1][0] == len(BODY)
    assert seen[-1][1] in (len(BODY), None)


@pytest.mark.parametrize(("path", "why"), [("whole", "announces 0.2 MB"), ("unannounced", "goes on")])
def test_what_is_too_large_is_refused(server, path, why):
    with pytest.raises(ImageError, match=r"larger than the limit of 0\.1 MB") as caught:
        fetch(f"{server}/{path}", max_megabytes=0.1)
    assert why in caught.value.why


@pytest.mark.parametrize("path", ["slow", "silent"])
def test_what_takes_too_long_is_given_up(server, path):
    started = time.monotonic()
    with pytest.raises(ImageError, match=r"did not come within 0\.3 seconds"):
        fetch(f"{server}/{path}", timeout=0.3)
    assert time.monotonic() - started < 4


def test_an_error_of_the_server_is_shown(server):
    with pytest.raises(ImageError, match="can't get") as caught:
        fetch(f"{server}/missing")
    assert "404" in caught.value.why


def test_an_incomplete_body_is_no_body(server):
    with pytest.raises(ImageError, match=r"came incomplete|can't get"):
        fetch(f"{server}/cut")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/a", "data:,x", "gopher://x", "http://", "nonsense"]
)
def test_only_http_addresses_are_opened(url):
    with pytest.raises(ImageError, match="can't get"):
        fetch(url)


def test_a_redirection_to_a_file_is_not_followed(server):
    with pytest.raises(ImageError, match="can't get"):
        fetch(f"{server}/away")


def test_passwords_in_addresses_are_not_shown():
    with pytest.raises(ImageError) as caught:
        fetch("http://me:secret@127.0.0.1:9/a.png")
    assert "secret" not in str(caught.value)


def test_a_caller_can_stop_it(server):
    class StopError(Exception):
        pass

    def stop(done, total):
        raise StopError

    with pytest.raises(StopError):
        fetch(f"{server}/whole", progress=stop)
