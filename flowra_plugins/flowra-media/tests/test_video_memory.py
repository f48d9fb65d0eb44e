"""A video passes through a node frame by frame, and what is held in memory does not grow with it."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

_MEASURED = """
import json, sys
from fractions import Fraction
from flowra.execute.session import Session
from flowra.dag.graph import Graph

def anonymous():
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024

peak = 0

def watch(event):
    global peak
    peak = max(peak, anonymous())

import flowra_media.video.mapping as mapping
real = mapping.FrameSteps.__call__

def counted(self, picture):
    global peak
    peak = max(peak, anonymous())
    return real(self, picture)

mapping.FrameSteps.__call__ = counted
graph = Graph("memory")
node = graph.add("media/MapFrames", video=sys.argv[1], steps=[{"node": "image/Flip"}])
graph.output("frames", node["frames"])
with Session(store=sys.argv[2]) as session:
    run = session.run(graph, observers=[watch])
print(json.dumps({"frames": run["frames"], "peak": peak}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not say how much memory is used")
def test_memory_does_not_grow_with_the_video(tmp_path):
    from flowra_media.video.frames import Frame
    from flowra_media.video.writing import written

    picture = np.repeat(np.linspace(0, 255, 320).astype(np.uint8)[None, :, None], 180, axis=0).repeat(3, axis=2)

    def peak(count):
        frames = (Frame(Fraction(number, 25), Fraction(1, 25), picture) for number in range(count))
        path = tmp_path / f"{count}.nut"
        path.write_bytes(written(frames, (320, 180), Fraction(1, 25), Fraction(25), None).data())
        command = [sys.executable, "-c", _MEASURED, str(path), str(tmp_path / f"store-{count}")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["frames"] == count
        return found["peak"]

    # 240 more frames of 0.17 MB each are 41 MB: a fifth of them held would be seen.
    short, long = peak(20), peak(260)
    assert long - short < 8e6
