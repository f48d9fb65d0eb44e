"""Row 25 of the faults: the disk of the store, or of the journals, is full. The run finishes uncached and says so; the
store stays sound."""

from __future__ import annotations

import pytest
from fixtures.fault_pack import of
from fixtures.small_disk import fill

NODES = {
    "blocks": {"type": "Block", "number": list(range(10)), "size": 400_000},
    "measured": {"type": "Measure", "data": of("blocks.data")},
    "work": {"type": "Work", "value": of("measured.value")},
    "total": {"type": "Total", "values": of("work.value")},
}
EXPECTED = {"total": float(sum(sum(b"%08d" % number) * 50_000 for number in range(10)) + 10)}


def logged(flowra):
    return [event["text"] for event in flowra.events if event["event"] == "log"]


def test_a_store_that_fills_up_leaves_the_run_uncached_and_sound(flowra, small_disk):
    store = small_disk / "store"
    graph = flowra.write(NODES, total="total.value")
    assert flowra.outputs(graph, "--store", str(store)) == EXPECTED
    [said] = [text for text in logged(flowra) if "results are not kept" in text]
    assert "No space left on device" in said
    assert flowra.run("cache", "verify", "--store", str(store)).returncode == 0
    # What did fit is used, and what did not is computed again.
    flowra.ledger.take()
    assert flowra.outputs(graph, "--store", str(store)) == EXPECTED
    ran = flowra.ledger.take()
    assert 1 <= len([name for name in ran if name.startswith("blocks")]) < 10


@pytest.mark.parametrize("prepared", [True, False])
def test_a_store_on_a_full_disk_ends_in_a_result_or_in_a_clear_error(flowra, small_disk, prepared):
    store = small_disk / "store"
    if prepared:
        flowra.outputs(flowra.write({"work": {"type": "Work"}}), "--store", str(store))
    ballast = fill(small_disk)
    graph = flowra.write(NODES, total="total.value")
    done = flowra.run("run", graph, "--store", str(store))
    if done.returncode == 0:
        assert "results are not kept" in done.stderr + done.stdout, done.stdout
    else:
        assert done.returncode == 4
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
    ballast.unlink()
    assert flowra.outputs(graph, "--store", str(store)) == EXPECTED
    # A record that was cut off is without effect, and no damage.
    assert flowra.run("cache", "verify", "--store", str(store)).returncode == 0


def test_a_store_that_fills_up_on_a_cluster_ends_in_a_result_or_in_a_clear_error_and_is_sound(flowra, small_disk):
    store = small_disk / "store"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(900_000))
    graph = flowra.write(NODES, total="total.value")
    done = flowra.run("run", graph, "--store", str(store), "--executor", "processes:2")
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "No space left on device" in said
    assert done.returncode in (0, 4)
    # A value that the store can't take can't reach another worker.
    assert done.returncode == 0 or "can't be handed to another process" in said
    ballast.unlink()
    assert flowra.run("cache", "verify", "--store", str(store)).returncode == 0
    nodes = {**NODES, "blocks": {**NODES["blocks"], "size": 80_000}}
    smaller = flowra.write(nodes, total="total.value")
    expected = {"total": float(sum(sum(b"%08d" % number) * 10_000 for number in range(10)) + 10)}
    assert flowra.outputs(smaller, "--store", str(store), "--executor", "processes:2") == expected


def test_a_journal_that_cannot_be_written_costs_no_result(flowra, small_disk):
    flowra.environment["FLOWRA_CACHE_DIR"] = str(small_disk / "cache")
    (small_disk / "cache" / "runs").mkdir(parents=True)
    graph = flowra.write(NODES, total="total.value")
    fill(small_disk)
    assert flowra.outputs(graph) == EXPECTED
    assert any("the run can't be resumed: its journal can't be written" in text for text in logged(flowra))
    # The store was elsewhere, and has everything.
    flowra.ledger.take()
    assert flowra.outputs(graph) == EXPECTED
    assert flowra.ledger.take() == []


def test_a_journal_that_breaks_off_can_be_read_and_resumed(flowra, small_disk):
    """The disk fills up while the run writes; then there is room again."""
    flowra.environment["FLOWRA_CACHE_DIR"] = str(small_disk / "cache")
    nodes = {
        "sent": {"type": "Send", "value": list(range(3000))},
        "total": {"type": "Total", "values": of("sent.value")},
    }
    graph = flowra.write(nodes, total="total.value")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1_700_000))
    assert flowra.outputs(graph) == {"total": sum(range(3001)) * 1.0}
    assert any("its journal can't be written" in text for text in logged(flowra))
    ballast.unlink()
    flowra.ledger.take()
    assert flowra.outputs(graph, "--resume", "last") == {"total": sum(range(3001)) * 1.0}
    # What the journal had room for does not run again.
    assert 0 < len(flowra.ledger.take()) < 3000
