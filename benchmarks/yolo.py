"""Measure what Flowra adds to a detection workflow over many pictures, beside a loop that a person would write.

    python benchmarks/yolo.py

Load a picture, find shapes in it with the detector of the examples, draw the boxes, save: 500 pictures of 640×480,
drawn for the purpose. The loops call the very functions that the nodes call and keep nothing: one picture after the
other, and on as many threads as there are processors, as Flowra runs them unless it is told otherwise. All run the
model on one thread a call. Figures are milliseconds a picture, CPU time of the whole process and wall time, and how
they compare with the loop on as many threads; rounds take turns, medians. Flowra's rows:

- no cache: nothing is kept, as in the loops;
- first run: each result is kept, so that it is found the next time: pictures are hashed and written to the store;
- again: the same once more, in the same session, and after one setting has been changed.

Below that the same graph, with a cache, on clusters of one and of two processes that have run a few pictures before,
and how much faster two are.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
from _measure import Taken, arguments, interleaved, scratch, show, timed

from flowra.dag.graph import Graph
from flowra.execute.executor import Executor
from flowra.execute.executors import executor_for
from flowra.execute.local import LocalExecutor
from flowra.execute.resources.limits import usable_cores
from flowra.execute.session import Session
from flowra_image.drawing import draw_boxes
from flowra_image.reading import load
from flowra_image.writing import save
from flowra_yolo.detector import Detector
from flowra_yolo.network import Network
from flowra_yolo.reading import Limits
from flowra_yolo.shapes import draw_shapes

MODEL = Path(__file__).resolve().parent.parent / "examples" / "models" / "shapes.onnx"
CONFIDENCE = 0.5
THREADS = math.ceil(usable_cores())
ONE, MANY = "a loop", f"a loop on {THREADS} threads"


def pictures(folder: Path, count: int) -> list[Path]:
    """Write pictures and return their paths."""
    folder.mkdir()
    paths = []
    for seed in range(count):
        image, _ = draw_shapes(seed, 640, 480, sizes=(50, 260))
        path = folder / f"{seed:05}.jpg"
        cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        paths.append(path)
    return paths


def workflow() -> Graph:
    """Return the graph; what differs from picture to picture are the path and the name of the result."""
    graph = Graph("shapes")
    load = graph.add("image/Load", id="load", path="")
    found = graph.add(
        "yolo/Detect",
        id="detect",
        init={"model": str(MODEL), "threads": 1},
        image=load["image"],
        confidence=CONFIDENCE,
    )
    drawn = graph.add("image/DrawBoxes", id="draw", image=load["image"], detections=found["detections"])
    graph.add("image/Save", id="save", image=drawn["image"], path="found.jpg")
    graph.output("count", found["count"])
    return graph


class Loop:
    """The loop that a person would write."""

    def __init__(self, paths: list[Path], folder: Path) -> None:
        self.paths = paths
        self.folder = folder
        self.detector = Detector(Network(MODEL, threads=1))

    def run(self) -> Taken:
        """Go through all pictures, one after the other."""
        self._begin()
        return timed(lambda: [self._do(path) for path in self.paths])

    def on_threads(self) -> Taken:
        """Go through all pictures on as many threads as there are processors."""
        self._begin()
        with ThreadPoolExecutor(THREADS) as pool:
            return timed(lambda: list(pool.map(self._do, self.paths)))

    def _begin(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()

    def _do(self, path: Path) -> None:
        image = load(path)
        found = self.detector.find(image, Limits(confidence=CONFIDENCE))
        save(draw_boxes(image, found), self.folder / path.name)


class Flow:
    """The workflow in Flowra, with a store of its own."""

    def __init__(
        self, paths: list[Path], folder: Path, *, cache: bool, executor: Callable[[], Executor] = LocalExecutor
    ) -> None:
        self.paths = paths
        self.folder = folder
        self.output = folder.with_name(f"{folder.name}-out")
        self.cache = cache
        self.executor = executor
        self.session: Session | None = None

    def first(self, warm: int = 1) -> Taken:
        """Run with an empty store; the model was loaded before, as in the loop."""
        self.close()
        for folder in (self.folder, self.output):
            shutil.rmtree(folder, ignore_errors=True)
        self.session = Session(executor=self.executor(), store=self.folder, cache=self.cache)
        self._over(self.paths[:warm], 0.9)
        return timed(lambda: self._over(self.paths, CONFIDENCE))

    def again(self) -> Taken:
        """Run once more."""
        return timed(lambda: self._over(self.paths, CONFIDENCE))

    def changed(self) -> Taken:
        """Run with another threshold: what loads the pictures is found."""
        return timed(lambda: self._over(self.paths, CONFIDENCE + 0.1))

    def _over(self, paths: list[Path], confidence: float) -> None:
        assert self.session is not None
        items = ({"load.path": str(path), "save.path": path.name} for path in paths)
        graph = workflow()
        graph.nodes["detect"].set(confidence=confidence)
        ended = 0
        for result in self.session.map(graph, items, output_dir=self.output):
            assert result.status == "succeeded", result.error
            ended += 1
        assert ended == len(paths)

    def close(self) -> None:
        """Close the session."""
        if self.session is not None:
            self.session.close()
            self.session = None


def main() -> None:
    """Measure and print."""
    asked = arguments(__doc__, rounds=3, pictures=500)
    with scratch() as folder:
        paths = pictures(folder / "pictures", asked.pictures)
        loop = Loop(paths, folder / "loop")
        one = Flow(paths, folder / "one", cache=False, executor=lambda: LocalExecutor(threads=1))
        plain, kept = Flow(paths, folder / "plain", cache=False), Flow(paths, folder / "kept", cache=True)
        cases: dict[str, Callable[[], Taken]] = {
            ONE: loop.run,
            "Flowra on one thread, no cache": one.first,
            MANY: loop.on_threads,
            "Flowra, no cache": plain.first,
            "Flowra, first run with a cache": kept.first,
            "Flowra, again": kept.again,
            "Flowra, again, another threshold": kept.changed,
        }
        taken = interleaved(cases, asked.rounds)
        for flow in (one, plain, kept):
            flow.close()
        clusters = {f"processes:{count}": cluster(paths, folder, count) for count in (1, 2)}
    report(taken, clusters, asked.pictures, as_json=asked.json)


def cluster(paths: list[Path], folder: Path, processes: int) -> float:
    """Return the wall seconds that a cluster of processes takes for all pictures, once it is there."""
    flow = Flow(
        paths, folder / f"cluster{processes}", cache=True, executor=lambda: executor_for(f"processes:{processes}")
    )
    began = time.perf_counter()
    taken = flow.first(warm=20)
    flow.close()
    print(f"processes:{processes}: {time.perf_counter() - began:.0f} s with start and end", file=sys.stderr)
    return taken.wall


def report(taken: dict[str, Taken], clusters: dict[str, float], count: int, *, as_json: bool) -> None:
    """Print what was measured."""
    figures: dict[str, Any] = {
        name: {"cpu": each.cpu / count, "wall": each.wall / count} for name, each in taken.items()
    }
    if as_json:
        print(json.dumps({"pictures": count, **figures, **{name: wall / count for name, wall in clusters.items()}}))
        return
    rows = []
    for name, each in taken.items():
        base = taken[ONE if "one thread" in name or name == ONE else MANY]
        rows.append(
            [
                name,
                f"{each.cpu / count * 1e3:.2f}",
                f"{each.wall / count * 1e3:.2f}",
                f"{each.cpu / base.cpu:.2f}",
                f"{each.wall / base.wall:.2f}",
            ]
        )
    show(f"{count} pictures, ms a picture:", ["", "CPU", "wall", "CPU ÷ loop", "wall ÷ loop"], rows)
    single, double = clusters.values()
    for name, wall in clusters.items():
        print(f"{name}: {wall / count * 1e3:.2f} ms a picture")
    print(f"two processes are {single / double:.2f} times as fast as one")


if __name__ == "__main__":
    main()
