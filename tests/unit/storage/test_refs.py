import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowra.storage.codec import canonical
from flowra.storage.record import Record
from flowra.storage.record_bytes import decode_record, encode_record
from flowra.storage.refs import BlobRef, EndedRef, InlineRef, ListRef, blobs_of, digest_of, ref_from_json

codecs = st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True).filter(lambda name: name not in {"list", "ended"})
digests = st.binary(min_size=32, max_size=32)
leaves = (
    st.builds(InlineRef, codecs, st.binary(max_size=40))
    | st.builds(InlineRef, st.just("json"), st.text(max_size=9).map(canonical.encode))
    | st.builds(BlobRef, codecs, digests, st.integers(0, 2**63))
    | st.builds(EndedRef, st.text(max_size=20))
)
refs = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4).map(lambda items: ListRef(tuple(items))))
records = st.builds(
    Record,
    digests,
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=10), refs, max_size=4),
    st.floats(allow_nan=False),
    st.binary(max_size=50),
    st.floats(allow_nan=False),
)


@given(refs)
def test_a_ref_comes_back_from_json_with_its_digest(ref):
    back = ref_from_json(json.loads(json.dumps(ref.to_json())))
    assert back == ref
    assert back.digest == ref.digest


@given(records)
def test_a_record_comes_back_from_its_bytes(record):
    assert decode_record(record.key, encode_record(record)) == record


@given(records, st.data())
def test_damaged_bytes_give_a_record_or_a_value_error(record, data):
    content = bytearray(encode_record(record))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        decode_record(record.key, bytes(content[: data.draw(st.integers(0, len(content)))]))


def test_a_small_and_a_large_value_of_the_same_bytes_have_one_digest():
    assert InlineRef("json", b"1").digest == digest_of("json", b"1") == digest_of("json", b"", b"1")


def test_the_codec_is_part_of_the_digest():
    assert digest_of("json", b"1") != digest_of("bytes", b"1")
    assert digest_of("a", b"b") != digest_of("ab", b"")


def test_lists_differ_from_their_items_and_by_their_order():
    one, two = InlineRef("json", b"1"), InlineRef("json", b"2")
    assert (
        len({ref.digest for ref in (one, ListRef((one,)), ListRef(()), ListRef((one, two)), ListRef((two, one)))}) == 5
    )


def test_a_branch_that_ended_is_the_same_whatever_the_reason():
    assert EndedRef("no face").digest == EndedRef("").digest != ListRef(()).digest


def test_blobs_are_found_in_lists_of_lists():
    blob = BlobRef("npy", bytes(32), 5)
    assert list(blobs_of(ListRef((InlineRef("json", b"1"), ListRef((blob, blob)), EndedRef("x"))))) == [blob, blob]


@pytest.mark.parametrize("name", ["", "A", "../x", "a/b", "a.b", "1a", "list", "ended", "x" * 33, "a\n"])
def test_a_codec_name_that_could_leave_the_folder_is_refused(name):
    with pytest.raises(ValueError, match="no ref"):
        ref_from_json({"blob": name, "digest": "00" * 32, "size": 1})
    with pytest.raises(ValueError, match="no codec name"):
        InlineRef(name, b"1")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"blob": "npy"},
        {"blob": "npy", "digest": "00", "size": 1},
        {"blob": "npy", "digest": "00" * 32, "size": -1},
        {"blob": "npy", "digest": "00" * 32, "size": True},
        {"inline": "json"},
        {"inline": "json", "base64": "?"},
        {"list": [{}]},
        {"list": 3},
        {"ended": 3},
        [],
    ],
)
def test_what_is_no_ref_is_refused(data):
    with pytest.raises(ValueError, match="no ref"):
        ref_from_json(data)
