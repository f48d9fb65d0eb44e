"""What every object store must do, as tests.

Whoever makes a service's objects available to Flowra subclasses the suite in a test module and opens stores:

```python
from flowra.testing import ObjectStoreSuite
from my_pack.objects import MyObjects


class TestMyObjects(ObjectStoreSuite):
    def open(self, folder):
        return MyObjects(f"my-scheme://localhost/{folder.name}")
```

Each test is one promise of `flowra.storage.remote.objects.ObjectStore`, and its docstring says it. What is built over
it in the core is held to `StoreSuite`, which such a pack subclasses as well.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flowra.exceptions import StoreDeniedError, StoreUnavailableError
from flowra.storage.remote.objects import ObjectStore
from flowra.testing.objects.contents import ContentTests
from flowra.testing.objects.names import NameTests

__all__ = ["ObjectStoreSuite"]


class ObjectStoreSuite(ContentTests, NameTests):
    """The conformance suite for object stores.

    Attributes:
        secrets: Texts that the stores it opens were given to authenticate with; none may be seen in an address.
        large: Bytes of a large object: above whatever the service or its client treats in parts.
        many: How many objects are listed and removed at once: above what the service does in one request.
    """

    def test_nothing_secret_is_in_the_address(self, objects: ObjectStore) -> None:
        """The address says where, and not with which credentials; nor does what is shown of the store."""
        assert objects.location
        for secret in self.secrets:
            assert secret not in objects.location
            assert secret not in repr(objects)

    def test_being_refused_is_told_from_being_unreachable(self, objects: ObjectStore, tmp_path: Path) -> None:
        """What a person has to change is a StoreDeniedError, for reading as for writing, and says nothing secret."""
        objects.put("a", [b"x"])
        with self.open_denied(tmp_path) as denied:
            for attempt in _attempts(denied, tmp_path):
                with pytest.raises(StoreDeniedError) as refusal:
                    attempt()
                assert not any(secret in str(refusal.value) for secret in self.secrets)

    def test_a_service_that_does_not_answer_is_unavailable(self, tmp_path: Path) -> None:
        """Where another attempt may help it is a StoreUnavailableError, whatever was asked."""
        with self.open_unreachable(tmp_path) as objects:
            for attempt in _attempts(objects, tmp_path):
                with pytest.raises(StoreUnavailableError):
                    attempt()

    def test_closing_twice_is_no_mistake(self, tmp_path: Path) -> None:
        """A second `close` does nothing."""
        objects = self.open(tmp_path)
        objects.close()
        objects.close()


def _attempts(objects: ObjectStore, folder: Path) -> list[Callable[[], object]]:
    source = folder / "source"
    source.write_bytes(b"x")
    return [
        lambda: objects.get("a"),
        lambda: objects.download("a", folder / "target"),
        lambda: objects.put("b", [b"x"]),
        lambda: objects.put("b", [b"x"], if_absent=True),
        lambda: objects.upload("b", source),
        lambda: objects.head("a"),
        lambda: list(objects.list()),
        lambda: objects.delete(["a"]),
    ]
