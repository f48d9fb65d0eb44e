"""`flowra pack install` and its kin, in fresh environments without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.nodebin_factory import (
    raw_entries,
    raw_zip,
    tiny_files,
    wheel_bytes,
    with_record,
    write_nodebin_file,
    write_wheel,
)
from fixtures.pack_tree import EXAMPLE, make_tree
from fixtures.small_disk import mounted_disk
from fixtures.wheelhouse import Place, make_wheelhouse

from flowra.config.signing_keys import new_key
from flowra.pack.nodebin.signature import signer

UV = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory):
    house = make_wheelhouse(tmp_path_factory.mktemp("wheels") / "house", ["hatchling"])
    write_wheel(house, "lib", "1.0", pack=None, requires=())
    write_wheel(house, "lib", "2.0", pack=None, requires=())
    return house


@pytest.fixture
def place(tmp_path, wheelhouse):
    made = Place(tmp_path, wheelhouse).fresh()
    (made.folder / "double.json").write_text(json.dumps(EXAMPLE), encoding="utf-8")
    return made


def answer(place: Place) -> float:
    """Run the graph and return what it gives."""
    done = place.flowra("run", "double.json", "--output", "out")
    assert done.returncode == 0, done.stderr
    return json.loads((place.folder / "out" / "outputs.json").read_text(encoding="utf-8"))["number"]


def succeeded(place: Place, *arguments: str | Path, **variables: str) -> str:
    done = place.flowra(*arguments, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_installed_upgraded_and_removed_leaves_the_environment_as_it_was(place):
    before = place.installed()
    one = write_nodebin_file(place.folder / "one.nodebin")
    planned = json.loads(succeeded(place, "pack", "install", one, "--dry-run", "--json"))
    assert planned["changes"] == [{"name": "flowra-tiny", "before": "", "after": "1.0"}]
    assert planned["signatures"] == ["absent"]
    assert place.installed() == before

    done = json.loads(succeeded(place, "pack", "install", one, "--yes", "--json"))
    assert [pack["id"] for pack in done["packs"]] == ["tiny"]
    assert answer(place) == 8.0
    # The same version, built anew, is what counts then.
    write_nodebin_file(one, factor=3)
    succeeded(place, "pack", "install", one, "--yes")
    assert answer(place) == 12.0
    two = write_wheel(place.folder, version="2.0", factor=5)
    assert "flowra-tiny 2.0 is installed" in succeeded(place, "pack", "upgrade", two, "--yes")
    assert answer(place) == 20.0
    assert "flowra-tiny 2.0 is removed" in succeeded(place, "pack", "uninstall", "tiny", "--yes")
    assert place.installed() == before


def test_a_folder_and_a_name_are_installed_too(place, wheelhouse):
    tree = make_tree(place.folder / "tree", factor=7)
    succeeded(place, "pack", "install", tree, "--yes")
    assert answer(place) == 28.0
    named = write_wheel(place.folder / "index", version="3.0", factor=9)
    found = {"UV_FIND_LINKS": f"{wheelhouse},{named.parent}"}
    succeeded(place, "pack", "upgrade", "tiny", "--yes", **found)
    assert answer(place) == 36.0
    assert "nothing to do" in place.flowra("pack", "install", "flowra-tiny", "--yes", **found).stderr


def test_a_git_repository_is_installed(place):
    tree = make_tree(place.folder / "tree", factor=7)
    git = ["git", "-C", str(tree), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *arguments], check=True)
    succeeded(place, "pack", "install", f"git+file://{tree}", "--yes")
    assert answer(place) == 28.0


REFUSED = {
    "missing.nodebin": ["the file can't be read", "No such file"],
    "no/such/folder": ["there is no such file or folder"],
    "no such name": ["is nothing that can be installed"],
    "no-such-name": ["its dependencies don't come together", "no-such-name"],
    "text.nodebin": ["no .nodebin that can be trusted"],
    "lib": ["this is no node pack"],
    "bad.whl": ["this wheel can't be trusted"],
    "tampered.nodebin": ["the archive was tampered with"],
}


def test_what_cannot_be_installed_is_refused_and_nothing_changes(place):
    (place.folder / "text.nodebin").write_text("hello", encoding="utf-8")
    (place.folder / "bad.whl").write_bytes(wheel_bytes())
    new_key(place.folder / "author.key")
    name, signature = signer(place.folder / "author.key")(b"another record")
    (place.folder / "tampered.nodebin").write_bytes(
        raw_zip(raw_entries(with_record({**tiny_files(), name: signature})))
    )
    before = place.installed()
    for name, words in REFUSED.items():
        done = place.flowra("pack", "install", name, "--yes")
        assert done.returncode in (2, 3), done.stderr
        for word in words:
            assert word in done.stderr
        assert len(done.stderr[done.stderr.index("error: ") :].splitlines()) <= 15
        assert place.installed() == before
    done = place.flowra("pack", "verify", "tampered.nodebin")
    assert (done.returncode, "tampered" in done.stdout) == (3, True)


def test_a_full_disk_on_the_way_changes_nothing(place):
    noise = os.urandom(20_000).hex()
    file = write_nodebin_file(place.folder / "one.nodebin", modules={"noise": f"x = {noise!r}\n"})
    before = place.installed()
    with mounted_disk(place.folder / "disk", size="16k") as disk:
        done = place.flowra("pack", "install", file, "--yes", TMPDIR=str(disk))
        assert done.returncode in (2, 3), done.stderr
        assert "the disk is full" in done.stderr or "No space left" in done.stderr
        assert sorted(disk.iterdir()) == []
    assert place.installed() == before


def test_an_environment_that_is_read_only_is_said_before_anything_else(tmp_path, wheelhouse):
    with mounted_disk(tmp_path / "disk", size="200m") as disk:
        place = Place(disk, wheelhouse).fresh()
        file = write_nodebin_file(place.folder / "one.nodebin")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        done = place.flowra("pack", "install", file, "--yes")
        assert done.returncode == 2
        assert "this environment can't be written" in done.stderr
        assert "-m venv" in done.stderr


def test_nobody_is_asked_where_nobody_is_there(place):
    before = place.installed()
    done = place.flowra("pack", "install", write_nodebin_file(place.folder / "one.nodebin"))
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert place.installed() == before


def test_what_would_break_another_distribution_is_said_before_anything_changes(place):
    keeper = write_wheel(
        place.folder / "keeper", "flowra-keeper", pack="keeper", requires=["lib<2"], modules={"plugin": "", "nodes": ""}
    )
    succeeded(place, "pack", "install", keeper, "--yes")
    before = place.installed()
    greedy = write_wheel(place.folder / "greedy", requires=["flowra>=0.1", "lib>=2"])
    done = place.flowra("pack", "install", greedy, "--yes")
    assert done.returncode == 3
    assert "flowra-keeper 1.0 needs lib<2, and would get 2.0" in done.stderr
    assert place.installed() == before
    other_flowra = write_wheel(place.folder / "other", requires=["flowra>=7"])
    done = place.flowra("pack", "install", other_flowra, "--yes")
    assert done.returncode == 3
    assert place.installed() == before


def test_a_pack_that_cannot_be_imported_or_claims_the_id_of_another_is_taken_back(place):
    succeeded(place, "pack", "install", write_nodebin_file(place.folder / "one.nodebin"), "--yes")
    before = place.installed()
    broken = write_wheel(
        place.folder / "a", "flowra-broken", pack="broken", modules={"plugin": "raise RuntimeError('out of luck')"}
    )
    nodes = write_wheel(
        place.folder / "b", "flowra-half", pack="half", modules={"nodes": "raise RuntimeError('half of it')"}
    )
    twin = write_wheel(place.folder / "c", "flowra-twin", pack="tiny")
    for wheel, word in ((broken, "out of luck"), (nodes, "half of it"), (twin, "flowra-twin")):
        done = place.flowra("pack", "install", wheel, "--yes")
        assert done.returncode == 3, done.stdout
        assert word in done.stderr
        assert "nothing was changed" in done.stderr
        assert place.installed() == before
    assert answer(place) == 8.0


#: A uv that does its work to a point, and then kills who called it, as a power cut would: before it began, when it
#: has removed the old version and written half of the new one, and when it is done but nobody was told.
_KILLER = """#!{python}
import os, signal, subprocess, sys
from pathlib import Path
changes = sys.argv[1:3] == ["pip", "install"] and "--dry-run" not in sys.argv
if not changes:
    os.execv({uv!r}, [{uv!r}, *sys.argv[1:]])
if {stage!r} != "before":
    subprocess.run([{uv!r}, *sys.argv[1:]], check=True)
if {stage!r} == "middle":
    for path in Path({top!r}).rglob("flowra_tiny*"):
        for file in [*path.rglob("METADATA"), *path.rglob("RECORD"), *path.rglob("nodes.py")]:
            file.unlink()
    Path({top!r}, "share").mkdir(exist_ok=True)
    Path({top!r}, "share", "half-written").write_text("x")
os.kill(os.getppid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("stage", ["before", "middle", "after"])
def test_kill_9_while_installing_leaves_the_old_state(place, stage):
    succeeded(place, "pack", "install", write_nodebin_file(place.folder / "one.nodebin"), "--yes")
    before = place.installed()
    tools = place.folder / "tools"
    tools.mkdir()
    top = str(place.python.parent.parent)
    (tools / "uv").write_text(_KILLER.format(python=sys.executable, uv=UV, stage=stage, top=top), encoding="utf-8")
    (tools / "uv").chmod(0o755)
    two = write_wheel(place.folder, version="2.0", factor=5)
    killed = place.flowra("pack", "install", two, "--yes", PATH=f"{tools}{os.pathsep}{place.variables['PATH']}")
    assert killed.returncode == -9
    if stage != "before":
        assert place.installed() != before
    done = place.flowra("pack", "list")
    assert "an install was interrupted, and is taken back: ~ flowra-tiny 1.0 → 2.0" in done.stderr
    assert place.installed() == before
    assert answer(place) == 8.0
    succeeded(place, "pack", "install", two, "--yes")
    assert answer(place) == 20.0


def test_a_graph_says_elsewhere_which_packs_it_lacks(place):
    one = write_nodebin_file(place.folder / "one.nodebin")
    succeeded(place, "pack", "install", one, "--yes")
    succeeded(place, "pack", "lock", "double.json")
    written = json.loads((place.folder / "double.packs.json").read_text(encoding="utf-8"))
    assert written["packs"] == {"tiny": {"distribution": "flowra-tiny", "version": "1.0"}}
    assert place.flowra("run", "double.json").stderr.count("warning") == 0
    succeeded(place, "pack", "install", write_wheel(place.folder, version="2.0", factor=5), "--yes")
    done = place.flowra("run", "double.json")
    assert done.returncode == 0
    assert "made with flowra-tiny 1.0, here is 2.0" in done.stderr
    succeeded(place, "pack", "uninstall", "tiny", "--yes")
    done = place.flowra("run", "double.json")
    assert done.returncode == 3
    assert "the graph needs a pack that is not installed" in done.stderr
    assert "flowra pack install flowra-tiny==1.0" in done.stderr
    (place.folder / "double.packs.json").write_text("[]", encoding="utf-8")
    assert "flowra pack lock GRAPH" in place.flowra("run", "double.json").stderr


def test_bisect_finds_the_pack_that_breaks_a_graph(place):
    succeeded(place, "pack", "install", write_nodebin_file(place.folder / "one.nodebin"), "--yes")
    wheels = []
    for number in range(5):
        observer = """
            from flowra.plugin import hookimpl
        """
        name = f"flowra-p{number}"
        modules = {"plugin": observer, "nodes": ""}
        if number == 3:
            # It can be imported, and breaks whatever runs.
            modules["plugin"] = """
                from flowra.plugin import ObserverEntry, hookimpl

                @hookimpl
                def flowra_observers():
                    return [ObserverEntry("evil", "flowra_p3.nodes:Evil")]
            """
            modules["nodes"] = "import os\nclass Evil:\n    def __init__(self, *a, **k): os._exit(9)\n"
        wheels.append(write_wheel(place.folder, name, pack=f"p{number}", modules=modules))
    succeeded(place, "pack", "install", *wheels, "--yes")
    assert place.flowra("run", "double.json").returncode != 0
    done = place.flowra("pack", "bisect", "double.json")
    assert done.returncode == 1, done.stderr
    assert "p3 breaks it" in done.stdout
    assert "FLOWRA_DISABLE_PACKS=p3" in done.stdout
    done = place.flowra("pack", "bisect", "--json", "true")
    assert (done.returncode, json.loads(done.stdout)["culprits"]) == (0, [])
    assert "no other pack is to blame" in place.flowra("pack", "bisect", "false").stdout


def test_verify_says_each_state_of_the_signature(place):
    tree = make_tree(place.folder / "tree")
    succeeded(place, "pack", "key", "author.key")
    sign = place.folder / "author.key"
    builder = Place(place.folder, place.wheelhouse)
    out = json.loads(succeeded(builder, "build", tree, "--sign", sign, "--json", "--out", "dist"))
    file = place.folder / out["nodebin"]
    public = json.loads(place.flowra("pack", "verify", file, "--json").stdout)["keys"][0]
    assert "valid-unknown" in succeeded(place, "pack", "verify", file)
    assert "valid-trusted" in succeeded(place, "pack", "verify", file, FLOWRA_TRUSTED_KEYS=public)
    assert "absent" in succeeded(place, "pack", "verify", write_nodebin_file(place.folder / "one.nodebin"))
