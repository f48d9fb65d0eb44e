"""What a literal counts as: plain values by value and type, as the port takes them; files by name and contents."""

import datetime as dt
import enum
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fixtures.keyed_packs import file_digest
from pydantic import BaseModel

from flowra.dag.key.literals import LiteralDigests, holds_paths
from flowra.dag.key.parts import InputDigest, Unkeyable
from flowra.dag.port import Port
from flowra.storage.codec import canonical, npy
from flowra.storage.refs import digest_of
from flowra.type.annotations import value_type_of
from flowra.type.component_type import Number, component_for
from flowra.type.value_type import (
    JSON,
    AnyImage,
    Bytes,
    File,
    Float,
    Folder,
    Integer,
    ListOf,
    OptionalOf,
    String,
    Tensor,
    UnionOf,
)


def port(value_type, component=None):
    resolved = value_type_of(value_type)
    return Port("p", resolved, component or component_for(resolved))


@pytest.fixture
def literals():
    return LiteralDigests(file_digest, pytest.fail)


def digest(literals, value_type, value):
    found = literals.of(port(value_type), value)
    assert isinstance(found, InputDigest), found
    return found.digest


def reason(literals, value_type, value):
    found = literals.of(port(value_type), value)
    assert isinstance(found, Unkeyable), found
    return found.reason


@pytest.mark.parametrize(
    ("value_type", "one", "other"),
    [
        (Float, 1, 1.0),
        (Float, np.float32(0.5), 0.5),
        (Integer, 2, 2.0),
        (String, "a/b", Path("a/b")),
        (Bytes, b"ab", "YWI="),
        (ListOf(Float()), [1, 2.5], (1.0, 2.5)),
        (OptionalOf(Float()), 3, 3.0),
        (JSON, {"a": 1, "b": (1, 2)}, {"b": [1, 2], "a": 1}),
    ],
)
def test_what_the_port_takes_as_one_value_has_one_digest(literals, value_type, one, other):
    assert digest(literals, value_type, one) == digest(literals, value_type, other)


def test_values_of_other_types_differ_where_the_port_takes_anything(literals):
    values = [1, 1.0, True, "1", b"1", None, [1], (1,), {"1": 1}, {1: 1}, "", 0, 0.0, -0.0, False, [], (), {}, [[]]]
    values += [float("inf"), float("-inf"), float("nan"), {1, 2}, frozenset({1, 2}), dt.date(2026, 1, 1), 1j, {1: {2}}]
    digests = {digest(literals, object, value) for value in values}
    assert len(digests) == len(values)


def test_zero_keeps_its_sign_also_when_its_digest_is_remembered(literals):
    same = port(Float)
    assert literals.of(same, 0.0) != literals.of(same, -0.0)
    assert literals.of(same, 0.0) == literals.of(same, 0)


def test_the_component_takes_part_in_what_a_value_is(literals):
    number = port(Float, Number(value_type=float, min=0, max=1))
    assert isinstance(literals.of(number, 0.5), InputDigest)
    assert "less than or equal to 1" in literals.of(number, 2).reason


def test_a_literal_counts_as_the_same_value_that_a_node_gave(literals):
    assert digest(literals, Float, 1) == digest_of(canonical.CODEC, canonical.encode(1.0))


def test_objects_count_by_type_and_contents(literals):
    class Colour(enum.Enum):
        RED = 1

    class Weight(enum.IntEnum):
        ONE = 1

    @dataclass
    class Point:
        x: float
        tags: set[str]

    @dataclass
    class Place:
        x: float
        tags: set[str]

    class Model(BaseModel):
        x: float
        name: bytes | str = ""

    values = [
        Colour.RED, Weight.ONE, 1, Point(1, {"a", "b"}), Point(1.0, {"a", "b"}), Place(1, {"a", "b"}),
        Model(x=1), Model(x=1, name="ab"), Model(x=1, name=b"ab"),
    ]  # fmt: skip
    assert len({digest(literals, object, value) for value in values}) == len(values)
    again = digest(literals, object, Point(1, {"b", "a"}))
    assert again == digest(literals, object, values[3])


def test_an_object_of_unknown_contents_has_no_digest_and_says_so(literals):
    assert "has contents that are not known" in reason(literals, object, object())
    assert "has contents that are not known" in reason(literals, object, [1, {"a": object()}])
    assert reason(literals, Float, "x") == "should be a valid number, got text 'x'"


def test_a_list_that_holds_itself_has_no_digest(literals):
    bottomless = []
    bottomless.append(bottomless)
    assert isinstance(literals.of(port(object), bottomless), Unkeyable)


def test_a_file_counts_by_name_and_contents_not_by_place(literals, tmp_path):
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "a.png").write_bytes(b"picture")
    first = digest(literals, File, tmp_path / "one" / "a.png")
    assert digest(literals, File, str(tmp_path / "other" / "a.png")) == first
    (tmp_path / "one" / "b.png").write_bytes(b"picture")
    assert digest(literals, File, tmp_path / "one" / "b.png") != first
    (tmp_path / "one" / "a.png").write_bytes(b"Picture")
    assert digest(literals, File, tmp_path / "one" / "a.png") != first


def test_a_picture_that_is_read_counts_by_contents_and_ending(literals, tmp_path):
    for name in ("a.png", "b.PNG", "c.npy"):
        (tmp_path / name).write_bytes(b"picture")
    first = digest(literals, AnyImage, str(tmp_path / "a.png"))
    assert digest(literals, AnyImage, tmp_path / "b.PNG") == first
    assert digest(literals, AnyImage, str(tmp_path / "c.npy")) != first


def test_a_file_that_will_be_written_counts_by_its_path(literals, tmp_path):
    target = tmp_path / "out.png"
    before = digest(literals, File(exists=False), target)
    target.write_bytes(b"written")
    assert digest(literals, File(exists=False), target) == before
    assert digest(literals, File(exists=False), tmp_path / "other.png") != before


def test_a_folder_counts_by_the_names_and_contents_of_all_in_it(literals, tmp_path):
    folder = tmp_path / "pictures"
    (folder / "inner").mkdir(parents=True)
    (folder / "a").write_bytes(b"1")
    seen = [digest(literals, Folder, folder)]

    def changed():
        seen.append(digest(literals, Folder, folder))
        return seen[-1] not in seen[:-1]

    (folder / "inner" / "b").write_bytes(b"2")
    assert changed()
    (folder / "inner" / "b").write_bytes(b"3")
    assert changed()
    (folder / "inner" / "b").rename(folder / "b")
    assert changed()
    (folder / "empty").mkdir()
    assert changed()
    (folder / "inner").rmdir()
    assert changed()
    (folder / "a").unlink()
    assert changed()
    (folder / "a").symlink_to(folder / "b")
    assert changed()
    os.utime(folder / "b", (1, 1))
    assert not changed()


def test_a_folder_that_leads_back_to_itself_or_holds_a_pipe_has_no_digest(literals, tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path)
    assert "is a link to a folder that it lies in" in reason(literals, Folder, tmp_path)
    (tmp_path / "loop").unlink()
    os.mkfifo(tmp_path / "pipe")
    assert "is neither a file nor a folder" in reason(literals, Folder, tmp_path)


@pytest.mark.parametrize("value_type", [File, File(url=True), AnyImage, OptionalOf(AnyImage())])
def test_what_lies_on_the_network_or_nowhere_has_no_digest(literals, value_type):
    assert reason(literals, value_type, "https://example.org/a.png").endswith("download it, and give the file")
    assert "/none/a.png" in reason(literals, value_type, "/none/a.png")


def test_paths_inside_lists_optionals_unions_and_objects_count_by_contents(literals, tmp_path):
    path = tmp_path / "a.png"

    @dataclass
    class Job:
        source: Path

    asked = [
        (ListOf(File()), [path]),
        (ListOf(ListOf(AnyImage())), [[str(path)]]),
        (OptionalOf(File()), str(path)),
        (UnionOf((AnyImage(), Integer())), path),
        (UnionOf((ListOf(AnyImage()), AnyImage())), [str(path)]),
        (object, path),
        (object, [path]),
        (object, {"p": path}),
        (object, Job(path)),
    ]
    path.write_bytes(b"1")
    before = [digest(literals, value_type, value) for value_type, value in asked]
    path.write_bytes(b"2")
    after = [digest(literals, value_type, value) for value_type, value in asked]
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_arrays_count_by_dtype_shape_and_bytes(literals):
    base = np.arange(12, dtype=np.uint8)
    arrays = [base, base.reshape(3, 4), base.reshape(4, 3), base.astype(np.int8), base.astype(">u2"), base + 1]
    for value_type in (AnyImage, Tensor, object):
        assert len({digest(literals, value_type, array) for array in arrays}) == len(arrays)
        assert digest(literals, value_type, base.copy()) == digest(literals, value_type, base)
        assert digest(literals, value_type, np.arange(24, dtype=np.uint8)[::2] // 2) == digest(
            literals, value_type, base
        )
    encoded = npy.encode(base)
    assert digest(literals, Tensor, base) == digest_of(encoded.codec, *encoded.parts)


def test_a_list_of_values_does_not_run_together(literals, tmp_path):
    for name in ("a", "b", "ab"):
        (tmp_path / name).write_bytes(name.encode())
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "ab"]
    files = ListOf(File())
    lists = [[], paths[:1], paths[:2], paths[1::-1], paths[2:], [paths[0]] * 2]
    assert len({digest(literals, files, each) for each in lists}) == len(lists)


@pytest.mark.parametrize(
    ("value_type", "value", "shown"),
    [
        (Float, 1, {"value": 1.0}),
        (String, "光", {"value": "光"}),
        (ListOf(Integer()), [1, 2], {"value": [1, 2]}),
        (object, float("nan"), {"about": "number nan"}),
        (object, (1, 2), {"about": "tuple (1, 2)"}),
        (String, "a" * 500, {"about": f"text '{'a' * 58}…"}),
        (AnyImage, np.zeros((2, 3), np.uint8), {"about": "ndarray of shape (2, 3) and dtype uint8"}),
    ],
)
def test_people_are_shown_the_value_or_what_it_is(literals, value_type, value, shown):
    found = literals.of(port(value_type), value).to_json()
    if "value" not in shown:
        assert len(bytes.fromhex(found.pop("digest"))) == 32
    assert found == shown


@pytest.mark.parametrize("value_type", [File, ListOf(File()), OptionalOf(Folder()), UnionOf((String(), File()))])
def test_it_is_known_of_a_type_that_its_values_are_paths(value_type):
    assert holds_paths(value_type_of(value_type))


@pytest.mark.parametrize("value_type", [String, AnyImage, ListOf(AnyImage()), object])
def test_it_is_known_of_a_type_that_its_values_are_no_paths(value_type):
    assert not holds_paths(value_type_of(value_type))


def test_ports_that_come_and_go_are_not_kept(literals):
    for number in range(3_000):
        assert isinstance(literals.of(port(Float), number), InputDigest)
    assert len(literals._validators) <= 1_000
