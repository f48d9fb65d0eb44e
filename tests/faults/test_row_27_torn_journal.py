"""Row 27 of the faults: the last line of a journal is torn. It is ignored, and resuming is right."""

from __future__ import annotations

import json

import pytest
from fixtures.fault_pack import of

NODES = {
    "sent": {"type": "Send", "value": 1},
    "more": {"type": "Send", "value": of("sent.value")},
    "hold": {"type": "Hold", "value": of("more.value")},
}


@pytest.fixture
def killed(flowra):
    """A run that was killed while `hold` ran: the journal, and its whole lines."""
    flowra.kill_when("hold", flowra.write(NODES, end="hold.value"))
    flowra.open_gate()
    flowra.ledger.take()
    [journal] = flowra.journals.glob("*.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    assert [json.loads(line).get("node") for line in lines] == [None, "sent", "more"]
    return journal, lines


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_line_that_was_not_written_whole_counts_as_not_written(flowra, killed, share):
    journal, (header, sent, more) = killed
    journal.write_bytes(header + sent + more[: int(len(more) * share)])
    assert flowra.outputs("--resume", "last") == {"end": 4.0}
    assert flowra.ledger.take() == ["hold", "more"]


def test_a_line_without_its_end_counts_as_not_written(flowra, killed):
    journal, (header, sent, more) = killed
    journal.write_bytes(header + sent + more.rstrip(b"\n"))
    assert flowra.outputs("--resume", "last") == {"end": 4.0}
    assert flowra.ledger.take() == ["hold", "more"]


@pytest.mark.parametrize(
    "torn", [b'{"line":"call","node":', b"\x00" * 512, b"\xff\xfe\n", b'{"line":"call","node":"more"}\n', b"[1]\n"]
)
def test_what_is_no_line_of_ours_is_ignored(flowra, killed, torn):
    journal, (header, sent, more) = killed
    journal.write_bytes(header + sent + more + torn)
    assert flowra.outputs("--resume", "last") == {"end": 4.0}
    assert flowra.ledger.take() == ["hold"]


def test_a_journal_without_its_first_line_is_refused_with_a_reason(flowra, killed):
    journal, (header, *_) = killed
    journal.write_bytes(header[:40])
    done = flowra.run("run", "--resume", "last")
    assert done.returncode == 4
    assert "a run's journal can't be read" in done.stderr
    assert "flowra runs rm" in done.stderr
