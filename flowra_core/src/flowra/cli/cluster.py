"""`flowra cluster`: a scheduler and workers that stay, for runs and other machines to join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowra.cli.text import print_json, print_table
from flowra.exceptions import UsageError

if TYPE_CHECKING:
    from flowra.execute.cluster.standing import Standing

__all__ = ["command"]

_file = click.Path(exists=True, dir_okay=False, resolve_path=True)


@click.group("cluster")
def command() -> None:
    """Start, look at and stop a cluster that stays, and that runs use with --executor cluster."""


@command.command("start")
@click.option(
    "--workers", metavar="N", type=click.IntRange(1), help="Worker processes; one for each processor if left."
)
@click.option("--threads", metavar="N", type=click.IntRange(1), default=1, help="What each runs at the same time.")
@click.option("--host", metavar="ADDRESS", help="Listen on this interface; on the loopback interface if left.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), default=8786, help="Port of the scheduler.")
@click.option("--join", metavar="tls://HOST:PORT", default="", help="Start workers only, for a scheduler elsewhere.")
@click.option("--certificate", type=_file, help="Certificate of this machine (PEM), in place of the one kept.")
@click.option("--key", type=_file, help="Its private key.")
@click.option("--ca", type=_file, help="What certificates have to be signed by; --certificate itself if left.")
@click.option("--dashboard", is_flag=True, help="Serve dask's dashboard on the loopback interface.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def start(
    workers: int | None,
    threads: int,
    host: str | None,
    port: int,
    join: str,
    certificate: str | None,
    key: str | None,
    ca: str | None,
    dashboard: bool,
    as_json: bool,
) -> None:
    """Start a cluster in the background.

    \b
    flowra cluster start --workers 4
    flowra cluster start --host 192.0.2.7
    flowra cluster start --join tls://192.0.2.7:8786

    All that goes between its processes is encrypted, and who has no certificate is not let in.
    """  # noqa: D301  click reads \b as an escape
    from flowra.execute.cluster.processes import LOOPBACK
    from flowra.execute.cluster.standing import Wanted, start_cluster
    from flowra.execute.executors import is_loopback

    if join:
        _check_join(join, certificate, dashboard=dashboard)
        host = host or _interface_towards(join)
    host = host or LOOPBACK
    wanted = Wanted(workers, threads, host, port, join, dashboard, _given(certificate, key, ca))
    standing = start_cluster(wanted)
    if not is_loopback(host):
        click.echo(
            f"warning: it listens on {host}, beyond this machine; who has {standing.certificates['key']} can run code "
            "on it",
            err=True,
        )
    if as_json:
        print_json(_about(standing))
        return
    count = f"{standing.workers} worker" + ("s" if standing.workers != 1 else "")
    click.echo(f"{count} of {standing.address}")
    if standing.dashboard:
        click.echo(f"dashboard: {standing.dashboard}")
    if not is_loopback(host) and not join and certificate is None:
        click.echo("to join from another machine, copy the folder with the certificate to its user, and start workers:")
        click.echo(f"  {standing.certificates['certificate'].rpartition('/')[0]}")
        click.echo(f"  flowra cluster start --join {standing.address}")
    click.echo("run on it: flowra run GRAPH --executor cluster    end it: flowra cluster stop")


@command.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def status(as_json: bool) -> int:
    """Show the cluster's workers, with their packs and versions; exit code 1 where none runs."""
    from flowra.execute.cluster.connection import Connection
    from flowra.execute.cluster.standing import running_cluster

    standing = running_cluster()
    if standing is None:
        if as_json:
            print_json({"running": False})
        else:
            click.echo("no cluster runs here; flowra cluster start starts one")
        return 1
    connection = Connection(standing.address, standing.security())
    try:
        unusable = connection.meet([])
        members = sorted(connection.members, key=lambda member: (len(member.name), member.name))
    finally:
        connection.close()
    if as_json:
        workers = [
            {
                "name": member.name,
                "address": member.address,
                "host": member.host,
                "process": member.process,
                "threads": member.threads,
                "flowra": member.flowra,
                "python": member.python,
                "packs": member.packs,
            }
            for member in members
        ]
        print_json({"running": True, **_about(standing), "workers": workers, "unusable": unusable})
        return 0
    click.echo(f"{standing.address}, kept by process {standing.keeper}")
    if standing.dashboard:
        click.echo(f"dashboard: {standing.dashboard}")
    rows = [
        [
            member.name,
            member.host,
            str(member.process),
            str(member.threads),
            member.flowra,
            member.python,
            ", ".join(f"{pack} {version}" for pack, version in sorted(member.packs.items())) or "none",
        ]
        for member in members
    ]
    if rows:
        print_table(["worker", "machine", "process", "threads", "flowra", "python", "packs"], rows)
    else:
        click.echo("no worker is there")
    for line in unusable:
        click.echo(line)
    return 0


@command.command("stop")
def stop() -> None:
    """End the cluster that was started here, with all its processes."""
    from flowra.execute.cluster.standing import stop_cluster

    click.echo("the cluster has ended" if stop_cluster() else "no cluster runs here")


def _about(standing: Standing) -> dict[str, Any]:
    return {
        "address": standing.address,
        "keeper": standing.keeper,
        "joined": standing.joined,
        "certificates": standing.certificates,
        "dashboard": standing.dashboard or None,
    }


def _given(certificate: str | None, key: str | None, ca: str | None) -> dict[str, str] | None:
    if certificate is None and key is None and ca is None:
        return None
    if certificate is None or key is None:
        raise UsageError("--certificate and --key go together", fix="give both, and --ca where another signed it")
    return {"certificate": certificate, "key": key, "ca": ca or certificate}


def _check_join(join: str, certificate: str | None, *, dashboard: bool) -> None:
    from flowra.config.files import user_folder
    from flowra.execute.cluster.certificates import kept_certificates

    if not join.startswith("tls://"):
        raise UsageError("workers join a scheduler by tls:// only", where=join, fix="write --join tls://HOST:PORT")
    if dashboard:
        raise UsageError("--dashboard is the scheduler's", fix="give it where the scheduler is started")
    if certificate is None and kept_certificates() is None:
        raise UsageError(
            "there is no certificate to join with",
            where=str(user_folder() / "cluster"),
            fix="copy that folder from the machine of the scheduler, or give --certificate, --key and --ca",
        )


def _interface_towards(address: str) -> str:
    """Return the address of the interface by which a scheduler is reached: the workers listen on that alone."""
    import socket
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(address)
        found = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_DGRAM)
    except (OSError, ValueError) as error:
        raise UsageError("the scheduler's address is none", where=address, why=str(error)) from error
    family, kind, protocol, _, place = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.connect(place)  # sends nothing
        return str(probe.getsockname()[0])
