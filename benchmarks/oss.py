"""Measure what objects in OSS cost beside its bare client, oss2.

Run it in an environment that has Flowra, flowra-oss and what the tests need::

    python benchmarks/oss.py

Small objects (10 KiB) are put and got by 16 threads, files (8 MiB) go up and down by four. The bare client does it with
its own methods, which take checksums of uploads and of no `read()`. The last row is a run whose nodes are all cached in
the bucket, with an empty local tier, beside the bare client getting as many objects of a record's size.

The service is the tests' double in a process of its own, on loopback: what is compared is clients, not OSS. Both take
turns; trust the ratios.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _graphs import flowra_graph, wide
from _measure import Taken, arguments, interleaved, scratch, show, timed

from flowra.execute.session import Session
from flowra.storage.address import open_store
from flowra_oss.objects import OssObjects

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
KIB, MIB = 1 << 10, 1 << 20
SMALL, LARGE, RECORD = 10 * KIB, 8 * MIB, 600
THREADS, FILES_AT_ONCE = 16, 4


@contextmanager
def service() -> Iterator[str]:
    """Run the double; give its address. The environment holds its key."""
    from fixtures.oss_server import ROOT_KEY, oss_process

    with oss_process("benchmark") as url:
        os.environ.update(OSS_ACCESS_KEY_ID=ROOT_KEY.id, OSS_ACCESS_KEY_SECRET=ROOT_KEY.secret)
        yield url


def bare_client(url: str) -> Any:
    """Return oss2's own client as its documentation makes it, with connections for all threads."""
    import oss2

    auth = oss2.ProviderAuthV4(oss2.credentials.EnvironmentVariableCredentialsProvider())
    session = oss2.Session(pool_size=64)
    return oss2.Bucket(auth, url, "benchmark", region="cn-test", session=session)


def each(threads: int, work: Callable[[str], object], names: Iterable[str]) -> Taken:
    """Do something for each name, on some threads."""

    def done() -> None:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(work, names):
                pass

    return timed(done)


def transfers(objects: OssObjects, bare: Any, folder: Path, small: int, large: int) -> dict[str, Callable[[], Taken]]:
    """Return the cases of single objects, by their names."""
    content, record = os.urandom(SMALL), os.urandom(RECORD)
    source, target = folder / "source", folder / "target"
    source.write_bytes(os.urandom(LARGE))
    names = [f"s/{number}" for number in range(small)]
    files = [f"l/{number}" for number in range(large)]
    for name in names:
        bare.put_object(f"r{name}", record)

    def there(name: str) -> str:
        return f"{target}-{name.replace('/', '-')}"

    return {
        "put small, flowra": lambda: each(THREADS, lambda name: objects.put(name, [content]), names),
        "put small, oss2": lambda: each(THREADS, lambda name: bare.put_object(f"b{name}", content), names),
        "get small, flowra": lambda: each(THREADS, objects.get, names),
        "get small, oss2": lambda: each(THREADS, lambda name: bare.get_object(f"b{name}").read(), names),
        "up, flowra": lambda: each(FILES_AT_ONCE, lambda name: objects.upload(name, source), files),
        "up, oss2": lambda: each(FILES_AT_ONCE, lambda name: bare.put_object_from_file(f"b{name}", str(source)), files),
        "down, flowra": lambda: each(FILES_AT_ONCE, lambda name: objects.download(name, Path(there(name))), files),
        "down, oss2": lambda: each(FILES_AT_ONCE, lambda name: bare.get_object_to_file(f"b{name}", there(name)), files),
        "get records, oss2": lambda: each(THREADS, lambda name: bare.get_object(f"r{name}").read(), names),
    }


def cached_run(address: str, folder: Path, nodes: int) -> Callable[[], Taken]:
    """Store the results of a graph; return a case that runs it on a machine that has nothing yet."""
    graph = flowra_graph(wide(nodes))
    with open_store(f"{address}&local={folder}/first") as store, Session(store=store) as session:
        session.run(graph, uploads="require").raise_for_status()
    machines = iter(range(1_000_000))

    def case() -> Taken:
        with open_store(f"{address}&local={folder}/{next(machines)}") as store, Session(store=store) as session:
            return timed(lambda: session.run(graph).raise_for_status())

    return case


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__ or "", rounds=3, small=1000, large=50, nodes=1000)
    with scratch() as folder, service() as url:
        address = f"oss://benchmark/flowra?region=cn-test&endpoint={url}"
        with OssObjects(address) as objects:
            cases = transfers(objects, bare_client(url), folder, options.small, options.large)
            cases["cached run, flowra"] = cached_run(f"{address}&uploads=all", folder, options.nodes)
            taken = interleaved(cases, options.rounds)
    if options.json:
        print(json.dumps({name: took._asdict() for name, took in taken.items()}))
        return
    pairs = {
        f"put {options.small:,} x 10 KiB": ("put small, flowra", "put small, oss2"),
        f"get {options.small:,} x 10 KiB": ("get small, flowra", "get small, oss2"),
        f"upload {options.large} x 8 MiB": ("up, flowra", "up, oss2"),
        f"download {options.large} x 8 MiB": ("down, flowra", "down, oss2"),
        f"{options.nodes:,} cached nodes, or {options.small:,} records": ("cached run, flowra", "get records, oss2"),
    }
    rows = []
    for title, (ours, theirs) in pairs.items():
        mine, other = taken[ours], taken[theirs]
        seconds = [f"{value:.2f}" for value in (mine.wall, other.wall, mine.cpu, other.cpu)]
        rows.append([title, *seconds[:2], f"{mine.wall / other.wall:.2f}", *seconds[2:]])
    show("Seconds", ["", "flowra", "oss2", "ratio", "CPU flowra", "CPU oss2"], rows)


if __name__ == "__main__":
    main()
