"""Measure how much memory a long video takes that passes through a node frame by frame.

Run it in an environment that has Flowra, flowra-image and flowra-media[video]::

    python benchmarks/video_memory.py

Videos of 160×90 pixels with a sound track are made, the longest of two hours. `flowra run` opens each, runs
`image/Flip` on every frame (`media/MapFrames`) and saves an MP4. Beside the file's length stand the time a frame took,
and the peak of the memory that the process had for itself, sampled every 20 ms: `RssAnon` of /proc, where the pages of
mapped files, which the system takes back as it likes, are not counted; they stand in a column of their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from _measure import scratch, show

MINUTES = (5, 30, 120)
RATE = 5
WIDTH, HEIGHT = 160, 90
SOUND_RATE = 8000


def make(path: Path, minutes: float) -> int:
    """Write a video of a moving bar over a ramp, with a tone, and return the number of its frames."""
    import av

    count = round(minutes * 60 * RATE)
    ramp = np.linspace(0, 200, WIDTH).astype(np.uint8)
    picture = np.repeat(np.repeat(ramp[None, :, None], HEIGHT, axis=0), 3, axis=2)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=RATE)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = container.add_stream("aac", rate=SOUND_RATE)
        sound.layout = "mono"
        each = SOUND_RATE // RATE
        tone = (0.2 * np.sin(2 * np.pi * 440 * np.arange(each) / SOUND_RATE)).astype(np.float32)[None]
        for number in range(count):
            shown = picture.copy()
            shown[:, number % WIDTH] = 255
            frame = av.VideoFrame.from_ndarray(shown, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(video.encode(frame))
            heard = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            heard.sample_rate, heard.pts, heard.time_base = SOUND_RATE, number * each, Fraction(1, SOUND_RATE)
            container.mux(sound.encode(heard))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    return count


def graph_of(video: Path, folder: Path) -> Path:
    """Write the graph and return its path."""
    graph = {
        "format": "flowra/1",
        "name": "every frame",
        "nodes": {
            "load": {"type": "media/LoadVideo", "inputs": {"path": str(video)}},
            "map": {
                "type": "media/MapFrames",
                "inputs": {"video": {"$from": "load.video"}, "steps": [{"node": "image/Flip"}]},
            },
            "save": {
                "type": "media/SaveVideo",
                "inputs": {"video": {"$from": "map.video"}, "path": "flipped.mp4"},
            },
        },
        "outputs": {"file": {"$from": "save.path"}, "frames": {"$from": "map.frames"}},
    }
    path = folder / f"{video.stem}.json"
    path.write_text(json.dumps(graph), encoding="utf-8")
    return path


def watched(arguments: list[str]) -> tuple[float, dict[str, int]]:
    """Run a command; return the seconds it took, and the largest of each kind of its memory in bytes."""
    peaks = {"RssAnon": 0, "RssFile": 0}
    start = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.02):
            try:
                lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
            except OSError:
                return
            for line in lines:
                name, _, value = line.partition(":")
                if name in peaks:
                    peaks[name] = max(peaks[name], int(value.split()[0]) * 1024)

    sampler = threading.Thread(target=sample)
    sampler.start()
    code = process.wait()
    done.set()
    sampler.join()
    if code:
        raise SystemExit(f"flowra run ended with {code}")
    return time.perf_counter() - start, peaks


def main() -> None:
    """Make the videos, run the graph over each, and print the table."""
    minutes = [float(text) for text in sys.argv[1:]] or MINUTES
    rows = []
    with scratch() as folder:
        for length in minutes:
            video = folder / f"minutes-{length:g}.mp4"
            count = make(video, length)
            command = [str(Path(sys.executable).with_name("flowra")), "run", str(graph_of(video, folder))]
            command += ["--output", str(folder / "out"), "--store", str(folder / "store")]
            seconds, peaks = watched(command)
            rows.append(
                (
                    f"{length:g} min",
                    f"{count:,}",
                    f"{video.stat().st_size / 1e6:.1f}",
                    f"{seconds:.1f}",
                    f"{seconds / count * 1000:.2f}",
                    f"{peaks['RssAnon'] / 1e6:.0f}",
                    f"{peaks['RssFile'] / 1e6:.0f}",
                )
            )
    headings = ("video", "frames", "file MB", "seconds", "ms a frame", "memory MB", "mapped MB")
    show(f"image/Flip on every frame, {WIDTH}×{HEIGHT}", headings, rows)


if __name__ == "__main__":
    main()
