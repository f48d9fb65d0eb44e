"""Rows 1 and 2 of the faults at length: photographs on a cluster, while its workers are killed again and again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "cluster_faults.py"


def test_while_workers_are_killed_every_picture_is_right_and_nothing_stored_is_computed_again():
    # `python benchmarks/cluster_faults.py --images 200` is the same with more of them.
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--images", "24", "--json"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    assert figures["images"] == 24
    assert figures["wrong"] == 0
    assert figures["begun again"] <= figures["killed"]
    assert figures["begun in a second run"] == 0
    assert figures["killed"] >= 1, "it went too fast to prove anything"
