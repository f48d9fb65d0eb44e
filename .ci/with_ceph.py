"""Run a command beside a real object store: Ceph's radosgw, from the packages of Debian or Ubuntu.

    python .ci/with_ceph.py FOLDER COMMAND…

The packages are fetched by apt and unpacked into the folder, nothing is installed and no right of root is needed; the
next run finds them there. One monitor, one daemon that keeps objects in memory, and the gateway run on loopback until
the command has ended. It is told of the gateway by variables that `tests/fixtures/s3_server.py` reads. Unlike moto,
this server looks at signatures and checksums.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

PACKAGES = ("ceph-common", "ceph-mon", "ceph-osd", "radosgw")
USER, KEY, SECRET = "flowra", "cephkey", "cephsecret-never-shown"
SECONDS = 90

CONFIGURATION = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{mon_v2},v1:127.0.0.1:{mon_v1}
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
plugin dir = {libraries}/ceph
erasure code dir = {libraries}/ceph/erasure-code
osd class dir = {libraries}/rados-classes
run dir = {run}
admin socket = {run}/$name.$pid.asok
log file = {run}/$name.log
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
[mon.a]
mon data = {run}/mon
mon initial members = a
[osd.0]
osd data = {run}/osd
keyring = {run}/osd/keyring
osd objectstore = memstore
memstore device bytes = 4294967296
osd class load list = *
osd class default list = *
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{gateway} tcp_nodelay=1
rgw data = {run}/rgw
keyring = {run}/rgw/keyring
[client.admin]
keyring = {run}/admin.keyring
"""


class Ceph:
    """A cluster of one of each, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.root, self.run_folder = self.folder / "root", self.folder / "run"
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.url = ""

    def unpack(self) -> None:
        """Fetch and unpack the packages, unless they are there."""
        if self.root.is_dir():
            return
        packages = self.folder / "packages"
        packages.mkdir(parents=True, exist_ok=True)
        simulated = subprocess.run(
            [_program("apt-get"), "install", "--simulate", "--no-install-recommends", *PACKAGES],
            capture_output=True,
            text=True,
            check=True,
        )
        names = re.findall(r"^Inst (\S+)", simulated.stdout, re.MULTILINE)
        subprocess.run([_program("apt-get"), "download", "--quiet", *names], cwd=packages, check=True)
        half = self.folder / "root.half"
        shutil.rmtree(half, ignore_errors=True)
        for package in packages.glob("*.deb"):
            subprocess.run([_program("dpkg-deb"), "--extract", str(package), str(half)], check=True)
        half.rename(self.root)
        shutil.rmtree(packages)

    def start(self) -> None:
        """Start the three daemons, and make the user."""
        run = self.run_folder
        shutil.rmtree(run, ignore_errors=True)
        for name in ("mon", "osd", "rgw"):
            (run / name).mkdir(parents=True)
        mon_v2, mon_v1, gateway = _free_ports(3)
        self.url = f"http://127.0.0.1:{gateway}"
        libraries = next(path.parent for path in self.root.glob("usr/lib/*/ceph") if path.is_dir())
        self.environment = {
            **os.environ,
            "LD_LIBRARY_PATH": ":".join(map(str, (libraries, libraries / "ceph", self.root / "lib" / libraries.name))),
            "PATH": f"{self.root / 'usr/bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.root / "usr/lib/python3/dist-packages"),
            "CEPH_CONF": str(run / "ceph.conf"),
        }
        fsid = str(uuid.uuid4())
        (run / "ceph.conf").write_text(
            CONFIGURATION.format(fsid=fsid, run=run, libraries=libraries, mon_v2=mon_v2, mon_v1=mon_v1, gateway=gateway)
        )
        self._start_monitor(fsid, f"[v2:127.0.0.1:{mon_v2},v1:127.0.0.1:{mon_v1}]")
        self._start_keeper()
        self._daemon("radosgw", "-n", "client.rgw")
        _wait_for("the gateway", self._gateway_answers)
        self._call(
            "radosgw-admin", "-n", "client.rgw", "user", "create", f"--uid={USER}", f"--display-name={USER}",
            f"--access-key={KEY}", f"--secret-key={SECRET}",
        )  # fmt: skip

    def stop(self) -> None:
        """End the daemons; what they kept is gone."""
        for daemon in reversed(self.daemons):
            daemon.kill()
            daemon.wait()

    def _start_monitor(self, fsid: str, addresses: str) -> None:
        run, monitors = self.run_folder, str(self.run_folder / "mon.keyring")
        everything = ("--cap", "mon", "allow *")
        self._call("ceph-authtool", "--create-keyring", "--gen-key", "-n", "mon.", monitors, *everything)
        everything = (*everything, "--cap", "osd", "allow *")
        for name, file in (("client.admin", run / "admin.keyring"), ("client.rgw", run / "rgw/keyring")):
            self._call("ceph-authtool", "--create-keyring", "--gen-key", "-n", name, str(file), *everything)
            self._call("ceph-authtool", monitors, "--import-keyring", str(file))
        self._call("monmaptool", "--create", "--fsid", fsid, "--addv", "a", addresses, str(run / "monmap"))
        self._call("ceph-mon", "-i", "a", "--mkfs", "--monmap", str(run / "monmap"), "--keyring", monitors)
        self._daemon("ceph-mon", "-i", "a")

    def _start_keeper(self) -> None:
        run = self.run_folder
        identity, key = str(uuid.uuid4()), self._call("ceph-authtool", "--gen-print-key").strip()
        (run / "osd.json").write_text(json.dumps({"cephx_secret": key}))
        _wait_for("the monitor", lambda: self._works("ceph", "osd", "new", identity, "-i", str(run / "osd.json")))
        self._call("ceph-authtool", "--create-keyring", str(run / "osd/keyring"), "--name", "osd.0", "--add-key", key)
        self._call("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity)
        self._daemon("ceph-osd", "-i", "0")
        _wait_for("the keeper of objects", lambda: "1 up" in self._call("ceph", "osd", "stat"))

    def _call(self, *command: str) -> str:
        ran = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if ran.returncode:
            raise SystemExit(f"{command[0]} failed ({ran.returncode}):\n{ran.stderr[-2000:]}")
        return ran.stdout

    def _works(self, *command: str) -> bool:
        try:
            ran = subprocess.run(command, env=self.environment, capture_output=True, timeout=10, check=False)
        except subprocess.TimeoutExpired:
            return False
        return ran.returncode == 0

    def _daemon(self, *command: str) -> None:
        with (self.run_folder / f"{command[0]}.out").open("wb") as output:
            self.daemons.append(subprocess.Popen([*command, "-f"], env=self.environment, stdout=output, stderr=output))

    def _gateway_answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=2):  # noqa: S310  an address of our own making
                return True
        except (urllib.error.URLError, OSError):
            return False


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise SystemExit(f"Ceph is taken from the packages of Debian or Ubuntu: {name} is not there")
    return path


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def _wait_for(what: str, is_there: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not is_there():
        if time.monotonic() > end:
            raise SystemExit(f"{what} of Ceph did not start within {SECONDS} seconds")
        time.sleep(0.2)


def main(arguments: Sequence[str]) -> int:
    """Run what the command line asks for, and return the command's exit code."""
    if len(arguments) < 2:
        raise SystemExit("usage: with_ceph.py FOLDER COMMAND…")
    ceph = Ceph(Path(arguments[0]))
    ceph.unpack()
    try:
        ceph.start()
        print(f"Ceph's gateway answers at {ceph.url}", flush=True)
        told = {"TEST_S3_URL": ceph.url, "TEST_S3_KEY": KEY, "TEST_S3_SECRET": SECRET}
        return subprocess.run(arguments[1:], env={**os.environ, **told}, check=False).returncode
    finally:
        ceph.stop()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
