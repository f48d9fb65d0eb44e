"""An install that is killed at any of its steps, and taken back or finished by whoever comes next.

A child process changes an environment of its own and kills itself, with SIGKILL, right before the n-th thing that it
does to the disk; for each n. What takes it back is killed in the same way, once. The oracle: every file is as it was
before, or as it is after the whole change, and nothing else is there.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys

import pytest
from fixtures.nodebin_factory import write_wheel

from flowra.pack.install import environment, journal

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")

#: What Python tells an audit hook before it does it to the disk.
_STEPS = frozenset({"os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "shutil.copyfile", "open"})


def unpack(wheel, site):
    """Install a wheel as simple installers do: file by file."""
    from zipfile import ZipFile

    with ZipFile(wheel) as archive:
        archive.extractall(site)


def change(site, two):
    """Replace version 1.0 by 2.0 under the journal's protection."""
    with journal.transaction(["flowra-tiny"], "~ flowra-tiny 1.0 → 2.0"):
        for path in environment.files_of(["flowra-tiny"])["flowra-tiny"]:
            path.unlink()
        unpack(two, site)


@pytest.fixture(autouse=True)
def _only_this_environment(monkeypatch):
    """What is installed beside the tests is not looked through: all that is needed of it is imported by now."""
    for name in ("importlib_metadata", "packaging.utils", "zipfile"):
        importlib.import_module(name)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if "site-packages" not in each])


def state(site):
    return {str(path.relative_to(site)): path.read_bytes() for path in sorted(site.rglob("*")) if path.is_file()}


def run_killed(work, at):
    """Run something in a child that kills itself before its step number `at`, and return whether it got to the end."""
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event, arguments):
            nonlocal count
            writes = event != "open" or "w" in str(arguments[1]) or "a" in str(arguments[1])
            if event in _STEPS and writes:
                count += 1
                if count == at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            work()
        except BaseException:  # noqa: BLE001  a forked child must not go on with the tests
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return not os.WIFSIGNALED(status)


def test_kill_9_at_any_step_leaves_the_old_state_or_the_new_one(tmp_path, monkeypatch):
    one = write_wheel(tmp_path / "one", version="1.0")
    two = write_wheel(tmp_path / "two", version="2.0", factor=5, modules={"more": "x = 1\n"})
    finished, kills, states = False, 0, set()
    while not finished:
        kills += 1
        prefix = tmp_path / str(kills)
        site = prefix / "site"
        site.mkdir(parents=True)
        unpack(one, site)
        (site / "someone_elses.py").write_text("y = 1\n", encoding="utf-8")
        monkeypatch.setattr(sys, "prefix", str(prefix))
        monkeypatch.setattr(environment, "roots", lambda site=site: [site])
        monkeypatch.setattr(journal, "roots", lambda site=site: [site])
        old = state(site)
        finished = run_killed(lambda site=site: change(site, two), kills)
        if not finished:
            # Whoever takes it back may be killed as well, at whatever step.
            run_killed(lambda: journal.recover(wait=True), 1 + kills % 9)
            run_killed(lambda: journal.recover(wait=True), 1 + kills % 5)
        journal.recover(wait=True)
        assert not journal.interrupted()
        found = state(site)
        if found != old:
            assert "flowra_tiny-2.0.dist-info/METADATA" in found
            assert not any("1.0" in name for name in found)
            assert set(found) - set(old) == {
                "flowra_tiny/more.py",
                *(f"flowra_tiny-2.0.dist-info/{name}" for name in ("METADATA", "WHEEL", "entry_points.txt", "RECORD")),
            }
            assert b"5 *" in found["flowra_tiny/nodes.py"]
        states.add(found == old)
    assert kills > 20
    assert states == {True, False}


def test_what_someone_installs_by_hand_meanwhile_is_left_alone(tmp_path, monkeypatch):
    site = tmp_path / "site"
    site.mkdir()
    unpack(write_wheel(tmp_path / "one"), site)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(environment, "roots", lambda: [site])
    monkeypatch.setattr(journal, "roots", lambda: [site])
    old = state(site)

    def begin():
        with journal.transaction(["flowra-tiny", "lib"], "+ lib 1.0"):
            (site / "half.py").write_text("", encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)

    run_killed(begin, -1)
    unpack(write_wheel(tmp_path / "hand", "by-hand", pack=None, requires=()), site)
    by_hand = set(state(site)) - set(old) - {"half.py"}
    assert journal.recover(wait=False) == "+ lib 1.0"
    assert set(state(site)) == set(old) | by_hand


def test_an_installer_that_outlives_flowra_keeps_others_from_taking_back(tmp_path, monkeypatch):
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(environment, "roots", lambda: [site])
    monkeypatch.setattr(journal, "roots", lambda: [site])
    told, tell = os.pipe()

    def begin():
        with journal.transaction(["lib"], "+ lib 1.0"):
            if os.fork() == 0:  # the installer, which has the lock's file open
                (site / "half.py").write_text("", encoding="utf-8")
                os.read(told, 1)
                os._exit(0)
            while not (site / "half.py").exists():
                pass
            os.kill(os.getpid(), signal.SIGKILL)

    run_killed(begin, -1)
    assert journal.recover(wait=False) is None
    assert journal.interrupted()
    os.write(tell, b"x")
    assert journal.recover(wait=True) == "+ lib 1.0"
    assert state(site) == {}
    os.close(told)
    os.close(tell)
