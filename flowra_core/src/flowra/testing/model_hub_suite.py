"""What every model hub must do, as tests.

Whoever writes a hub subclasses the suite in a test module:

```python
from flowra.testing import ModelHubSuite


class TestMyHub(ModelHubSuite):
    hub = "myhub"
```

The hub's own client runs against `fake_hub`, which speaks as ModelScope and as Hugging Face do. For a hub of another
kind, override the fixture `served` with an object that has the methods of `flowra.testing.FakeHub` which are used here.
Each test is one promise, and its docstring says it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from flowra.exceptions import (
    ModelDamagedError,
    ModelDeniedError,
    ModelError,
    ModelNotFoundError,
    ModelOfflineError,
    ModelUnavailableError,
)
from flowra.model import ModelReference, Models, UsedModel

__all__ = ["ModelHubSuite"]

_MODEL = "acme/detector"
_WEIGHTS = bytes(range(256)) * 24 * 1024
_PROGRAM = "import sys; from flowra.model import download; print(download(sys.argv[1]))"


class ModelHubSuite:
    """The conformance suite for model hubs."""

    #: The hub's name.
    hub: ClassVar[str] = ""
    #: Variables of the environment that the client takes a token from.
    token_variable: ClassVar[str] = ""
    #: Whether the client goes on within a file where an earlier attempt broke off.
    resumes: ClassVar[bool] = True

    @pytest.fixture
    def served(self, fake_hub: Any) -> Any:
        """The server that the hub's client asks: a `FakeHub`, with a model that has a tag and a main branch."""
        files = {"config.json": '{"classes": 3}', "weights.bin": _WEIGHTS, "extra/notes.txt": "notes"}
        fake_hub.add(_MODEL, files, revision="v1.0")
        fake_hub.add(_MODEL, {**files, "config.json": '{"classes": 4}'})
        return fake_hub

    @pytest.fixture
    def get(self, served: Any) -> Callable[..., UsedModel]:
        """What gets a model as a new process would: `get("@v1.0#weights.bin")`."""
        return lambda rest="", listener=None: Models().get(self.reference(rest), listener)

    def reference(self, rest: str) -> ModelReference:
        """Return a reference to the model that is served."""
        return ModelReference.parse(f"{self.hub}://{_MODEL}{rest}")

    def test_the_files_that_are_wanted_come_and_no_others(self, served: Any, get: Callable[..., UsedModel]) -> None:
        """One file's path is that file; the rest of the model stays where it is."""
        found = get("@v1.0#weights.bin")
        assert found.path.read_bytes() == _WEIGHTS
        assert not served.downloads("config.json")
        folder = get("@v1.0#*.json,extra/").path
        assert folder.is_dir()
        assert folder.joinpath("config.json").read_text() == '{"classes": 3}'
        assert folder.joinpath("extra", "notes.txt").read_text() == "notes"
        assert len(served.downloads("weights.bin")) == 1

    def test_a_tag_is_asked_for_once(self, served: Any, get: Callable[..., UsedModel]) -> None:
        """The second time nothing is asked, and a hub that is gone is not missed."""
        first = get("@v1.0")
        asked = len(served.requests)
        assert get("@v1.0") == first
        assert len(served.requests) == asked
        served.close()
        assert get("@v1.0") == first

    def test_a_branch_that_moves_is_followed(self, served: Any, get: Callable[..., UsedModel]) -> None:
        """What it was pinned to can still be had."""
        before = get("#config.json")
        served.add(_MODEL, {"config.json": '{"classes": 5}'})
        after = get("#config.json")
        assert after.path.read_text() == '{"classes": 5}'
        assert after.identity.digest != before.identity.digest
        assert after.identity.pinned != before.identity.pinned
        pinned = Models().get(ModelReference.parse(before.identity.pinned))
        assert (pinned.path.read_text(), pinned.identity) == ('{"classes": 4}', before.identity)

    def test_a_branch_is_what_it_was_while_the_hub_is_gone(self, served: Any, get: Callable[..., UsedModel]) -> None:
        """It is said, with what it is pinned to."""
        before = get("#config.json")
        served.close()
        listener = _Listener()
        assert get("#config.json", listener) == before
        level, text = listener.logged[0]
        assert level == "warning"
        assert before.identity.pinned.partition("@")[2].partition("#")[0] in text

    def test_the_digest_is_known_before_anything_is_downloaded(
        self, served: Any, get: Callable[..., UsedModel]
    ) -> None:
        """It depends on the files alone."""
        identity = Models().identity(self.reference("@v1.0"))
        assert not served.downloads("weights.bin")
        assert get("@v1.0").identity == identity

    def test_progress_is_told(self, get: Callable[..., UsedModel]) -> None:
        """It ends with all of it, in bytes."""
        listener = _Listener()
        get("@v1.0#weights.bin", listener)
        assert listener.told[-1][:2] == (len(_WEIGHTS), len(_WEIGHTS))
        assert all(0 <= done <= len(_WEIGHTS) for done, *_ in listener.told)

    def test_a_connection_that_breaks_off_is_taken_up(self, served: Any, get: Callable[..., UsedModel]) -> None:
        """What came is not sent again."""
        served.cut("weights.bin", 4_000_000)
        assert get("@v1.0#weights.bin").path.read_bytes() == _WEIGHTS
        if self.resumes:
            assert sum(each.sent for each in served.downloads("weights.bin")) <= len(_WEIGHTS)

    def test_a_download_that_is_killed_is_taken_up(
        self, served: Any, get: Callable[..., UsedModel], process: Callable[[str], subprocess.Popen[str]]
    ) -> None:
        """Another process goes on, and nothing half is ever taken for a model."""
        arrived, go_on = threading.Event(), threading.Event()

        def wait(file: str, sent: int) -> None:
            if file == "weights.bin" and sent >= 5 * 1024 * 1024 and not go_on.is_set():
                arrived.set()
                go_on.wait(30)

        served.wait = wait
        killed = process("@v1.0")
        assert arrived.wait(30)
        killed.kill()
        killed.wait()
        go_on.set()
        assert get("@v1.0#weights.bin").path.read_bytes() == _WEIGHTS
        if self.resumes:
            assert served.downloads("weights.bin")[-1].range

    def test_a_run_that_is_cancelled_waits_for_no_download(self, served: Any, get: Callable[..., UsedModel]) -> None:
        """What raised is what the listener raised; another attempt succeeds."""
        listener = _Listener(cancel_at=1)
        with pytest.raises(InterruptedError):
            get("@v1.0#weights.bin", listener)
        assert get("@v1.0#weights.bin").path.read_bytes() == _WEIGHTS

    def test_processes_that_ask_at_once_download_once(
        self, served: Any, process: Callable[[str], subprocess.Popen[str]]
    ) -> None:
        """The others wait, and get the same path."""
        both = [process("@v1.0#weights.bin") for _ in range(2)]
        paths = {each.communicate(timeout=60)[0].strip() for each in both}
        assert len(paths) == 1
        assert Path(paths.pop()).read_bytes() == _WEIGHTS
        assert len(served.downloads("weights.bin")) == 1

    def test_who_waits_for_another_process_is_told(self, served: Any, get: Callable[..., UsedModel]) -> None:
        """It gets the model when the other has it."""
        arrived, go_on = threading.Event(), threading.Event()

        def wait(file: str, _: int) -> None:
            if file == "weights.bin" and not go_on.is_set():
                arrived.set()
                go_on.wait(30)

        served.wait = wait
        first = threading.Thread(target=get, args=("@v1.0#weights.bin",))
        first.start()
        assert arrived.wait(30)
        listener = _Listener(when_logged=go_on.set)
        assert get("@v1.0#weights.bin", listener).path.read_bytes() == _WEIGHTS
        first.join()
        assert "waiting" in listener.logged[0][1]
        assert len(served.downloads("weights.bin")) == 1

    def test_a_file_that_was_tampered_with_is_refused(self, served: Any, get: Callable[..., UsedModel]) -> None:
        """Also offline, and with the size and the time that it had."""
        path = get("@v1.0#weights.bin").path
        status = path.stat()
        data = bytearray(path.read_bytes())
        data[1000] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        served.close()
        with pytest.raises(ModelDamagedError, match=r"weights\.bin"):
            get("@v1.0#weights.bin")

    def test_a_file_that_was_only_touched_is_fine(self, get: Callable[..., UsedModel]) -> None:
        """Its contents count."""
        path = get("@v1.0#weights.bin").path
        os.utime(path, (1, 1))
        assert get("@v1.0#weights.bin").path == path

    def test_other_bytes_than_the_hub_lists_are_refused(self, served: Any, get: Callable[..., UsedModel]) -> None:
        """Nothing of them stays: the next attempt asks again."""
        served.swap("weights.bin", bytes(len(_WEIGHTS)))
        with pytest.raises(ModelDamagedError):
            get("@v1.0#weights.bin")
        served.swap("weights.bin", _WEIGHTS)
        assert get("@v1.0#weights.bin").path.read_bytes() == _WEIGHTS

    def test_what_is_not_there_is_named_with_what_is(self, get: Callable[..., UsedModel]) -> None:
        """A revision, a file, a pattern, a model."""
        with pytest.raises(ModelNotFoundError) as revision:
            get("@v1.1")
        assert "v1.0" in f"{revision.value.why} {revision.value.fix}"
        with pytest.raises(ModelNotFoundError, match="wieghts") as file:
            get("@v1.0#wieghts.bin")
        assert file.value.fix == "did you mean weights.bin?"
        with pytest.raises(ModelNotFoundError, match=r"\*\.onnx"):
            get("@v1.0#*.onnx")
        with pytest.raises(ModelNotFoundError, match="acme/detektor"):
            Models().get(ModelReference.parse(f"{self.hub}://acme/detektor"))

    def test_a_private_model_needs_a_token(
        self, served: Any, get: Callable[..., UsedModel], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The token stands in no error and in no file."""
        served.token = "hub-secret-7c1f"  # noqa: S105  made up
        for token in ("", "hub-secret-wrong"):
            monkeypatch.setenv(self.token_variable, token)
            with pytest.raises(ModelDeniedError) as denied:
                get("@v1.0#config.json")
            assert self.token_variable in str(denied.value.fix)
            assert "hub-secret" not in str(denied.value)
        monkeypatch.setenv(self.token_variable, served.token)
        assert get("@v1.0#config.json").path.read_text() == '{"classes": 3}'
        written = [path for path in Path(os.environ["FLOWRA_MODEL_DIR"]).rglob("*") if path.is_file()]
        assert not any(b"hub-secret" in path.read_bytes() for path in written)

    def test_offline_gives_what_is_here_and_refuses_the_rest(
        self, served: Any, get: Callable[..., UsedModel], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is asked, and the error says what to do while there is a network."""
        tag, branch = get("@v1.0#config.json"), get("#config.json")
        asked = len(served.requests)
        monkeypatch.setenv("FLOWRA_OFFLINE", "1")
        assert get("@v1.0#config.json") == tag
        assert get("#config.json") == branch
        for rest in ("@v1.0#weights.bin", "@v2.0"):
            with pytest.raises(ModelOfflineError, match="acme/detector") as refused:
                get(rest)
            assert "flowra model get" in str(refused.value.fix)
        assert len(served.requests) == asked

    def test_no_network_is_said_at_once(self, served: Any, get: Callable[..., UsedModel]) -> None:
        """It is no crash of the client's."""
        served.close()
        with pytest.raises(ModelUnavailableError):
            get("@v1.0")

    def test_a_folder_that_cannot_be_written_to_is_named(
        self, served: Any, get: Callable[..., UsedModel], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The error says how to give another."""
        blocked = tmp_path / "file"
        blocked.write_text("no folder")
        monkeypatch.setenv("FLOWRA_MODEL_DIR", str(blocked / "models"))
        with pytest.raises(ModelError, match="can't be written") as refused:
            get("@v1.0")
        assert "FLOWRA_MODEL_DIR" in str(refused.value.fix)

    @pytest.fixture
    def process(self, served: Any) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
        """What starts a process that gets a model and prints its path."""
        started: list[subprocess.Popen[str]] = []

        def start(rest: str) -> subprocess.Popen[str]:
            arguments = [sys.executable, "-c", _PROGRAM, str(self.reference(rest))]
            started.append(subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True))  # noqa: S603  our own
            return started[-1]

        yield start
        for each in started:
            each.kill()
            each.wait()
            if each.stdout is not None:
                each.stdout.close()


class _Listener:
    """Takes note of what it is told, and cancels at the report that it is asked to."""

    def __init__(self, cancel_at: int = 0, when_logged: Callable[[], object] = lambda: None) -> None:
        self.told: list[tuple[float, float | None, str]] = []
        self.logged: list[tuple[str, str]] = []
        self._cancel_at = cancel_at
        self._when_logged = when_logged

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        self.told.append((done, total, text))
        if self._cancel_at and len(self.told) >= self._cancel_at:
            raise InterruptedError

    def log(self, text: str, level: str = "info") -> None:
        self.logged.append((level, text))
        self._when_logged()

    def check_cancelled(self) -> None:
        """Only reports cancel."""
