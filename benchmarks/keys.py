"""Measure what the keys of the cache cost.

Run it in an environment that has Flowra and flowra-image::

    python benchmarks/keys.py

Each row is the median over rounds that take turns, so that a noisy machine is noisy for all of them; the ratios,
against hashing the same inputs as JSON, can be trusted where the microseconds can't.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.key import Keyer, StaticPart, Unkeyable
from flowra.dag.plan.planner import plan_graph
from flowra.storage.refs import digest_of

CALLS = 2_000
#: A fresh process, since the sources of a pack are read once in each.
COLD = """
import time
from pathlib import Path
from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.key import Keyer
from flowra.dag.plan.planner import plan_graph
from flowra.storage.refs import digest_of
graph, catalog = Graph("keys"), NodeCatalog()
graph.add("image/Blend", id="node", base="a.png", top="b.png")
plan = plan_graph(graph, catalog)
began = time.perf_counter()
Keyer(catalog, file_digest=lambda path: digest_of("file", path.read_bytes())).static_part(plan.nodes["node"])
print(time.perf_counter() - began)
"""


def file_digest(path: Path) -> bytes:
    """The digest of a file, without a memo."""
    return digest_of("file", path.read_bytes())


def usable(part: StaticPart | Unkeyable) -> StaticPart:
    """The static part of a node that has one."""
    if isinstance(part, Unkeyable):
        raise SystemExit(part.reason)
    return part


def rows(rounds: int) -> dict[str, float]:
    """The median seconds of one call, by what is called."""
    graph, catalog = Graph("keys"), NodeCatalog()
    left, right = graph.add("image/Load", path="left.png"), graph.add("image/Load", path="right.png")
    graph.add("image/Blend", id="node", base=left["image"], top=right["image"])
    node = plan_graph(graph, catalog).nodes["node"]
    keyer = Keyer(catalog, file_digest=file_digest)
    static = usable(keyer.static_part(node))
    digests = [hashlib.sha256(name.encode()).digest() for name in node.links]
    inputs = {name: keyer.linked(digest, node.links[name]) for name, digest in zip(node.links, digests, strict=True)}
    about = {**static.type.about, "inputs": {name: digest.hex() for name, digest in zip(inputs, digests, strict=True)}}
    base = hashlib.sha256(json.dumps(static.type.about).encode())
    port = next(port for port in node.description.inputs if port.name not in node.links)
    key = static.key(inputs)

    def copy_and_digest() -> bytes:
        copied = base.copy()
        copied.update(b"".join(digests))
        return copied.digest()

    calls: dict[str, Callable[[], object]] = {
        "everything as JSON, hashed": lambda: hashlib.sha256(json.dumps(about, sort_keys=True).encode()).digest(),
        "sha256 .copy()": base.copy,
        "sha256 .copy(), two digests added": copy_and_digest,
        "key of a call with two links": lambda: static.key(inputs),
        "digest of a literal, seen before": lambda: keyer.literal_digest(port, port.default),
        "static part of a node, its type seen before": lambda: keyer.static_part(node),
        "preimage for the record": key.preimage_json,
    }
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            for _ in range(CALLS):
                call()
            taken[name].append((time.perf_counter() - began) / CALLS)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def cold(rounds: int) -> float:
    """The median seconds of the first look at a node type in a fresh process."""
    command = [sys.executable, "-c", COLD]
    found = [
        subprocess.run(command, env=os.environ, stdout=subprocess.PIPE, check=True, text=True) for _ in range(rounds)
    ]
    return statistics.median(float(process.stdout) for process in found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21, help="how often each is measured")
    rounds = parser.parse_args().rounds
    measured = rows(rounds)
    against = measured["everything as JSON, hashed"]
    print(f"{'':46}{'µs':>8}{'ratio':>8}")
    for name, seconds in measured.items():
        print(f"{name:46}{seconds * 1e6:8.2f}{seconds / against:8.2f}")
    beyond = measured["key of a call with two links"] - measured["sha256 .copy()"]
    print(f"\na key beyond one .copy(): {beyond * 1e6:.2f} µs (target: 1.00)")
    print(f"first look at a node type of flowra-image, fresh process: {cold(5) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
