"""`FakeHub`: serves models on loopback, and fails as it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flowra.testing.hub.answer import Answer
from flowra.testing.hub.huggingface_routes import answer_huggingface
from flowra.testing.hub.modelscope_routes import answer_modelscope
from flowra.testing.hub.shelf import ShelvedModel, contents_of

__all__ = ["FakeHub", "HubRequest"]

_PIECE = 64 * 1024


@dataclass(frozen=True)
class HubRequest:
    """A request that a fake hub got.

    Attributes:
        method: `GET` or `HEAD`.
        path: The path, without the query.
        file: The model's file whose bytes were asked for; empty for any other request.
        range: Which bytes of it; empty for all.
        sent: How many bytes of the body went out.
    """

    method: str
    path: str
    file: str
    range: str
    sent: int


class FakeHub:
    """A hub on loopback that the real clients of ModelScope and Hugging Face download from.

    ```python
    with FakeHub() as hub:
        hub.add("acme/detector", {"model.onnx": b"..."}, revision="v1.0")
    ```

    Args:
        port: Its port; any that is free if 0.

    Attributes:
        token: The token that is asked for; empty to give everything to anybody.
        requests: What was asked for, in order.
        wait: Called before each piece of a file is sent, with the file and how much of it is out: a test waits in it
            for whatever it wants to happen meanwhile.
    """

    def __init__(self, port: int = 0) -> None:
        self._models: dict[str, ShelvedModel] = {}
        self._cuts: dict[str, int] = {}
        self._swapped: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self.token = ""
        self.requests: list[HubRequest] = []
        self.wait: Callable[[str, int], object] = lambda *_: None
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.hub = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def environment(self) -> dict[str, str]:
        """Return the variables that have Flowra ask this hub in place of every other."""
        return {
            "FLOWRA_HUB_ENDPOINTS": f"modelscope={self.endpoint},huggingface={self.endpoint}",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def add(
        self,
        model: str,
        files: str | Path | Mapping[str, bytes | str | Path],
        *,
        revision: str = "",
        branch: bool = False,
    ) -> None:
        """Serve a model.

        Args:
            model: Its name, `org/name`.
            files: A folder, a file, or files by path: bytes, text, or paths of files.
            revision: The tag that they have; the main branch, which is called `master` and `main`, if empty.
            branch: Whether the revision is a branch.
        """
        shelved = self._models.setdefault(model, ShelvedModel())
        contents = contents_of(files)
        names = [revision] if revision else ["master", "main"]
        for name in names:
            shelved.revisions[name] = contents
        if branch or not revision:
            shelved.branches.update(names)

    def cut(self, file: str, after: int) -> None:
        """Break the connection off once, after so many bytes of a file."""
        self._cuts[file] = after

    def swap(self, file: str, data: bytes) -> None:
        """Send other bytes in place of a file, from now on: the listing stays as it is."""
        self._swapped[file] = data

    def downloads(self, file: str) -> list[HubRequest]:
        """Return the requests for a file's bytes."""
        return [each for each in self.requests if each.file == file and each.method == "GET"]

    def close(self) -> None:
        """Stop: whoever asks from now on reaches nobody."""
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join()

    def __enter__(self) -> FakeHub:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Return what a request is answered; the names of headers are in lower case."""
        allowed = not self.token or headers.get("authorization") == f"Bearer {self.token}"
        models = self._models if not self._swapped else self._with_swapped(path, query)
        return (
            answer_modelscope(models, path, query, headers, allowed)
            or answer_huggingface(models, path, headers, allowed)
            or Answer(404)
        )

    def take_cut(self, file: str) -> int | None:
        """Return after how many bytes to break off, once."""
        with self._lock:
            return self._cuts.pop(file, None)

    def _with_swapped(self, path: str, query: Mapping[str, str]) -> dict[str, ShelvedModel]:
        """Return the models as requests for files see them; listings and heads are told the truth."""
        if "FilePath" not in query and "/resolve/" not in path:
            return self._models
        return {name: _Swapped(model, self._swapped) for name, model in self._models.items()}


class _Swapped(ShelvedModel):
    """A model of which some files have other bytes than its commits say."""

    def __init__(self, true: ShelvedModel, swapped: Mapping[str, bytes]) -> None:
        revisions = {
            revision: {file: swapped.get(file, data) for file, data in files.items()}
            for revision, files in true.revisions.items()
        }
        super().__init__(revisions, true.branches)
        self._true = true

    def commit(self, revision: str) -> str:
        return self._true.commit(revision)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: FakeHub

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        self._open.discard(request)
        super().close_request(request)

    def hang_up(self) -> None:
        """Close what clients keep open for their next request."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what tests do."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        hub = self.server.hub
        answer = hub.answer(parts.path, query, {name.lower(): value for name, value in self.headers.items()})
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        sent = 0
        try:
            if self.command == "GET":
                sent = self._send(answer)
        finally:
            asked = HubRequest(self.command, parts.path, answer.file, self.headers.get("Range", ""), sent)
            hub.requests.append(asked)

    do_HEAD = do_GET  # noqa: N815  as the base class calls it

    def _send(self, answer: Answer) -> int:
        hub = self.server.hub
        cut = hub.take_cut(answer.file) if answer.file else None
        body = answer.body if cut is None else answer.body[:cut]
        for begin in range(0, len(body), _PIECE):
            if answer.file:
                hub.wait(answer.file, begin)
            self.wfile.write(body[begin : begin + _PIECE])
        self.wfile.flush()
        if cut is not None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        return len(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are kept in `FakeHub.requests`."""
