"""`flowra build` as an author runs it: without a network, in processes and environments of their own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest
from fixtures.pack_tree import contents, make_tree
from fixtures.small_disk import fill, mounted_disk
from fixtures.wheelhouse import Place, make_wheelhouse

from flowra.pack.nodebin.reader import read_nodebin
from flowra.pack.nodebin.schema import document_schema


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory):
    return make_wheelhouse(tmp_path_factory.mktemp("wheels") / "house", ["hatchling"])


@pytest.fixture
def place(tmp_path, wheelhouse):
    return Place(tmp_path, wheelhouse)


def refused(place: Place, tree: Path, *words: str, code: int = 3, **variables: str) -> str:
    """Build a tree whose dist/ has something, see it refused in these words, and nothing changed."""
    (tree / "dist").mkdir(exist_ok=True)
    (tree / "dist" / "earlier.nodebin").write_bytes(b"from an earlier build")
    before = contents(tree)
    done = place.flowra("build", tree, **variables)
    assert done.returncode == code, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    error = done.stderr[done.stderr.index("error: ") :]
    assert len(error.splitlines()) <= 15
    assert "Traceback" not in done.stderr
    assert contents(tree) == before
    return error


def test_a_pack_is_built_proved_installed_elsewhere_without_an_index_and_used(place):
    tree = make_tree(place.folder / "tiny")
    place.flowra("pack", "key", "author.key")
    done = place.flowra("build", tree, "--bundle-deps", "--sign", "author.key", "--json")
    assert done.returncode == 0, done.stderr
    built = json.loads(done.stdout)
    assert built["examples"] == ["examples/double.json"]
    for step in ("validate", "wheel", "lock", "pack", "unpack", "install", "import", "examples", "publish"):
        assert f"✓ {step}" in done.stderr
    archive = read_nodebin(Path(built["nodebin"]))
    assert archive.manifest.license == "MIT"
    assert archive.manifest.tags == ["numbers", "tiny"]
    assert [each.reason for each in archive.manifest.permissions] == ["It fetches nothing, and says so for a test"]
    assert any(name.startswith("wheels/deps/pydantic-") for name in archive.entries)
    assert not any(name.startswith("wheels/deps/flowra-") for name in archive.entries)
    assert str(place.folder) not in archive.path.read_bytes().decode("latin-1")

    fresh = place.fresh()
    nowhere = {"UV_FIND_LINKS": "", "FLOWRA_TRUSTED_KEYS": done_key(place)}
    done = fresh.flowra("pack", "install", built["nodebin"], "--yes", **nowhere)
    assert done.returncode == 0, done.stderr
    assert "signature: valid-trusted" in done.stderr
    (fresh.folder / "double.json").write_bytes((tree / "examples" / "double.json").read_bytes())
    done = fresh.flowra("run", "double.json", "--output", "out")
    assert done.returncode == 0, done.stderr
    assert json.loads((fresh.folder / "out" / "outputs.json").read_text())["number"] == 8.0


def done_key(place: Place) -> str:
    """Return the public key of the one archive's signature."""
    [path] = place.folder.glob("tiny/dist/*.nodebin")
    [signature] = read_nodebin(path).signatures.values()
    return json.loads(signature)["key"]


def test_two_builds_are_the_same_bytes_and_their_documents_fit_the_schemas(place):
    tree = make_tree(place.folder / "tiny", files={"locales/zh.json": "{}", "docs/more.md": "# More\n"})
    other = make_tree(
        place.folder / "elsewhere" / "tiny-again", files={"locales/zh.json": "{}", "docs/more.md": "# More\n"}
    )
    for root, out in ((tree, "one"), (other, "two")):
        done = place.flowra("build", root, "--out", out)
        assert done.returncode == 0, done.stderr
    one, two = (contents(place.folder / name) for name in ("one", "two"))
    assert sorted(one) == ["flowra_tiny-1.0-py3-none-any.whl", "flowra_tiny-1.0.nodebin"]
    assert one == two
    archive = read_nodebin(place.folder / "one" / "flowra_tiny-1.0.nodebin")
    jsonschema.validate(archive.manifest.model_dump(mode="json"), document_schema("manifest"))
    for node in archive.nodes.values():
        jsonschema.validate(node.model_dump(mode="json"), document_schema("node"))
        for schema in (node.init, node.inputs, node.outputs):
            jsonschema.Draft202012Validator.check_schema(schema)
    assert not jsonschema.Draft202012Validator(archive.nodes["Double"].inputs).is_valid({"number": -1})
    assert {"docs/more.md", "locales/zh.json", "LICENSE", "README.md"} <= archive.entries.keys()


def test_what_is_inside_is_shown_with_sizes(place):
    done = place.flowra("build", make_tree(place.folder / "tiny"))
    assert done.returncode == 0, done.stderr
    assert "nodes/Double.json" in done.stdout
    assert "not signed" in done.stdout
    assert "permission network: It fetches nothing" in done.stdout


def test_secrets_keys_weights_and_links_are_refused_by_name(place):
    secrets = {
        ".env": "TOKEN=x\n",
        "config/.env.production": "TOKEN=x\n",
        "deploy/id_ed25519": "x",
        "src/flowra_tiny/server.pem": "x",
        "docs/notes.txt": "-----BEGIN OPENSSH PRIVATE KEY-----\n",
        "src/flowra_tiny/net.safetensors": "x",
    }
    tree = make_tree(place.folder / "tiny", files={**secrets, ".env.example": "TOKEN=\n"}, sync=False)
    (tree / "docs" / "passwords").symlink_to("/etc/passwd")
    done = place.flowra("-v", "build", tree)
    assert done.returncode == 3
    for name in (*secrets, "docs/passwords"):
        assert name in done.stderr
    assert ".env.example" not in done.stderr
    refused(place, tree, "the tree holds what must not be packed")


def test_a_manifest_that_fell_behind_is_refused_with_the_command_that_writes_it(place):
    tree = make_tree(place.folder / "tiny")
    nodes = tree / "src" / "flowra_tiny" / "nodes.py"
    nodes.write_text(nodes.read_text().replace("Any number", "A number"), encoding="utf-8")
    assert "fix:    flowra project sync" in refused(place, tree, "node Double changed")


def test_a_pack_whose_import_raises_or_ends_the_process_is_refused(place):
    for source, said in (
        ("raise RuntimeError('out of luck')", "out of luck"),
        ("import os; os._exit(7)", "exit code 7"),
    ):
        tree = make_tree(place.folder / said.split()[-1], files={"src/flowra_tiny/plugin.py": source}, sync=False)
        refused(place, tree, "the pack can't be imported", said)


def test_a_dependency_that_is_not_declared_is_found_in_the_fresh_environment(place):
    tree = make_tree(place.folder / "tiny")
    nodes = tree / "src" / "flowra_tiny" / "nodes.py"
    nodes.write_text(f"import hypothesis\n{nodes.read_text()}", encoding="utf-8")
    assert place.flowra("project", "sync", tree).returncode == 0
    refused(place, tree, "can't be imported in a fresh environment", "tiny/Double", "No module named 'hypothesis'")


def test_an_example_that_fails_is_named(place):
    graph = json.dumps({"format": "flowra/1", "nodes": {"double": {"type": "tiny/Double", "inputs": {"number": -1}}}})
    tree = make_tree(place.folder / "tiny", files={"examples/broken.json": graph})
    refused(place, tree, "an example of the pack does not run", "examples/broken.json", "nodes.double.inputs.number")


WEIGHED = """
    from flowra.dag.node import BaseArgs, Node
    from flowra.type.component_type import ModelFile


    class Double(Node):
        \"\"\"Multiply by what a model says.\"\"\"

        class InitArgs(BaseArgs):
            weights: ModelFile("acme/scale", revision="v1", file="scale.onnx", description="What to multiply by")

        class InputArgs(BaseArgs):
            number: float

        class OutputArgs(BaseArgs):
            number: float

        def init(self, context, args):
            self.factor = float(args.weights.read_text())

        def run(self, context, args):
            return self.OutputArgs(number=args.number * self.factor)
"""


def test_examples_take_models_from_the_tree_and_one_that_cannot_be_proved_is_named_with_its_reason(place):
    other = {"format": "flowra/1", "nodes": {"it": {"type": "tiny/Double", "inputs": {"number": 1}}}}
    other["nodes"]["it"]["init"] = {"weights": "modelscope://acme/large@v1#scale.onnx"}
    tree = make_tree(
        place.folder / "tiny",
        files={
            "src/flowra_tiny/nodes.py": WEIGHED,
            "examples/models/acme/scale@v1/scale.onnx": "2",
            "examples/large.json": json.dumps(other),
        },
    )
    pyproject = tree / "pyproject.toml"
    told = '[tool.flowra-pack.unproved]\n"examples/large.json" = "needs 4 GB"\n'
    pyproject.write_text(f"{pyproject.read_text()}\n{told}")
    done = place.flowra("build", tree, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["examples"] == ["examples/double.json"]
    assert "1 ran; not proved: examples/large.json (needs 4 GB)" in done.stderr
    pyproject.write_text(pyproject.read_text().replace("examples/large.json", "examples/lrage.json"))
    refused(place, tree, "there is no example examples/lrage.json", "examples/large.json")


def test_dependencies_that_cannot_be_resolved_are_refused_in_the_resolvers_words(place):
    tree = make_tree(place.folder / "tiny", dependencies=["flowra>=0.1,<0.2", "no-such-thing>=3"])
    refused(place, tree, "dependencies can't be resolved", "no-such-thing")
    tree = make_tree(place.folder / "other", dependencies=["flowra>=7"])
    refused(place, tree, "flowra")


def test_without_a_network_the_way_to_go_on_is_said(place):
    tree = make_tree(place.folder / "tiny")
    refused(
        place,
        tree,
        "hatchling",
        "UV_FIND_LINKS",
        UV_FIND_LINKS="",
        UV_NO_INDEX="",
        UV_CACHE_DIR=str(place.folder / "c"),
    )


def test_without_uv_the_command_that_installs_it_is_said(place):
    fresh = place.fresh()
    tree = make_tree(place.folder / "tiny")
    done = fresh.flowra("build", tree, PATH="/usr/bin:/bin")
    assert done.returncode == 2
    assert f"{fresh.python} -m pip install uv" in done.stderr


@pytest.mark.parametrize("where", ["--out", "TMPDIR"])
def test_a_full_disk_is_said_and_leaves_nothing(place, where):
    tree = make_tree(place.folder / "tiny")
    with mounted_disk(place.folder / "disk", size="64k") as disk:
        if where == "--out":
            fill(disk)  # a full folder for temporary files would be passed over
        before = sorted(disk.iterdir())
        arguments = ["--out", str(disk / "dist")] if where == "--out" else []
        variables = {"TMPDIR": str(disk)} if where == "TMPDIR" else {}
        done = place.flowra("build", tree, *arguments, **variables)
        assert done.returncode in (2, 3), done.stderr
        assert "the disk is full" in done.stderr or "No space left" in done.stderr
        assert "Traceback" not in done.stderr
        assert sorted(disk.iterdir()) == before
    assert not (tree / "dist").exists()


def test_a_read_only_folder_is_said(place):
    tree = make_tree(place.folder / "tiny")
    with mounted_disk(place.folder / "disk", size="64k") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        done = place.flowra("build", tree, "--out", disk / "dist")
        assert done.returncode == 2, done.stderr
        assert "Read-only file system" in done.stderr


def test_what_is_no_pack_and_a_system_that_is_none_are_usage_errors(place):
    assert "no pyproject.toml" in place.flowra("build", place.folder).stderr
    tree = make_tree(place.folder / "tiny", sync=False)
    done = place.flowra("build", tree, "--bundle-deps=amiga")
    assert done.returncode == 2
    assert "linux-x86_64" in done.stderr
    assert "this is no key" in place.flowra("build", tree, "--sign", owned(tree / "README.md")).stderr


def owned(path: Path) -> Path:
    path.chmod(0o600)
    return path
