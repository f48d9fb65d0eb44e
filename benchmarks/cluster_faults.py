"""Find the faces in many photographs on a cluster whose workers are killed all the while, and check what came of it.

Run it in an environment that has flowra[cluster] and flowra-image::

    python benchmarks/cluster_faults.py --images 200

The workflow of `examples/faces.json` (load, resize, detect, draw) runs over variants of its photograph: without a
cluster first, then on two worker processes one of which is killed every four seconds, in turn. Each picture and each
list of faces must be the same. A node may begin a second time only if a worker was killed while it ran: what was stored
is never computed again. It fails if that is not so.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _measure import arguments, scratch, show

from flowra.dag.graph import Graph
from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.cluster.processes import ProcessCluster
from flowra.execute.session import Session

WORKERS = 2
#: Seconds between two workers that are killed; the first is killed after half of that.
BETWEEN = 4.0
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


class Killer:
    """Kills a worker of a cluster every few seconds.

    Args:
        cluster: The cluster.

    Attributes:
        killed: How many it has killed.
    """

    def __init__(self, cluster: ProcessCluster) -> None:
        self.killed = 0
        self._cluster = cluster
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._kill)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _kill(self) -> None:
        while not self._stopped.wait(BETWEEN if self.killed else BETWEEN / 2):
            with suppress(ProcessLookupError):
                os.kill(self._cluster.pids[self.killed % WORKERS], signal.SIGKILL)
                self.killed += 1


def main() -> None:
    """Run it both ways, compare, and print what happened."""
    options = arguments(__doc__ or "", rounds=1, images=200)
    with scratch() as folder:
        photos = varied(EXAMPLES / "photos" / "astronaut.jpg", folder, options.images)
        graph = faces(photos)
        with Session(store=folder / "local") as session:
            began = time.perf_counter()
            expected = digests(session.run(graph).raise_for_status().outputs)
            local = time.perf_counter() - began
        cluster = ProcessCluster(WORKERS)
        begun: Counter[str] = Counter()

        def count(event: Any) -> None:
            if event.name == "started":
                begun[event.node] += 1

        with Session(executor=ClusterExecutor(lambda: cluster), store=folder / "store") as session:
            began = time.perf_counter()
            with Killer(cluster) as killer:
                run = session.run(graph, observers=[count]).raise_for_status()
            on_cluster = time.perf_counter() - began
            again: list[Any] = []
            session.run(graph, observers=[lambda event: again.append(event) if event.name == "started" else None])
    found = digests(run.outputs)
    figures = {
        "images": options.images,
        "killed": killer.killed,
        "wrong": sum(one != other for one, other in zip(found, expected, strict=True)),
        "calls": len(begun),
        "begun again": sum(begun.values()) - len(begun),
        "begun in a second run": len(again),
        "local s": round(local, 1),
        "cluster s": round(on_cluster, 1),
    }
    if options.json:
        print(json.dumps(figures))
    else:
        show("Faces in photographs, while workers are killed", ["", ""], [[k, f"{v:,}"] for k, v in figures.items()])
    if figures["wrong"] or figures["begun again"] > killer.killed or again:
        sys.exit("an output is wrong, or something that was stored was computed again")


def varied(photo: Path, folder: Path, number: int) -> list[str]:
    """Write variants of a photograph, each a little darker than the one before, and return their paths."""
    picture = cv2.imread(str(photo))
    paths = []
    for index in range(number):
        path = folder / f"photo{index:03}.png"
        cv2.imwrite(str(path), np.clip(picture * (1 - 0.3 * index / number), 0, 255).astype(np.uint8))
        paths.append(str(path))
    return paths


def faces(photos: list[str]) -> Graph:
    """Return the graph of the example, over many photographs."""
    whole = json.loads((EXAMPLES / "faces.json").read_text(encoding="utf-8"))
    nodes = {name: whole["nodes"][name] for name in ("load", "resize", "detect", "draw")}
    nodes["load"]["inputs"]["path"] = photos
    outputs = {name: whole["outputs"][name] for name in ("picture", "faces")}
    return Graph.from_json(json.dumps({"format": whole["format"], "name": "faces", "nodes": nodes, "outputs": outputs}))


def digests(outputs: dict[str, Any]) -> list[str]:
    """Return a digest of each photograph's picture and faces."""
    return [
        hashlib.sha256(np.ascontiguousarray(picture.data).tobytes() + repr(found).encode()).hexdigest()
        for picture, found in zip(outputs["picture"], outputs["faces"], strict=True)
    ]


if __name__ == "__main__":
    main()
