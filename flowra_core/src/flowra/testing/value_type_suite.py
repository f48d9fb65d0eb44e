"""What every value type must do, as tests.

Whoever contributes a value type, or its handler, subclasses the suite in a test module and gives values:

```python
import numpy as np
from flowra.testing import ValueTypeSuite
from flowra.type.value_type import Mask


class TestMask(ValueTypeSuite):
    value_type = Mask()

    def samples(self):
        return [np.zeros((4, 6), bool), np.eye(3, dtype=bool)]

    def refused(self):
        return ["no such file.png", 7]
```

Each test is one promise of `flowra.type.handler.ValueHandler`, and its docstring says it.
"""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from flowra.exceptions import printable
from flowra.storage.codec.encoded import check_codec_name
from flowra.type.handler import ValueHandler, handler_for
from flowra.type.named import value_type_from_json
from flowra.type.value.media import MediaType

__all__ = ["ValueTypeSuite"]

_PNG = b"\x89PNG\r\n\x1a\n"
_JUNK = (b"", b"\x00", b"no such value", bytes(range(256)))


class ValueTypeSuite:
    """The conformance suite for value types.

    Attributes:
        value_type: The value type.
    """

    value_type: ClassVar[MediaType]

    def samples(self) -> Sequence[Any]:
        """Return values, no two of them equal, in any form that a port takes: canonical ones, paths, ….

        The more they differ (empty, smallest, each dtype and mode), the more the suite holds.
        """
        raise NotImplementedError("the class that subclasses the suite gives values")

    def refused(self) -> Sequence[Any]:
        """Return values that are no values of the type."""
        raise NotImplementedError("the class that subclasses the suite gives values that have to be refused")

    @property
    def handler(self) -> ValueHandler[Any]:
        """The handler, as an installed pack gives it."""
        return handler_for(self.value_type.handled_as)

    def canonical(self) -> list[Any]:
        """Return the samples in their canonical form."""
        return [self.handler.coerce(sample, self.value_type) for sample in self.samples()]

    def stored(self, value: Any) -> tuple[str, bytes]:
        """Return a value as it lies in a store; skips the test if such values can't be stored."""
        encoded = self.handler.encode(value)
        if encoded is None:
            pytest.skip(f"values of {self.value_type} can't be stored, so what depends on them is not cached")
        codec, parts = encoded
        return codec, b"".join(bytes(part) for part in parts)

    def test_there_are_samples(self) -> None:
        """The suite holds nothing without values."""
        assert len(self.samples()) > 1
        assert len(self.refused()) > 0

    def test_the_type_is_the_same_after_a_graph_file_or_a_manifest(self) -> None:
        """A type is written as plain data and read back equal."""
        written = json.loads(json.dumps(self.value_type.to_json()))
        assert value_type_from_json(written) == self.value_type

    def test_a_canonical_value_stays_as_it_is(self) -> None:
        """What was coerced once is not changed by being coerced again, and large data are not copied."""
        for value in self.canonical():
            again = self.handler.coerce(value, self.value_type)
            assert self.handler.to_json(again) == self.handler.to_json(value)
            data, same = (getattr(each, "__array_interface__", {}).get("data") for each in (value, again))
            assert data == same, f"{self.handler.summarize(value)} was copied"

    def test_what_is_no_value_is_refused_with_a_reason(self) -> None:
        """Whatever arrives at a port, the handler answers with the value or with a ValueError that says why not."""
        for value in self.refused():
            with pytest.raises(ValueError) as refusal:  # noqa: PT011  the reason is the handler's own
                self.handler.coerce(value, self.value_type)
            assert str(refusal.value).strip(), f"{value!r} is refused without a reason"

    def test_the_identity_is_plain_data_and_tells_values_apart(self) -> None:
        """`to_json` can be written as JSON, and is equal for equal values alone."""
        identities = [json.dumps(self.handler.to_json(value), sort_keys=True) for value in self.canonical()]
        again = [json.dumps(self.handler.to_json(value), sort_keys=True) for value in self.canonical()]
        assert identities == again
        assert len(set(identities)) == len(identities), "two samples that differ have one identity"

    def test_a_value_is_described_in_one_line(self) -> None:
        """`summarize` gives one line that a terminal can show."""
        for value in self.canonical():
            line = self.handler.summarize(value)
            assert line.strip()
            assert line == printable(line), "it has control characters, or is longer than a line"

    def test_a_stored_value_comes_back_the_same(self) -> None:
        """Reading what was stored gives the same value, and storing that gives the same bytes."""
        for value in self.canonical():
            codec, data = self.stored(value)
            assert check_codec_name(codec) == codec
            back = self.handler.decode(codec, memoryview(data), self.value_type)
            assert self.handler.to_json(back) == self.handler.to_json(value)
            assert self.stored(back) == (codec, data)

    def test_a_value_that_was_read_is_canonical(self) -> None:
        """What comes from a store is what a port would have taken: nodes can't tell the difference."""
        for value in self.canonical():
            codec, data = self.stored(value)
            back = self.handler.decode(codec, memoryview(data), self.value_type)
            assert type(back) is type(value)
            taken = self.handler.coerce(back, self.value_type)
            assert self.handler.to_json(taken) == self.handler.to_json(value)

    def test_values_that_differ_are_stored_as_different_bytes(self) -> None:
        """The digest of the bytes names the value in the keys of what comes after."""
        stored = [self.stored(value) for value in self.canonical()]
        assert len(set(stored)) == len(stored)

    def test_bytes_that_are_no_value_are_refused(self) -> None:
        """Bytes come from stores that others write: what can't be read is a ValueError, whatever it is."""
        for value in self.canonical():
            codec, data = self.stored(value)
            for junk in (*_JUNK, data[:-1], data[: len(data) // 2]):
                if junk == data:
                    continue
                try:
                    self.handler.decode(codec, memoryview(junk), self.value_type)
                except ValueError:
                    continue
                except Exception as error:  # noqa: BLE001  that is what the test is about
                    pytest.fail(f"decode raised {type(error).__name__}, not ValueError, for {junk[:20]!r}: {error}")
            with pytest.raises(ValueError):  # noqa: PT011  the reason is the handler's own
                self.handler.decode(codec, memoryview(data[: len(data) // 2]), self.value_type)
            with pytest.raises(ValueError):  # noqa: PT011  likewise
                self.handler.decode("no-such-codec", memoryview(data), self.value_type)

    def test_a_value_becomes_a_file_that_people_can_open(self, tmp_path: Path) -> None:
        """`export` writes one file, adds an ending to the name it is given, and says which file it is."""
        for number, value in enumerate(self.canonical()):
            stem = tmp_path / f"{number}" / "a name. with dots"
            stem.parent.mkdir()
            path = self.handler.export(value, stem)
            assert list(stem.parent.iterdir()) == [path]
            assert path.name.startswith(f"{stem.name}.")
            assert path.stat().st_size > 0

    def test_a_preview_is_a_small_picture_or_none(self) -> None:
        """`thumbnail` gives a PNG of at most the size that is asked for."""
        for value in self.canonical():
            for most in (512, 16, 1):
                png = self.handler.thumbnail(value, most)
                if png is None:
                    continue
                assert png.startswith(_PNG), "a preview is a PNG"
                width, height = struct.unpack(">II", png[16:24])
                assert 1 <= width <= most
                assert 1 <= height <= most

    def test_what_browsers_play_is_small_and_says_what_it_is(self) -> None:
        """`playable` gives sound or moving pictures of at most the size that is asked for, with their media type."""
        for value in self.canonical():
            for most in (1_000_000, 20_000, 10):
                found = self.handler.playable(value, most)
                if found is None:
                    continue
                kind, data = found
                assert kind.partition("/")[0] in ("audio", "video")
                assert 0 < len(data) <= most

    def test_looking_at_a_value_does_not_change_it(self, tmp_path: Path) -> None:
        """Values are shared by nodes: describing, storing, writing and previewing leave them as they are."""
        for number, value in enumerate(self.canonical()):
            before = copy.deepcopy(self.handler.to_json(value))
            self.handler.summarize(value)
            self.handler.encode(value)
            self.handler.thumbnail(value, 32)
            self.handler.playable(value, 100_000)
            self.handler.export(value, tmp_path / f"{number}")
            assert self.handler.to_json(value) == before
