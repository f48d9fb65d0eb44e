"""What the tests of the suite share: how a store is opened, threads, contents."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from flowra.storage.remote.objects import ObjectStore

__all__ = ["RACERS", "ObjectStoreTests", "at_once", "content_of"]

#: Threads that do something at the same time.
RACERS = 8


class ObjectStoreTests:
    """Base of the tests.

    Attributes:
        secrets: Texts that the stores it opens were given to authenticate with; none may be seen in an address.
        large: Bytes of a large object: above whatever the service or its client treats in parts.
        many: How many objects are listed and removed at once: above what the service does in one request.
    """

    secrets: ClassVar[tuple[str, ...]] = ()
    large: ClassVar[int] = 48 << 20
    many: ClassVar[int] = 1_005

    def open(self, folder: Path) -> ObjectStore:
        """Open the object store that belongs to a folder of the test's own; the same one for the same folder.

        It is empty when it is opened first. Called several times in a test: each call is another client.
        """
        raise NotImplementedError("the class that subclasses the suite opens the store")

    def open_denied(self, folder: Path) -> ObjectStore:
        """Open the same one with credentials that the service refuses."""
        pytest.skip("the suite is not told how the service can be made to refuse (override open_denied)")

    def open_unreachable(self, folder: Path) -> ObjectStore:
        """Open one whose service does not answer."""
        pytest.skip("the suite is not told how to miss the service (override open_unreachable)")

    @pytest.fixture
    def objects(self, tmp_path: Path) -> Iterator[ObjectStore]:
        """An open object store."""
        with self.open(tmp_path) as objects:
            yield objects

    @pytest.fixture
    def other(self, tmp_path: Path, objects: ObjectStore) -> Iterator[ObjectStore]:
        """Another client of the same one."""
        with self.open(tmp_path) as other:
            yield other

    @pytest.fixture
    def pool(self) -> Iterator[ThreadPoolExecutor]:
        """Threads."""
        with ThreadPoolExecutor(RACERS) as pool:
            yield pool


def content_of(size: int) -> bytes:
    """Return so many bytes: the same each time, and nothing that can be compressed."""
    return random.Random(size).randbytes(size)  # noqa: S311 - no secret


def at_once(*work: Callable[[], None]) -> None:
    """Do things on threads of their own, and raise what one of them raised."""
    with ThreadPoolExecutor(len(work)) as pool:
        for done in [pool.submit(each) for each in work]:
            done.result()
