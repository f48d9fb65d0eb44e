"""What a machine offers is what this process may use of it."""

from __future__ import annotations

import os

import pytest

from flowra.execute.resources import Ledger, Offer
from flowra.execute.resources.gpus import Gpu, usable_gpus
from flowra.execute.resources.limits import usable_cores, usable_memory


@pytest.fixture(autouse=True)
def no_nvml(monkeypatch):
    monkeypatch.setattr("flowra.execute.resources.gpus._by_nvml", tuple)


def group(tmp_path, own, files):
    """Write a control group file system, and return it with the file that says which group is ours."""
    groups, own_file = tmp_path / "cgroup", tmp_path / "own"
    own_file.write_text(own)
    for path, text in files.items():
        (groups / path).parent.mkdir(parents=True, exist_ok=True)
        (groups / path).write_text(text)
    return groups, own_file


def test_cores_are_those_that_the_process_may_use():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cores() <= 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert usable_cores() <= len(allowed)


def test_a_control_group_bounds_cores_and_memory(tmp_path):
    files = {"app/worker/cpu.max": "50000 100000\n", "app/memory.max": "1048576\n"}
    place = group(tmp_path, "0::/app/worker\n", files)
    assert usable_cores(*place) == 0.5
    # The limit of the group around it counts too.
    assert usable_memory(*place) == 1048576


def test_a_control_group_of_the_first_version_does_too(tmp_path):
    files = {
        "cpu/job/cpu.cfs_quota_us": "25000",
        "cpu/job/cpu.cfs_period_us": "100000",
        "memory/job/memory.limit_in_bytes": "2097152",
        "memory/memory.limit_in_bytes": str(2**63 - 4096),
    }
    place = group(tmp_path, "3:memory:/job\n2:cpu,cpuacct:/job\n", files)
    assert usable_cores(*place) == 0.25
    assert usable_memory(*place) == 2097152


def test_without_a_limit_the_whole_machine_counts(tmp_path):
    unlimited = group(tmp_path, "0::/\n", {"cpu.max": "max 100000\n", "memory.max": "max\n"})
    nowhere = tmp_path / "none", tmp_path / "none"
    assert usable_cores(*unlimited) == usable_cores(*nowhere) >= 1
    assert usable_memory(*unlimited) == usable_memory(*nowhere) > 2**20


@pytest.fixture
def two_cards(tmp_path):
    driver = tmp_path / "gpus"
    for number, uuid in enumerate(("GPU-aaaa-1", "GPU-bbbb-2")):
        (driver / f"0000:0{number}:00.0").mkdir(parents=True)
        (driver / f"0000:0{number}:00.0" / "information").write_text(f"Model: \t NVIDIA X\nGPU UUID: \t {uuid}\n")
    return driver, tmp_path


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["GPU-aaaa-1", "GPU-bbbb-2"]),
        ("", []),
        ("-1", []),
        ("1", ["GPU-bbbb-2"]),
        ("1,0", ["GPU-bbbb-2", "GPU-aaaa-1"]),
        ("GPU-bbbb", ["GPU-bbbb-2"]),
        ("0,7,1", ["GPU-aaaa-1"]),
        ("MIG-cc", ["MIG-cc"]),
    ],
)
def test_cards_are_those_that_cuda_would_show(two_cards, visible, expected):
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert [gpu.id for gpu in usable_gpus(environment, *two_cards)] == expected


def test_without_the_drivers_list_device_files_tell(tmp_path):
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert usable_gpus({}, tmp_path / "none", tmp_path) == (Gpu("0"), Gpu("1"))


def test_a_variable_alone_makes_no_card(tmp_path):
    assert usable_gpus({"CUDA_VISIBLE_DEVICES": "0"}, tmp_path, tmp_path) == ()


def test_what_is_stated_counts_in_place_of_what_is_found():
    offer = Offer({"gpu": 2, "licence": 1, "cpu": 64})
    assert offer.amounts(["gpu", "licence", "cpu", "camera"]) == {"gpu": 2, "licence": 1, "cpu": 64, "camera": 0}
    assert offer.lacking({"gpu": 2, "licence": 2, "camera": 1}) == [
        "licence 2 (there is 1)",
        "camera 1 (there is none)",
    ]
    assert Offer().amount("cpu") == usable_cores()


def test_a_ledger_gives_out_no_more_than_there_is():
    ledger, told = Ledger(Offer({"gpu": 1, "licence": 2})), []
    assert ledger.take("a", {"gpu": 0.5}, told.append)
    assert ledger.take("b", {"gpu": 0.5}, told.append)
    assert not ledger.take("c", {"gpu": 0.5, "licence": 1}, lambda: told.append("c"))
    assert ledger.take("d", {}, told.append)
    ledger.give_back("d")
    assert told == []
    ledger.give_back("a")
    assert told == ["c"]
    assert ledger.take("c", {"gpu": 0.5, "licence": 1}, told.append)


def test_who_waits_is_not_overtaken():
    ledger, told = Ledger(Offer({"gpu": 2, "licence": 1})), []
    assert ledger.take("half", {"gpu": 1}, told.append)
    assert not ledger.take("all", {"gpu": 2}, lambda: told.append("all"))
    assert not ledger.take("later", {"gpu": 1}, lambda: told.append("later"))
    assert ledger.take("other", {"licence": 1}, told.append)
    ledger.give_back("half")
    assert told == ["all"]
    ledger.give_back("all")
    assert told == ["all", "later"]


def test_who_no_longer_waits_gets_nothing_and_holds_up_nobody():
    ledger, told = Ledger(Offer({"gpu": 1})), []
    ledger.take("a", {"gpu": 1}, told.append)
    ledger.take("b", {"gpu": 1}, lambda: told.append("b"))
    ledger.take("c", {"gpu": 1}, lambda: told.append("c"))
    ledger.give_back("b")
    ledger.give_back("a")
    assert told == ["c"]
