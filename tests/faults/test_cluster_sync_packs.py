"""Rows 15 and 16 of the faults where packs may be given to workers: each is a process that others have started."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile

import pytest
from fixtures.clusters import ForeignCluster
from fixtures.nodebin_factory import write_wheel
from fixtures.pack_factory import install_pack

from flowra.dag.graph import Graph
from flowra.exceptions import ClusterError
from flowra.execute.cluster.connection import RemoteCluster
from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.control import RunControl
from flowra.execute.session import Session
from flowra.execute.session.events import Started
from flowra.pack.delivery.sender import PackSender
from flowra.plugin import PluginManager

PLUGIN = """
    from flowra.plugin import NodeEntry, hookimpl

    @hookimpl
    def flowra_nodes():
        return [NodeEntry("{package}.nodes:Say")]
"""
SENDER = PackSender()
NODES = """
    import os
    import time

    from flowra.dag.node import BaseArgs, Node
    {imports}

    class Say(Node):
        cache = False

        class InputArgs(BaseArgs):
            number: int

        class OutputArgs(BaseArgs):
            said: str
            process: int

        def run(self, context, args):
            time.sleep(0.05)
            return self.OutputArgs(said={said}, process=os.getpid())
"""


def nodes(said, imports=""):
    return NODES.replace("{said}", said).replace("{imports}", imports)


def path_with(*folders):
    """Return the environment in which Flowra, these tests and some folders are found."""
    own = [each for each in sys.path if each and "site-packages" not in each]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, folders), *own])}


def forget():
    """Forget what this process has imported of packs."""
    for name in [each for each in sys.modules if each.startswith(("flowra_speech", "speech_pack", "speech_words"))]:
        del sys.modules[name]


def install(site, *wheels):
    """Install wheels into a folder as pip does, without what they depend on."""
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--target"]
    subprocess.run([*uv, str(site), *map(str, wheels)], check=True, capture_output=True)
    return site


def speech(folder, version, said, **more):
    folder.mkdir(exist_ok=True)
    imports = more.pop("imports", "")
    modules = {"plugin": PLUGIN.replace("{package}", "flowra_speech"), "nodes": nodes(said, imports)}
    return write_wheel(folder, "flowra-speech", version, pack="speech", modules=modules, **more)


@pytest.fixture
def cluster(tmp_path):
    cluster = ForeignCluster(tmp_path, path_with())
    yield cluster
    cluster.close()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """The folder in which the driver has its packs."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(tmp_path / "output"))
    return site


@pytest.fixture
def session(tmp_path, cluster, site):
    """Makes sessions that give workers packs."""
    made = []

    def session(delivery=SENDER):
        forget()  # as a new process would
        executor = ClusterExecutor(lambda: RemoteCluster(cluster.address, None), delivery)
        one = Session(executor=executor, manager=PluginManager.discover(), store=tmp_path / "store")
        made.append(one)
        return one

    yield session
    for each in made:
        each.close()
    forget()


def wait_for_workers(cluster, count):
    connection = RemoteCluster(cluster.address, None).connect()
    try:
        connection.client.wait_for_workers(count, timeout=60)
    finally:
        connection.close()


def say(session, numbers=6):
    graph = Graph("say")
    node = graph.add("speech/Say", id="say", number=list(range(numbers)))
    graph.output("said", node["said"])
    graph.output("process", node["process"])
    heard = []
    run = session.run(graph, observers=[heard.append]).raise_for_status()
    told = [event.text for event in heard if getattr(event, "text", "").startswith("worker ")]
    return set(run.outputs["said"]), set(run.outputs["process"]), told


def test_workers_that_lack_a_pack_or_have_another_version_get_the_drivers(session, cluster, site, tmp_path):
    install(site, speech(tmp_path / "wheels", "1.1", "'new'"))
    old = install(tmp_path / "old" / "site-packages", speech(tmp_path / "wheels", "1.0", "'old'"))
    before = {path: path.read_bytes() for path in old.rglob("*.py")}
    poor = cluster.join("poor")
    other = cluster.join("other", path_with(old))
    wait_for_workers(cluster, 2)
    said, processes, [told] = say(session())
    assert said == {"new"}
    assert processes == {poor, other}
    assert told.endswith("was given flowra-speech 1.1")
    # The worker's own environment is as it was, and what was given stays for the next run.
    assert {path: path.read_bytes() for path in old.rglob("*.py")} == before
    assert say(session()) == ({"new"}, {poor, other}, [])


def test_a_worker_that_has_run_the_old_version_runs_the_new_one_after(session, cluster, site, tmp_path):
    install(site, speech(tmp_path / "wheels", "1.0", "'old'"))
    process = cluster.join("only")
    wait_for_workers(cluster, 1)
    assert say(session()) == ({"old"}, {process}, ["worker only was given flowra-speech 1.0"])
    for each in site.iterdir():
        subprocess.run(["rm", "-r", str(each)], check=True)
    install(site, speech(tmp_path / "wheels", "1.1", "'new'"))
    assert say(session()) == ({"new"}, {process}, ["worker only was given flowra-speech 1.1"])


def test_an_editable_pack_is_given_as_it_stands_in_its_tree(session, cluster, tmp_path, site):
    tree = site / "tree" / "src"
    install_pack(tree, "speech", plugin=PLUGIN, modules={"nodes": nodes("'first'")}, editable=True)
    sys.path.insert(0, str(tree))
    try:
        process = cluster.join("only")
        wait_for_workers(cluster, 1)
        assert say(session()) == ({"first"}, {process}, ["worker only was given flowra-speech 0.3.0"])
        # Its author goes on: the version is the same, the code is not.
        install_pack(tree, "speech", plugin=PLUGIN, modules={"nodes": nodes("'second'")}, editable=True)
        with pytest.raises(ClusterError, match="worker only has other code of the pack speech"):
            say(session(None))
        assert say(session()) == ({"second"}, {process}, ["worker only was given flowra-speech 0.3.0"])
        (tree / "speech_pack" / "key.pem").write_text("secret")
        install_pack(tree, "speech", plugin=PLUGIN, modules={"nodes": nodes("'third'")}, editable=True)
        with pytest.raises(ClusterError) as error:
            say(session())
        assert "worker only has other code of the pack speech" in str(error.value)
        assert "speech_pack/key.pem: secrets or keys" in str(error.value)
    finally:
        sys.path.remove(str(tree))


def test_what_a_pack_depends_on_and_a_worker_lacks_comes_along(session, cluster, site, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    library = write_wheel(
        wheels, "speech-words", "2.0", pack=None, requires=(), modules={"__init__": "WORD = 'from the library'"}
    )
    install(site, library)
    needing = ("flowra>=0.1,<0.2", "speech-words>=2")
    install(site, speech(wheels, "1.0", "speech_words.WORD", imports="import speech_words", requires=needing))
    process = cluster.join("only")
    wait_for_workers(cluster, 1)
    assert say(session())[:2] == ({"from the library"}, {process})


def test_what_can_not_be_given_is_refused_with_its_reason(session, cluster, site, tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    write = {"pack": None, "requires": (), "modules": {"__init__": "WORD = ''"}}
    new = install(tmp_path / "new" / "site-packages", write_wheel(wheels, "speech-words", "2.0", **write))
    old = install(tmp_path / "old" / "site-packages", write_wheel(wheels, "speech-words", "1.0", **write))
    needing = ("flowra>=0.1,<0.2", "speech-words>=2")
    install(site, speech(wheels, "1.0", "'x'", requires=needing))
    cluster.join("bound", path_with(old))
    wait_for_workers(cluster, 1)
    sys.path.insert(0, str(new))
    try:
        with pytest.raises(ClusterError) as error:
            say(session())
    finally:
        sys.path.remove(str(new))
    assert "no worker has the pack speech" in str(error.value)
    assert "speech-words >=2 is needed, and it has 1.0" in str(error.value)


def test_a_worker_unpacks_nothing_that_is_damaged_or_compiled_for_another_system(session, cluster, site, tmp_path):
    class Meddling(PackSender):
        """Stands for a line that changes bytes, and for a driver of another system."""

        def __init__(self, change):
            self.change = change

        def deliver(self, pack, members, ask):
            def meddle(members, what, *arguments):
                if what.__name__ == "receive":
                    [parcel] = arguments
                    parcel = {**parcel, "wheels": [self.change(*wheel) for wheel in parcel["wheels"]]}
                    return ask(members, what, parcel)
                return ask(members, what, *arguments)

            return super().deliver(pack, members, meddle)

    def flipped(name, digest, data):
        return name, digest, data[:50] + bytes([data[50] ^ 1]) + data[51:]

    def elsewhere(name, digest, data):
        return name.replace("py3-none-any", "cp312-cp312-win_amd64"), digest, data

    def escaping(name, digest, data):
        import hashlib

        buffer = io.BytesIO(data)
        with zipfile.ZipFile(buffer, "a") as wheel:
            wheel.writestr("../../outside.py", "")
        return name, hashlib.sha256(buffer.getvalue()).hexdigest(), buffer.getvalue()

    install(site, speech(tmp_path / "wheels", "1.0", "'x'"))
    cluster.join("only")
    wait_for_workers(cluster, 1)
    for change, reason in (
        (flipped, "came damaged"),
        (elsewhere, "compiled for another system"),
        (escaping, "no wheel that can be trusted"),
    ):
        with pytest.raises(ClusterError) as error:
            say(session(Meddling(change)))
        assert reason in str(error.value)
    assert not list(tmp_path.rglob("outside.py"))
    assert say(session())[0] == {"x"}


def test_a_worker_that_comes_during_a_run_gets_the_pack_too(session, cluster, site, tmp_path):
    install(site, speech(tmp_path / "wheels", "1.0", "'x'"))
    cluster.join("first")
    wait_for_workers(cluster, 1)
    control = RunControl()
    workers = set()

    def watch(event):
        if isinstance(event, Started) and event.worker:
            if not workers:
                cluster.join("late")
            workers.add(event.worker)
            if "late" in workers:
                control.cancel()

    graph = Graph("say")
    graph.add("speech/Say", id="say", number=list(range(1200)))
    session().run(graph, observers=[watch], control=control)
    assert workers == {"first", "late"}


def test_the_command_names_what_gives_workers_a_pack_and_the_setting_allows_it(cluster, site, tmp_path):
    install(site, speech(tmp_path / "wheels", "1.0", "'x'"))
    cluster.join("only")
    wait_for_workers(cluster, 1)
    graph = Graph("say")
    graph.output("said", graph.add("speech/Say", id="say", number=1)["said"])
    graph.save(tmp_path / "say.json")

    def run(**more):
        command = [sys.executable, "-m", "flowra.cli.main", "run", "say.json", "--executor", cluster.address]
        return subprocess.run(
            command, cwd=tmp_path, env={**path_with(site), **more}, capture_output=True, text=True, check=False
        )

    refused = run()
    assert refused.returncode != 0
    assert "no worker has the pack speech" in refused.stderr
    assert "--sync-packs" in refused.stderr
    assert "pip install flowra-speech==1.0" in refused.stderr
    allowed = run(FLOWRA_SYNC_PACKS="1")
    assert allowed.returncode == 0, allowed.stderr
    assert "worker only was given flowra-speech 1.0" in allowed.stdout + allowed.stderr
