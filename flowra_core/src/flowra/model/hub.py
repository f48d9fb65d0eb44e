"""The interface to hubs that models are downloaded from; packs implement it and name it in `flowra_model_hubs`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

__all__ = ["ModelHub", "RemoteFile", "Snapshot", "Watch"]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a model, as its hub lists it.

    Attributes:
        path: Where it lies in the model, with `/`.
        size: Bytes.
        checksum: What the hub says of its contents: `sha256:` or `git-sha1:` (the id of a git blob) and hex digits.
    """

    path: str
    size: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A model as it is at one time.

    Attributes:
        model: Its name at the hub.
        revision: The tag, branch or commit that was asked for.
        pinned: A name that means these files and no others, for good: a commit, a tag, or one that the hub class makes
            of a branch and a digest of the files. It is part of paths.
        moving: Whether `revision` may mean other files some day: a branch.
        files: All files.
    """

    model: str
    revision: str
    pinned: str
    moving: bool
    files: tuple[RemoteFile, ...]


class Watch(Protocol):
    """What a download tells how far it is."""

    def advance(self, count: int) -> None:
        """Note that so many bytes more are there; fewer, where bytes turned out to be no good.

        Any thread may call it. Where nobody waits for the download any more it raises something that is no `Exception`:
        let it through, and leave what is there for the next attempt.
        """


class ModelHub(ABC):
    """A hub. An instance is made for each use, with what the settings say.

    Whatever goes wrong is raised as one of the errors of `flowra.exceptions`: `ModelNotFoundError`, `ModelDeniedError`,
    `ModelUnavailableError`, `ModelDamagedError`. Tokens stand in none of them.

    Args:
        endpoint: The hub's address; empty for the one that its own client has.
        token: What a private model is asked for with; None for nobody's.
        cache: The folder in which the hub's own client keeps what it downloads.
    """

    #: Variables of the environment that its own client takes a token from.
    token_variables: ClassVar[tuple[str, ...]] = ()
    #: The secret of Flowra's that holds a token, as in `flowra config secret set NAME`.
    token_secret: ClassVar[str] = ""
    #: The branch that is meant where nobody names a revision.
    main_branch: ClassVar[str] = "main"
    #: Whether it is asked while Flowra is offline: it is a folder.
    local: ClassVar[bool] = False

    def __init__(self, *, endpoint: str, token: str | None, cache: Path) -> None:
        self.endpoint = endpoint
        self.token = token
        self.cache = cache

    @classmethod
    @abstractmethod
    def own_cache(cls) -> Path:
        """Return the folder in which the hub's own client keeps models where nobody says otherwise."""

    @classmethod
    def own_token(cls) -> str | None:
        """Return the token of whoever is logged in with the hub's own client; None if nobody is."""
        return None

    @abstractmethod
    def snapshot(self, model: str, revision: str) -> Snapshot:
        """Resolve a revision to a pinned one, and list its files.

        Args:
            model: The model's name.
            revision: A tag, a branch, a commit, or a pinned name that this method gave.

        Raises:
            ModelNotFoundError: There is no such model or revision; it names the revisions there are.
            ModelDeniedError: It is private, or the token is wrong.
            ModelUnavailableError: The hub can't be reached.
        """

    @abstractmethod
    def folder(self, model: str, pinned: str) -> Path:
        """Return the folder below `cache` that the files of a pinned revision lie in; it need not exist."""

    @abstractmethod
    def download(self, snapshot: Snapshot, files: Sequence[RemoteFile], watch: Watch) -> None:
        """Put files into `folder`, resuming what an earlier attempt left behind.

        Nobody else downloads into it at the same time. The caller checks every file afterwards.

        Args:
            snapshot: What `snapshot` gave.
            files: Those of its files that are wanted.
            watch: Told how far it is.

        Raises:
            ModelNotFoundError: A file is gone.
            ModelDamagedError: The hub sends other bytes than it lists.
            ModelDeniedError: It is private, or the token is wrong.
            ModelUnavailableError: The hub can't be reached, or broke off.
        """

    @abstractmethod
    def check(self) -> None:
        """Ask the hub whether it answers at all, for `flowra doctor`; raises as `snapshot` does."""

    def discard(self, model: str, pinned: str, files: Iterable[str]) -> None:
        """Remove files of a pinned revision, and whatever else the client keeps of them."""
        folder = self.folder(model, pinned)
        for file in files:
            (folder / file).unlink(missing_ok=True)
