"""The connection to a cluster: all that is asked of `distributed` by the driver."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future as ConcurrentFuture
from contextlib import suppress
from importlib import import_module
from typing import Any, Protocol

from flowra.exceptions import ClusterError, PluginError
from flowra.execute.cluster import worker
from flowra.execute.cluster.members import Member, describe_process, member_of

__all__ = ["Cluster", "Connection", "DaskCluster", "RemoteCluster", "distributed_library"]

#: Seconds that a scheduler has to answer in, before it counts as gone.
_PATIENCE = 10.0


def distributed_library() -> Any:
    """Return the package `distributed`; raises PluginError with the command that installs it where it is missing."""
    try:
        import dask.config

        # What there is to say about a cluster is said by Flowra.
        dask.config.set({"logging.distributed": "critical"})
        return import_module("distributed")
    except ImportError as error:
        raise PluginError(
            "running on a cluster needs the package distributed",
            why=str(error),
            fix="pip install 'flowra[cluster]'",
        ) from error


class Cluster(Protocol):
    """Where an executor's connection leads.

    Attributes:
        dashboard: The address of dask's dashboard; empty where it is off, or nothing says that it is on.
    """

    dashboard: str = ""

    def connect(self) -> Connection:
        """Return a new connection."""

    def give_up(self, member: Member) -> None:
        """Take note that the scheduler has lost a worker, so that what may be left of it is ended."""

    def close(self) -> None:
        """End what was started for the connection."""


class RemoteCluster(Cluster):
    """A cluster that somebody else started.

    Args:
        address: Its scheduler's address.
        security: Gives the certificates, in dask's form; None for a connection without any.
        dashboard: The address of dask's dashboard, where it is known.
    """

    def __init__(self, address: str, security: Callable[[], Any] | None = None, dashboard: str = "") -> None:
        self._address = address
        self.dashboard = dashboard
        self._security = security

    def connect(self) -> Connection:
        """Return a new connection."""
        return Connection(self._address, None if self._security is None else self._security())

    def give_up(self, member: Member) -> None:
        """Leave that to whoever started it."""

    def close(self) -> None:
        """Leave it running."""


class DaskCluster(Cluster):
    """A cluster with dask's `Cluster` interface: dask-jobqueue, dask-kubernetes and others.

    Args:
        cluster: It.
        workers: How many workers it is scaled to; None to leave that to it.
    """

    def __init__(self, cluster: Any, workers: int | None = None) -> None:
        self._cluster = cluster
        if workers is not None:
            cluster.scale(workers)

    def connect(self) -> Connection:
        """Return a connection, once the first worker is there."""
        connection = Connection(self._cluster.scheduler_address, getattr(self._cluster, "security", None))
        connection.wait_for_worker()
        return connection

    def give_up(self, member: Member) -> None:
        """Leave that to the cluster."""

    def close(self) -> None:
        """Close it: its jobs end."""
        self._cluster.close()


class Connection:
    """A client of one scheduler, and the workers that it has.

    Args:
        address: The scheduler's address, `tcp://HOST:PORT` or `tls://HOST:PORT`.
        security: The certificates; None for a connection without them.

    Attributes:
        members: The workers that are there and can be used.
        client: The `distributed.Client`.
        given_up: Told each worker that the scheduler has lost.

    Raises:
        ClusterError: Nobody answers at the address.
    """

    def __init__(self, address: str, security: Any = None) -> None:
        distributed = distributed_library()
        self.address = address
        self.members: list[Member] = []
        self.given_up: Callable[[Member], None] = lambda _: None
        self._resources: list[str] = []
        self._known: dict[str, Member | None] = {}
        self._failures = 0
        try:
            self.client: Any = distributed.Client(address, security=security, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise ClusterError(
                "no cluster answers",
                where=address,
                why=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
                fix="see that the scheduler runs there and, for tls://, that the certificates are the cluster's",
            ) from error

    def meet(self, resources: list[str]) -> list[str]:
        """Ask every worker what it has, and return what is wrong with those that can't be used, in words.

        Args:
            resources: The names of the resources that nodes of the run ask for.

        Raises:
            ClusterError: The scheduler does not answer.
        """
        workers = self._workers()
        asked = list(workers)
        if set(resources) <= set(self._resources):
            asked = [address for address in workers if address not in self._known]
        self._resources = sorted({*resources, *self._resources})
        unusable = self._describe(asked, workers)
        self.members = [member for address in workers if (member := self._known.get(address)) is not None]
        return unusable

    def wait_for_worker(self) -> None:
        """Wait until there is a worker: a job in a queue may take a while to start."""
        self.client.wait_for_workers(1)

    def refresh(self) -> list[Member]:
        """Look who is there, and return those that are no longer.

        Raises:
            ClusterError: The scheduler does not answer any more.
        """
        before = list(self.members)
        try:
            self.meet([])
        except ClusterError:
            self._failures += 1
            if self._failures < 3 and self.client.status in ("running", "connecting"):
                return []
            raise
        self._failures = 0
        return [member for member in before if member not in self.members]

    def drop(self, member: Member) -> None:
        """Have no more to do with a worker that is lost; one that is started in its place has another address."""
        if self._known.get(member.address) is not None:
            self._known[member.address] = None
            self.members = [each for each in self.members if each is not member]
            self.given_up(member)

    def submit(self, data: bytes, key: str, address: str) -> Any:
        """Have a worker run a batch."""
        return self.client.submit(
            worker.run_batch, data, key=key, workers=[address], allow_other_workers=False, pure=False, retries=0
        )

    def when_done(self, future: Any, done: Callable[[ConcurrentFuture[bytes]], None]) -> None:
        """Fetch what a batch gave, and hand it over on another thread."""

        async def fetch() -> bytes:
            found: bytes = await self.client.gather(future, direct=True, asynchronous=True)
            future.release()
            return found

        asyncio.run_coroutine_threadsafe(fetch(), self.client.loop.asyncio_loop).add_done_callback(done)

    def cancel(self, futures: list[Any]) -> None:
        """Have the scheduler forget batches."""
        known = [future for future in futures if future is not None]

        async def cancel() -> None:
            await self.client.cancel(known, asynchronous=True)

        if self.client.status == "running":
            asyncio.run_coroutine_threadsafe(cancel(), self.client.loop.asyncio_loop)

    def tell(self, what: str, *arguments: Any) -> None:
        """Call a function of `flowra.execute.cluster.worker` on every worker, without waiting for it."""
        # On a thread of its own: a worker that has just died is waited for until its time is over.
        threading.Thread(target=self.ask, args=(what, *arguments), name="flowra-tell", daemon=True).start()

    def ask(self, what: str, *arguments: Any) -> None:
        """Call a function of `flowra.execute.cluster.worker` on every worker, and wait until it has run."""
        addresses = [member.address for member in self.members]
        if self.client.status == "running" and addresses:
            # The connection may be closed, or lost, meanwhile: then there is nobody left to tell.
            with suppress(OSError, RuntimeError, TimeoutError, AttributeError, asyncio.CancelledError):
                self.client.run(getattr(worker, what), *arguments, workers=addresses, on_error="ignore")

    def ask_each(self, members: list[Member], what: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Call a function on workers and return what it gave there, by address: an exception where it raised one."""
        addresses = [member.address for member in members]
        found: dict[str, Any] = self.client.run(what, *arguments, workers=addresses, on_error="return")
        return found

    def subscribe(self, topic: str, hear: Callable[[dict[str, Any]], None]) -> None:
        """Hear what workers say under a topic."""
        self.client.subscribe_topic(topic, lambda event: hear(event[1]))

    def unsubscribe(self, topic: str) -> None:
        """Hear no more."""
        if self.client.status == "running":
            self.client.unsubscribe_topic(topic)

    def close(self) -> None:
        """Close the connection; the cluster goes on."""
        self.client.close(timeout=2)

    def _workers(self) -> dict[str, dict[str, Any]]:
        try:
            info = self.client.sync(self.client.scheduler.identity, n_workers=-1, callback_timeout=_PATIENCE)
        except (OSError, TimeoutError, AttributeError, RuntimeError, asyncio.CancelledError) as error:
            raise ClusterError(
                "the cluster's scheduler is gone",
                where=self.address,
                why=f"{type(error).__name__}: {error}",
                fix="start it again, and go on from what is done: flowra run --resume last",
            ) from error
        found: dict[str, dict[str, Any]] = info["workers"]
        return found

    def _describe(self, addresses: list[str], workers: dict[str, dict[str, Any]]) -> list[str]:
        """Ask workers what they have. First a question that any Python can answer: is Flowra there at all?"""
        if not addresses:
            return []
        from importlib.metadata import version

        unusable = []
        found = self.client.run(version, "flowra", workers=addresses, on_error="return")
        able = [address for address, answer in found.items() if isinstance(answer, str)]
        for address in addresses:
            if address not in able:
                self._known[address] = None
                unusable.append(f"worker {workers[address].get('name', address)} has no Flowra, and gets nothing")
        if able:
            began = time.time()
            said = self.client.run(describe_process, self._resources, workers=able, on_error="return")
            asked = (began, time.time())
            for address, about in said.items():
                known = self._known.get(address)
                if isinstance(about, dict) and known is not None:
                    known.offer = dict(about["offer"])  # the same one: other runs keep count of what it is busy with
                elif isinstance(about, dict):
                    self._known[address] = member_of(address, about, workers[address], asked)
                else:
                    self._known[address] = None
                    unusable.append(f"worker {workers[address].get('name', address)} can't be used: {about}")
        return unusable
