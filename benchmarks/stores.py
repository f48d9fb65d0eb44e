"""Measure what stores of services cost beside the services' own clients.

Run it in an environment that has Flowra, its packs and what the tests need::

    python benchmarks/stores.py
    python .ci/with_ceph.py /tmp/ceph python benchmarks/stores.py

The first line measures on the tests' servers on loopback, which are made to be right and not to be fast: most of the
time is theirs. The second measures S3 on Ceph's gateway. All cases of a row take turns, round after round, with as many
threads, so that the medians' ratios can be trusted where a noisy machine's seconds can't.

Objects: many small ones and some large ones, written and read through the bare client, through the pack's object store
(which adds checksums), and through the store over it (values by digest, verified, none written twice). More than two
rounds fill the memory of Ceph, which then says nothing any more. Runs: a graph of cached nodes is run again on a
machine that has nothing yet, beside the bare client that reads as many objects: records alone, or records and values
of 10 KiB. Flowra asks besides for each value that a record names whether it is there.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from _measure import Taken, arguments, interleaved, scratch, show, timed

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.execute.session import Session
from flowra.storage.address import open_objects, open_store
from flowra.storage.codec.encoded import Encoded
from flowra.storage.remote.opening import open_remote

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

THREADS = 16
SIZES = {"1,000 × 10 KiB": (1000, 10 << 10), "50 × 8 MiB": (50, 8 << 20)}
_numbers = count()


class Backend(NamedTuple):
    """A service and its bare client.

    Attributes:
        name: What the row is called: the scheme.
        client: The client's name.
        address: The address of an empty store, to which a name is appended by `at`.
        put: Writes an object with the bare client: its name, its bytes.
        get: Reads one: its name.
    """

    name: str
    client: str
    address: str
    put: Callable[[str, bytes], object]
    get: Callable[[str], bytes]

    def at(self, name: str) -> str:
        """Return the address of the part of the bucket that is called something."""
        bare, _, query = self.address.partition("?")
        return f"{bare}/{name}?{query}"


@contextmanager
def s3() -> Iterator[Backend]:
    """S3 on moto, or on the server that the environment names, beside obstore."""
    import obstore
    from fixtures.s3_server import s3_server
    from obstore.store import S3Store

    with s3_server() as server:
        bucket = server.new_bucket()
        os.environ.update(server.environment)
        client = S3Store(
            bucket,
            endpoint=server.url,
            region="us-east-1",
            access_key_id=server.key,
            secret_access_key=server.secret,
            client_options={"allow_http": True},
        )
        yield Backend(
            "s3 (Ceph)" if server.checks else "s3 (moto)",
            "obstore",
            f"s3://{bucket}?endpoint={server.url}",
            lambda name, content: obstore.put(client, name, content),
            lambda name: obstore.get(client, name).bytes().to_bytes(),
        )


@contextmanager
def oss() -> Iterator[Backend]:
    """OSS on the tests' double in a process of its own, beside oss2 as its documentation makes it."""
    import oss2
    from fixtures.oss_server import ROOT_KEY, oss_process

    with oss_process("benchmark") as url:
        os.environ.update(OSS_ACCESS_KEY_ID=ROOT_KEY.id, OSS_ACCESS_KEY_SECRET=ROOT_KEY.secret)
        auth = oss2.ProviderAuthV4(oss2.credentials.EnvironmentVariableCredentialsProvider())
        client = oss2.Bucket(auth, url, "benchmark", region="cn-test", session=oss2.Session(pool_size=64))
        yield Backend(
            "oss (double)",
            "oss2",
            f"oss://benchmark?region=cn-test&endpoint={url}",
            client.put_object,
            lambda name: client.get_object(name).read(),
        )


@contextmanager
def shared() -> Iterator[Backend]:
    """A shared folder, here on this machine's disk, beside plain files."""
    folder = Path.cwd() / "bare"
    for kind in ("bare", "record", "objects", "values", "runs"):
        (folder / kind).mkdir(parents=True)
    yield Backend(
        "shared folder",
        "files",
        f"shared://{folder}?",
        lambda name, content: (folder / name).write_bytes(content),
        lambda name: (folder / name).read_bytes(),
    )


#: The services that are measured, each with what starts it.
BACKENDS: tuple[Callable[[], Any], ...] = (s3, oss, shared)


class Block(Node):
    """Give many bytes."""

    class InputArgs(BaseArgs):  # noqa: D106
        number: int
        size: int

    class OutputArgs(BaseArgs):  # noqa: D106
        data: bytes

    def run(self, context: object, args: InputArgs) -> OutputArgs:
        """Give them."""
        return self.OutputArgs(data=content(args.number, args.size))


class Count(Node):
    """Count values, which have to be there for it, unless its own result is."""

    class InputArgs(BaseArgs):  # noqa: D106
        blocks: list[bytes]

    class OutputArgs(BaseArgs):  # noqa: D106
        count: int

    def run(self, context: object, args: InputArgs) -> OutputArgs:
        """Count them."""
        return self.OutputArgs(count=len(args.blocks))


def content(number: int, size: int) -> bytes:
    """Return bytes that differ from those of another number, and cost nothing to make."""
    return number.to_bytes(8, "big") + bytes(size - 8)


def objects(backend: Backend, pool: ThreadPoolExecutor, number: int, size: int, rounds: int) -> dict[str, Taken]:
    """Return what writing and reading so many objects of a size takes, by way and by case."""
    contents: list[bytes] = []
    refs: list[Any] = [None] * number

    def all_of_them(work: Callable[[int], object]) -> Taken:
        return timed(lambda: list(pool.map(work, range(number))))

    def fresh() -> Taken:
        # What is written is new in each round: a store writes no value twice.
        contents[:] = [content(next(_numbers), size) for _ in range(number)]
        return Taken(0.0, 0.0)

    with ExitStack() as opened:
        service, over = open_objects(backend.at("objects")), open_objects(backend.at("values"))
        assert service
        assert over
        opened.enter_context(service)
        store = opened.enter_context(open_remote(over))

        def keep(index: int) -> None:
            refs[index] = store.put(Encoded("bytes", (contents[index],)))

        return interleaved(
            {
                "": fresh,
                "put bare": lambda: all_of_them(lambda index: backend.put(f"bare/{index}", contents[index])),
                "put objects": lambda: all_of_them(lambda index: service.put(f"o/{index}", [contents[index]])),
                "put store": lambda: all_of_them(keep),
                "get bare": lambda: all_of_them(lambda index: backend.get(f"bare/{index}")),
                "get objects": lambda: all_of_them(lambda index: service.get(f"o/{index}")),
                "get store": lambda: all_of_them(lambda index: store.get(refs[index])),
            },
            rounds,
        )


def rerun(backend: Backend, pool: ThreadPoolExecutor, nodes: int, rounds: int) -> dict[str, Taken]:
    """Return what running cached nodes again takes on machines that have nothing, without and with their values."""

    def graph(*, outputs: bool) -> Graph:
        made = Graph("cached")
        blocks = [made.add(Block, id=f"block{number}", number=number, size=10 << 10) for number in range(nodes)]
        made.output("count", made.add(Count, blocks=[block["data"] for block in blocks])["count"])
        if outputs:
            for number, block in enumerate(blocks):
                made.output(f"out{number}", block["data"])
        return made

    graphs = {outputs: graph(outputs=outputs) for outputs in (False, True)}
    address = backend.at("runs") + "&uploads=all"

    def run(*, outputs: bool) -> None:
        with (
            open_store(f"{address}&local={Path.cwd() / f'machine{next(_numbers)}'}") as store,
            Session(store=store) as session,
        ):
            session.run(graphs[outputs]).raise_for_status()

    with open_store(f"{address}&local={Path.cwd() / 'first'}") as store, Session(store=store) as session:
        session.run(graphs[True], uploads="require").raise_for_status()
    for number in range(nodes):
        backend.put(f"record/{number}", content(number, 400))
        backend.put(f"bare/{number}", content(number, 10 << 10))

    def bare(*kinds: str) -> None:
        list(pool.map(backend.get, (f"{kind}/{number}" for kind in kinds for number in range(nodes))))

    return interleaved(
        {
            "bare records": lambda: timed(lambda: bare("record")),
            "run": lambda: timed(lambda: run(outputs=False)),
            "bare records and values": lambda: timed(lambda: bare("record", "bare")),
            "run and read": lambda: timed(lambda: run(outputs=True)),
        },
        rounds,
    )


def main() -> None:
    """Measure, and print tables or JSON."""
    given = arguments(__doc__ or "", rounds=2, nodes=1000)
    whole: dict[str, Any] = {}
    for opened in BACKENDS:
        with scratch(), opened() as backend, ThreadPoolExecutor(THREADS) as pool:
            rows: list[Sequence[str]] = []
            for label, (number, size) in SIZES.items():
                taken = objects(backend, pool, number, size, given.rounds)
                whole.setdefault(backend.name, {})[label] = {name: each._asdict() for name, each in taken.items()}
                rows += [_row(f"{label} {way}", taken, way) for way in ("put", "get")]
            headings = (backend.name, backend.client, "object store", "store", "ratio", "ratio", "CPU", "CPU", "CPU")
            again = rerun(backend, pool, given.nodes, given.rounds)
            whole[backend.name]["cached"] = {name: each._asdict() for name, each in again.items()}
            if not given.json:
                show(f"Objects through {THREADS} threads, seconds", headings, rows)
                show(
                    f"A run of {given.nodes:,} cached nodes with nothing on the machine, seconds",
                    (backend.name, backend.client, "flowra", "ratio", "CPU", "CPU"),
                    [
                        _again("records looked up", again["bare records"], again["run"]),
                        _again("and values read", again["bare records and values"], again["run and read"]),
                    ],
                )
    if given.json:
        print(json.dumps(whole, indent=1))


def _row(title: str, taken: dict[str, Taken], way: str) -> Sequence[str]:
    bare, objects, store = (taken[f"{way} {case}"] for case in ("bare", "objects", "store"))
    walls = [f"{each.wall:.2f}" for each in (bare, objects, store)]
    ratios = [f"{each.wall / bare.wall:.2f}" for each in (objects, store)]
    return title, *walls, *ratios, *(f"{each.cpu:.2f}" for each in (bare, objects, store))


def _again(title: str, bare: Taken, run: Taken) -> Sequence[str]:
    return (
        title,
        f"{bare.wall:.2f}",
        f"{run.wall:.2f}",
        f"{run.wall / bare.wall:.2f}",
        f"{bare.cpu:.2f}",
        f"{run.cpu:.2f}",
    )


if __name__ == "__main__":
    main()
