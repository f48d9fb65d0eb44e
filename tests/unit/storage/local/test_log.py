import os

import pytest

from flowra.storage.local.folder import StoreFolder
from flowra.storage.local.log import NOTHING, RecordLog

KEYS = [bytes([number]) * 32 for number in range(8)]


@pytest.fixture
def folder(tmp_path):
    return StoreFolder(tmp_path / "store")


@pytest.fixture
def log(folder):
    log = RecordLog(folder)
    yield log
    log.close()


def unlike_a_mark(log):
    """Return a byte with which no record begins: one that lacks it is not completed by the next by chance."""
    return bytes([log.id[0] ^ 1])


def contents(folder):
    """What somebody who opens the log now finds in it."""
    log = RecordLog(folder)
    found = [(frame.key, log.read(frame.at, frame.size, frame.key)) for frame in log.read_on()]
    log.close()
    return found


def test_what_is_appended_is_there_for_others_at_once_and_in_order(folder, log):
    other = RecordLog(folder)
    for number, key in enumerate(KEYS):
        assert not other.has_grown()
        (log if number % 2 else other).append(key, NOTHING, b"x%d" % number)
        list(log.read_on())
        list(other.read_on())
    other.close()
    assert contents(folder) == [(key, b"x%d" % number) for number, key in enumerate(KEYS)]


def test_who_appends_alone_is_told_where_and_who_does_not_reads_on(folder, log):
    other = RecordLog(folder)
    _, own = log.append(KEYS[0], NOTHING, b"first")
    frame, unknown = other.append(KEYS[0], NOTHING, b"second")
    assert own is not None
    assert unknown is None
    first, second = other.read_on()
    assert first == own
    assert other.frame_at(second.at, second.size) == frame
    other.close()


def test_a_log_that_is_cut_off_anywhere_loses_only_its_last_record(folder, log):
    for key in KEYS[:3]:
        log.append(key, NOTHING, b"content " + key)
    ends = [log.start, *(frame.at + frame.size for frame in log.frames(log.start, log.size()))]
    whole = folder.log.read_bytes()
    for cut in range(log.start, len(whole)):
        folder.log.write_bytes(whole[:cut])
        found = [key for key, _ in contents(folder)]
        assert found == KEYS[: sum(end <= cut for end in ends) - 1]


def test_what_is_appended_behind_a_torn_record_is_found(folder, log):
    log.append(KEYS[0], NOTHING, b"whole")
    size = log.size()
    log.append(KEYS[1], NOTHING, b"torn" * 50 + unlike_a_mark(log))
    whole = folder.log.read_bytes()
    for torn in (1, 8, 15, 55, 56, 60, len(whole) - size - 1):
        folder.log.write_bytes(whole[: size + torn])
        writer = RecordLog(folder)
        reader = RecordLog(folder)
        assert [frame.key for frame in reader.read_on()] == KEYS[:1]
        list(writer.read_on())
        writer.append(KEYS[2], NOTHING, b"later")
        assert [frame.key for frame in reader.read_on()] == [KEYS[2]]
        assert [key for key, _ in contents(folder)] == [KEYS[0], KEYS[2]]
        assert writer.count_damaged() == 0, "it did not fit; nothing that counted was lost"
        writer.close()
        reader.close()


def test_a_flipped_byte_anywhere_loses_one_record_and_gives_no_wrong_one(folder, log):
    for key in KEYS[:3]:
        log.append(key, NOTHING, b"content " + key[:4])
    whole = folder.log.read_bytes()
    expected = contents(folder)
    for at in range(log.start, len(whole)):
        folder.log.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        found = contents(folder)
        assert len(found) == 2
        assert set(found) < set(expected)


def test_a_log_whose_beginning_is_damaged_is_put_aside(folder, log):
    log.append(KEYS[0], NOTHING, b"x")
    for content in (b"", b"garbage" * 100):
        folder.log.write_bytes(content)
        assert contents(folder) == []
    assert len(list(folder.quarantine.iterdir())) == 2


def test_a_value_that_looks_like_a_record_of_another_log_is_not_taken_for_one(folder, log, tmp_path):
    other = RecordLog(StoreFolder(tmp_path / "other"))
    forged, _ = other.append(KEYS[5], NOTHING, b"forged")
    other.close()
    log.append(KEYS[0], NOTHING, forged * 3 + unlike_a_mark(log))
    os.truncate(folder.log, log.size() - 1)
    log.append(KEYS[1], NOTHING, b"x")
    assert [key for key, _ in contents(folder)] == [KEYS[1]]


def test_records_longer_than_a_piece_and_across_pieces_are_read(folder, log):
    sizes = [3 << 20, 3 << 20, 9 << 20, 10, 30 << 20, 5]
    for key, size in zip(KEYS, sizes, strict=False):
        log.append(key, NOTHING, bytes(size))
    reader = RecordLog(folder)
    assert [frame.size - 56 for frame in reader.read_on()] == sizes
    reader.close()
