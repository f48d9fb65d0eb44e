"""Measure what it takes to hand an 8 MiB picture from node to node, and to keep each of them.

Run it in an environment that has Flowra and flowra-image::

    python benchmarks/payload.py

20 nodes in a chain make a picture of 8 MiB (uint8), each 1 brighter than the one before; the graph's output is one
pixel of the last. Beside it stands what one thread needs to compute the pictures, to hash them with SHA-256, and to
write them into files of the same file system, without forcing them onto the disk, as the store does by default.

Milliseconds a node; medians of rounds in which the rows take turns. The last columns count the values that a run had
the store read, and their bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _measure import Taken, arguments, interleaved, scratch, show, timed

from flowra.dag.context import RunContext
from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.execute.session import Session
from flowra.storage.address import open_store
from flowra.storage.refs import BlobRef, InlineRef
from flowra.type.value_type import AnyImage

#: 8,386,816 bytes, just below 8 MiB.
HEIGHT = WIDTH = 2_896


BASE = "computing, hashing, writing"
HEADINGS = ("", "CPU ms", "wall ms", "÷ the three", "wall ÷", "read", "MiB read")


class Black(Node):
    """Make a black picture."""

    class OutputArgs(BaseArgs):
        """The picture."""

        image: AnyImage

    def run(self, context: RunContext, args: BaseArgs) -> OutputArgs:
        """Return the picture."""
        return self.OutputArgs(image=black())


class Brighter(Node):
    """Make a picture one step brighter."""

    class InputArgs(BaseArgs):
        """A picture."""

        image: AnyImage

    class OutputArgs(BaseArgs):
        """The brighter one."""

        image: AnyImage

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Return the brighter picture."""
        return self.OutputArgs(image=args.image + np.uint8(1))


class Corner(Node):
    """Take the first pixel of a picture."""

    class InputArgs(BaseArgs):
        """A picture."""

        image: AnyImage

    class OutputArgs(BaseArgs):
        """The pixel."""

        value: int

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Return the pixel."""
        return self.OutputArgs(value=int(args.image[0, 0]))


def black() -> np.ndarray:
    """Return a black picture that is in memory, not only promised by the system."""
    return np.full((HEIGHT, WIDTH), 0, np.uint8)


def computed(nodes: int) -> list[np.ndarray]:
    """Return the pictures of all nodes."""
    images = [black()]
    for _ in range(nodes - 1):
        images.append(images[-1] + np.uint8(1))
    return images


def compute(nodes: int) -> None:
    """Compute each picture and let it go when the next has been made of it."""
    image = black()
    for _ in range(nodes - 1):
        image = image + np.uint8(1)


def hash_all(images: list[np.ndarray]) -> None:
    """Hash the pictures."""
    for image in images:
        hashlib.sha256(image.data).digest()


def write_all(images: list[np.ndarray], folder: Path) -> None:
    """Write each picture into a file of its own."""
    for number, image in enumerate(images):
        with (folder / str(number)).open("wb") as file:
            file.write(image.data)


def the_graph(nodes: int) -> Graph:
    """Return the graph."""
    graph = Graph("payload")
    last = graph.add(Black)
    for _ in range(nodes - 1):
        last = graph.add(Brighter, image=last["image"])
    graph.output("corner", graph.add(Corner, image=last["image"])["value"])
    return graph


class Stored:
    """The graph with a store, which each round empties and fills again."""

    def __init__(self, folder: Path, graph: Graph) -> None:
        self.folder = folder / "store"
        self.graph = graph
        self.reads: dict[str, tuple[int, int]] = {}

    def measured(self, row: str) -> Taken:
        """Run the graph in a session of its own, and count what the store has to read."""
        store = open_store(self.folder)
        read: list[int] = []
        get = store.get

        def counting(ref: InlineRef | BlobRef) -> memoryview | None:
            if isinstance(ref, BlobRef):
                read.append(ref.size)
            return get(ref)

        store.get = counting  # type: ignore[method-assign]
        with store, Session(store=store) as session:
            taken = timed(lambda: check(session, self.graph))
            assert store.stats().blobs >= len(self.graph.nodes) - 1, "the pictures were not stored"
        self.reads[row] = (len(read), sum(read))
        return taken

    def first_run(self) -> Taken:
        """Run with an empty store."""
        shutil.rmtree(self.folder, ignore_errors=True)
        return self.measured("first")

    def again(self) -> Taken:
        """Run with all results in the store."""
        return self.measured("again")


def check(session: Session, graph: Graph) -> None:
    """Run a graph to a good end."""
    run = session.run(graph)
    assert run["corner"] == len(graph.nodes) - 2, run.failures


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__, rounds=5, nodes=20)
    nodes = options.nodes
    graph = the_graph(nodes)
    with scratch() as folder, Session(cache=False) as session:
        files = folder / "files"
        files.mkdir()
        images = computed(nodes)
        stored = Stored(folder, graph)

        def write_anew() -> Taken:
            for each in files.iterdir():
                each.unlink()
            return timed(lambda: write_all(images, files))

        cases: dict[str, Callable[[], Taken]] = {
            "computing": lambda: timed(lambda: compute(nodes)),
            "hashing": lambda: timed(lambda: hash_all(images)),
            "writing": write_anew,
            "Flowra, no store": lambda: timed(lambda: check(session, graph)),
            "Flowra, first run": stored.first_run,
            "Flowra, again": stored.again,
        }
        found = interleaved(cases, options.rounds)
    if options.json:
        print(json.dumps({"rows": {row: each._asdict() for row, each in found.items()}, "reads": stored.reads}))
        return
    parts = [found[row] for row in ("computing", "hashing", "writing")]
    base = Taken(sum(each.cpu for each in parts), sum(each.wall for each in parts))
    rows = [*list(found.items())[:3], (BASE, base), *list(found.items())[3:]]
    reads = {"Flowra, first run": stored.reads["first"], "Flowra, again": stored.reads["again"]}
    show(
        f"{nodes} nodes that pass 8 MiB, a node:",
        HEADINGS,
        [
            (
                row,
                f"{each.cpu / nodes * 1e3:.2f}",
                f"{each.wall / nodes * 1e3:.2f}",
                f"{each.cpu / base.cpu:.2f}",
                f"{each.wall / base.wall:.2f}",
                f"{reads[row][0]}" if row in reads else "",
                f"{reads[row][1] / 2**20:.0f}" if row in reads else "",
            )
            for row, each in rows
        ],
    )


if __name__ == "__main__":
    main()
