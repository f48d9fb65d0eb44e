"""`flowra model`, as people run it: a folder stands in for the hubs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixtures.cli_pack import CommandLine


@pytest.fixture
def flowra(tmp_path):
    made = CommandLine(tmp_path)
    made.mirror = tmp_path / "mirror"
    made.environment["FLOWRA_DISABLE_PACKS"] = "image,templates"
    made.environment["FLOWRA_MODEL_MIRROR"] = str(made.mirror)
    made.environment["FLOWRA_MODEL_DIR"] = str(tmp_path / "models")
    folder = made.mirror / "acme" / "detector"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"weights" * 1000)
    (folder / "labels.json").write_text("[]")
    return made


def test_a_model_is_fetched_listed_verified_and_removed(flowra):
    done = flowra.run("model", "get", "acme/detector", "--file", "model.onnx")
    assert (done.returncode, done.stderr) == (0, "")
    path = Path(done.stdout.strip())
    assert path.read_bytes() == b"weights" * 1000
    assert flowra.run("model", "get", "acme/detector", "--file", "model.onnx", "--offline").stdout == done.stdout

    row = json.loads(flowra.run("model", "list", "--json").stdout)[0]
    assert (row["model"], row["files_here"], row["files"], row["size"]) == ("acme/detector", 1, 2, 7000)
    listed = flowra.run("model", "list").stdout.splitlines()
    assert listed[0].split() == ["model", "files", "size", "used"]
    assert "1 of 2  7.0 kB" in listed[1]

    assert flowra.run("model", "verify").stdout == f"{row['reference']}: sound\n"
    path.write_bytes(b"w3ights" * 1000)
    damaged = flowra.run("model", "verify", "acme/detector")
    assert damaged.returncode == 1
    assert "model.onnx: its SHA-256 is" in damaged.stdout
    assert f"flowra model rm {row['reference']}" in damaged.stdout
    refused = flowra.run("model", "get", "acme/detector", "--file", "model.onnx")
    assert refused.returncode == 4
    assert "is not what was fetched" in refused.stderr

    removed = flowra.run("model", "rm", row["reference"])
    assert removed.stdout == f"{row['reference']} removed, 7.0 kB\n"
    assert not path.exists()
    assert flowra.run("model", "list").stdout == "no model is here\n"
    assert flowra.run("model", "get", "acme/detector", "--file", "model.onnx").stdout == done.stdout


def test_json_says_what_a_model_is_pinned_to(flowra):
    found = json.loads(flowra.run("model", "get", "acme/detector", "--revision", "v1", "--json").stdout)
    assert found["reference"].startswith("modelscope://acme/detector@v1+")
    assert len(found["digest"]) == 64
    assert Path(found["path"], "labels.json").exists()


def test_a_model_is_kept_until_that_is_undone(flowra):
    flowra.run("model", "get", "acme/detector", "--keep")
    assert flowra.run("model", "list").stdout.splitlines()[1].endswith("kept")
    assert flowra.run("model", "keep", "acme/detector", "--undo").stdout.endswith("may be removed\n")
    assert not json.loads(flowra.run("model", "list", "--json").stdout)[0]["kept"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["get", "a b"], 2, "HUB://ORG/NAME@REVISION#FILE"),
        (["get", "acme/nothing", "--offline"], 4, "can't be fetched offline"),
        (["get", "acme/detector", "--file", "modle.onnx"], 4, "did you mean model.onnx?"),
        (["rm", "acme/nothing"], 4, "flowra model list shows those that are"),
        (["verify", "acme/detektor"], 4, "is not here"),
    ],
)
def test_a_mistake_is_said_with_what_to_do(flowra, arguments, code, said):
    done = flowra.run("model", *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_says_which_folder_stands_in_and_whether_hubs_are_asked(flowra):
    alone = flowra.run("doctor", "--json", FLOWRA_DISABLE_PACKS="image,templates,modelscope,huggingface")
    checks = json.loads(alone.stdout)["checks"]
    said = [each for each in checks if each["name"] == "models"]
    assert said[0] == {"name": "models", "status": "ok", "said": f"mirror: {flowra.mirror}", "mend": ""}
    flowra.environment["FLOWRA_OFFLINE"] = "1"
    checks = json.loads(flowra.run("doctor", "--json").stdout)["checks"]
    assert next(each for each in checks if each["name"] == "models")["said"].startswith("offline")
