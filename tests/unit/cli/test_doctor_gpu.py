"""What `flowra doctor` says of graphics cards, by what the driver's program prints."""

from __future__ import annotations

import pytest

from flowra.cli import doctor_checks
from flowra.execute.resources import gpus

CARDS = "NVIDIA H100, 81559 MiB, 80000 MiB, 570.1\\nNVIDIA H100, 81559 MiB, 100 MiB, 570.1\\n"


@pytest.fixture
def says(tmp_path, monkeypatch):
    """Return a function: what is said where nvidia-smi prints something, and nodes may use so many cards."""

    def says(printed, usable):
        if printed is not None:
            program = tmp_path / "nvidia-smi"
            program.write_text(f"#!/bin/sh\nprintf '{printed}'\n")
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin" if printed is not None else "/nowhere")
        found = tuple(gpus.Gpu(str(number), 10**9) for number in range(usable))
        monkeypatch.setattr(gpus, "usable_gpus", lambda: found)
        return [(check.status, check.said) for check in doctor_checks.CHECKS["gpu"]()]

    return says


def test_each_card_is_told_with_its_memory_and_driver(says):
    assert says(CARDS, 2) == [
        ("ok", "NVIDIA H100, 81559 MiB, 80000 MiB free, driver 570.1"),
        ("ok", "NVIDIA H100, 81559 MiB, 100 MiB free, driver 570.1"),
    ]


def test_cards_that_the_environment_hides_are_told(says, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert says(CARDS, 1)[2] == ("note", "nodes may use 1 of 2: CUDA_VISIBLE_DEVICES is '1'")


def test_cards_without_the_program_are_told(says):
    assert says(None, 1) == [("ok", "nodes may use 1: 1.0 GB")]


def test_a_driver_without_a_card_has_to_be_mended(says):
    [(status, _)] = says("", 0)
    assert status == "problem"


def test_a_machine_without_any_is_fine(says):
    [(status, said)] = says(None, 0)
    assert (status, said) == ("note", "none of NVIDIA's; nodes run on the processor")
