"""`ModelScopeHub`: models from ModelScope, through its own client."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from flowra.exceptions import ModelNotFoundError
from flowra.model import ModelHub, RemoteFile, Snapshot, Watch
from flowra.model.manifest import digest_of_files
from flowra.plugin.nearest import nearest_name
from flowra_modelscope.errors import translated

if TYPE_CHECKING:
    from flowra_modelscope.client import Client

__all__ = ["ModelScopeHub"]

#: Files that are downloaded at once.
_AT_ONCE = 4
#: Seconds that `check` waits.
_PATIENCE = 5
#: Digits of the digest that pins a branch.
_DIGITS = 12
#: Stands between a branch and that digest.
_PIN = "+"


class ModelScopeHub(ModelHub):
    """Models from ModelScope.

    A tag is taken for pinned. A branch moves, and the hub names no commit that could be asked for again in its listing:
    it is pinned to a digest of its files, as `master+0123456789ab`, and fetched only while it still has those.
    """

    token_variables: ClassVar[tuple[str, ...]] = ("MODELSCOPE_API_TOKEN",)
    token_secret: ClassVar[str] = "modelscope_token"  # noqa: S105  a name
    main_branch: ClassVar[str] = "master"

    def __init__(self, *, endpoint: str, token: str | None, cache: Path) -> None:
        super().__init__(endpoint=endpoint, token=token, cache=cache)
        self._opened: Client | None = None

    @classmethod
    def own_cache(cls) -> Path:
        """Return `MODELSCOPE_CACHE`, or where the client keeps models without it."""
        named = os.environ.get("MODELSCOPE_CACHE")
        return Path(named) if named else Path.home() / ".cache" / "modelscope"

    @classmethod
    def own_token(cls) -> str | None:
        """Return the token of whoever is logged in with `modelscope login`."""
        folder = Path(os.environ.get("MODELSCOPE_HOME") or Path.home() / ".modelscope")
        if not folder.joinpath("credentials").is_dir():
            return None  # the client would make the folder
        from modelscope_hub.config import HubConfig

        token: str | None = HubConfig(config_dir=folder, token=None).token
        return token

    def snapshot(self, model: str, revision: str) -> Snapshot:
        """Ask for a model's files, and whether the revision is a tag."""
        branch, _, digits = revision.partition(_PIN)
        with translated(model, self.endpoint):
            branches, tags = self._revisions(model)
            if branch not in (*branches, *tags) and not _is_commit(branch):
                raise _no_revision(model, branch, branches, tags)
            entries = self._client.ask.list_repo_files(model, "model", revision=branch, recursive=True)
        files = tuple(
            RemoteFile(entry["Path"], int(entry["Size"]), f"sha256:{str(entry['Sha256']).lower()}")
            for entry in entries
            if entry.get("Type") != "tree"
        )
        if branch in tags or _is_commit(branch):
            return Snapshot(model, revision, branch, False, files)
        digest = digest_of_files(sorted(files, key=lambda file: file.path)).hex()[:_DIGITS]
        if digits and digits != digest:
            raise ModelNotFoundError(
                f"the model {model} has no revision {revision} any more",
                why=f"its branch {branch} has other files now: {branch}{_PIN}{digest}",
                fix="name a tag where a revision is to stay" + (f": {', '.join(tags)}" if tags else ""),
            )
        return Snapshot(model, revision, f"{branch}{_PIN}{digest}", True, files)

    def folder(self, model: str, pinned: str) -> Path:
        """Return the folder in the client's own layout."""
        return self.cache / "models" / model.replace("/", "--") / "snapshots" / pinned

    def download(self, snapshot: Snapshot, files: Sequence[RemoteFile], watch: Watch) -> None:
        """Download files, several at once."""
        from flowra_modelscope.progress import callback_for

        self._take_over(snapshot, files)
        revision = snapshot.pinned.partition(_PIN)[0]
        stop = threading.Event()
        callback = callback_for(watch)
        with translated(snapshot.model, self.endpoint), ThreadPoolExecutor(_AT_ONCE) as workers:

            def fetch(file: RemoteFile) -> None:
                self._client.fetch.download_file(
                    snapshot.model,
                    "model",
                    file.path,
                    revision=revision,
                    cache_dir=self.cache,
                    local_dir=self.folder(snapshot.model, snapshot.pinned),
                    expected_sha256=file.checksum.removeprefix("sha256:"),
                    file_size=file.size,
                    progress_callbacks=[callback],
                    _cancel_event=stop,
                )

            running = [workers.submit(fetch, file) for file in files]
            try:
                for each in running:
                    each.result()
            except BaseException:
                stop.set()
                for each in running:
                    each.cancel()
                raise

    def check(self) -> None:
        """Ask whether the hub answers."""
        from flowra_modelscope.client import open_client

        with translated("", self.endpoint):
            try:
                asking = open_client(self.endpoint, self.token, self.cache, retries=0, timeout=_PATIENCE).ask
                asking.list_revisions("flowra/does-the-hub-answer", "model")
            except Exception as error:
                if type(error).__name__ not in ("NotExistError", "AuthenticationError", "PermissionDeniedError"):
                    raise

    def _take_over(self, snapshot: Snapshot, files: Sequence[RemoteFile]) -> None:
        """Link what the client downloaded of the branch by itself: it is checked like all the rest."""
        branch, moved, _ = snapshot.pinned.partition(_PIN)
        if not moved:
            return
        target = self.folder(snapshot.model, snapshot.pinned)
        for file in files:
            own, path = self.folder(snapshot.model, branch) / file.path, target / file.path
            if own.is_file() and own.stat().st_size == file.size and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                os.link(own, path)

    def _revisions(self, model: str) -> tuple[list[str], list[str]]:
        branches, tags = self._client.ask.list_revisions_detail(model, "model")
        return [each["Revision"] for each in branches], [each["Revision"] for each in tags]

    @property
    def _client(self) -> Client:
        if self._opened is None:
            from flowra_modelscope.client import open_client

            self._opened = open_client(self.endpoint, self.token, self.cache)
        return self._opened


def _is_commit(revision: str) -> bool:
    return len(revision) == 40 and all(digit in "0123456789abcdef" for digit in revision)


def _no_revision(model: str, revision: str, branches: list[str], tags: list[str]) -> ModelNotFoundError:
    known = [*tags, *branches]
    near = nearest_name(revision, known)
    return ModelNotFoundError(
        f"the model {model} has no revision {revision}",
        why=f"it has {', '.join(known)}" if known else "it has no revisions",
        fix=f"did you mean {near}?" if near else "name one of those",
    )
