"""`HuggingFaceHub`: models from Hugging Face, through its own client."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from flowra.exceptions import ModelNotFoundError
from flowra.model import ModelHub, RemoteFile, Snapshot, Watch
from flowra.plugin.nearest import nearest_name
from flowra_huggingface.errors import translated

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["HuggingFaceHub"]

#: Files that are downloaded at once.
_AT_ONCE = 4
#: Seconds that `check` waits.
_PATIENCE = 5


class HuggingFaceHub(ModelHub):
    """Models from Hugging Face. Each revision is pinned to the commit that it means."""

    token_variables: ClassVar[tuple[str, ...]] = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
    token_secret: ClassVar[str] = "huggingface_token"  # noqa: S105  a name

    @classmethod
    def own_cache(cls) -> Path:
        """Return the client's own folder: `HF_HUB_CACHE`, or `hub` in `HF_HOME`."""
        home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
        return Path(os.environ.get("HF_HUB_CACHE") or home / "hub")

    @classmethod
    def own_token(cls) -> str | None:
        """Return the token of whoever is logged in with `hf auth login`."""
        home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
        try:
            return Path(os.environ.get("HF_TOKEN_PATH") or home / "token").read_text(encoding="utf-8").strip() or None
        except OSError:
            return None

    def snapshot(self, model: str, revision: str) -> Snapshot:
        """Ask which commit a revision is, and for its files."""
        from huggingface_hub import RepoFile
        from huggingface_hub.errors import RevisionNotFoundError

        with translated(model, self.endpoint):
            try:
                commit = str(self._api.model_info(model, revision=revision).sha)
            except RevisionNotFoundError as error:
                raise self._no_revision(model, revision) from error
            entries = self._api.list_repo_tree(model, revision=commit, recursive=True)
            files = tuple(
                RemoteFile(
                    entry.path,
                    entry.size,
                    f"sha256:{entry.lfs.sha256}" if entry.lfs is not None else f"git-sha1:{entry.blob_id}",
                )
                for entry in entries
                if isinstance(entry, RepoFile)
            )
            moving = revision != commit and revision not in self._names(model)[1]
        return Snapshot(model, revision, commit, moving, files)

    def folder(self, model: str, pinned: str) -> Path:
        """Return the folder in the client's own layout."""
        return self.cache / f"models--{model.replace('/', '--')}" / "snapshots" / pinned

    def download(self, snapshot: Snapshot, files: Sequence[RemoteFile], watch: Watch) -> None:
        """Download files, several at once."""
        from concurrent.futures import ThreadPoolExecutor

        from huggingface_hub import hf_hub_download

        from flowra_huggingface.progress import bar_for

        bar = bar_for(watch)

        def fetch(file: RemoteFile) -> None:
            hf_hub_download(
                snapshot.model,
                file.path,
                revision=snapshot.pinned,
                cache_dir=self.cache,
                token=self.token or False,
                endpoint=self.endpoint or None,
                tqdm_class=bar,
            )

        with translated(snapshot.model, self.endpoint), ThreadPoolExecutor(_AT_ONCE) as workers:
            running = [workers.submit(fetch, file) for file in files]
            try:
                for each in running:
                    each.result()
            except BaseException:
                for each in running:
                    each.cancel()
                raise

    def discard(self, model: str, pinned: str, files: Iterable[str]) -> None:
        """Remove the links to files, and the contents that nothing else links to."""
        snapshots = self.folder(model, pinned).parent
        for file in files:
            link = snapshots / pinned / file
            contents = link.resolve()
            link.unlink(missing_ok=True)
            shared = (other for other in snapshots.rglob("*") if other.is_symlink() and other.resolve() == contents)
            if contents != link and next(shared, None) is None:
                contents.unlink(missing_ok=True)

    def check(self) -> None:
        """Ask whether the hub answers."""
        from huggingface_hub.errors import HfHubHTTPError

        with translated("", self.endpoint):
            try:
                self._api.model_info("flowra/does-the-hub-answer", timeout=_PATIENCE)
            except HfHubHTTPError as error:
                if error.response is None or error.response.status_code >= 500:
                    raise

    def _names(self, model: str) -> tuple[list[str], list[str]]:
        refs = self._api.list_repo_refs(model)
        return [each.name for each in refs.branches], [each.name for each in refs.tags]

    def _no_revision(self, model: str, revision: str) -> ModelNotFoundError:
        branches, tags = self._names(model)
        known = [*tags, *branches]
        near = nearest_name(revision, known)
        return ModelNotFoundError(
            f"the model {model} has no revision {revision}",
            why=f"it has {', '.join(known)}" if known else "it has no revisions",
            fix=f"did you mean {near}?" if near else "name one of those",
        )

    @property
    def _api(self) -> HfApi:
        import logging

        from huggingface_hub import HfApi

        # What goes wrong is told by Flowra; the client would also write it to stderr.
        logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
        return HfApi(endpoint=self.endpoint or None, token=self.token or False)
