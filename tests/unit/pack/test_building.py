from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flowra.exceptions import PluginError, UsageError
from flowra.pack.building.bundle import fetch_wheels
from flowra.pack.building.lock import LockedFile, LockedPackage, lock_text, with_bundled
from flowra.pack.building.platforms import PLATFORMS, chosen_platforms, this_platform
from flowra.pack.building.tree import forbidden, refuse_forbidden, tree_files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = f"cp{sys.version_info[0]}{sys.version_info[1]}"

WINDOWS = "lib-1.0-cp39-cp39-win32.whl"


def wheel(name, source="https://example.org/", sha256="0" * 64):
    return LockedFile(name, source + name, sha256, 12)


def package(*wheels, name="lib", marker=""):
    return LockedPackage(name, "1.0", marker, wheels, None)


@pytest.mark.parametrize(
    ("platform", "best"),
    [
        ("linux-x86_64", f"lib-1.0-{HERE}-{HERE}-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"),
        ("linux-aarch64", f"lib-1.0-{HERE}-{HERE}-manylinux_2_28_aarch64.whl"),
        ("macos-arm64", f"lib-1.0-{HERE}-{HERE}-macosx_11_0_arm64.whl"),
        ("macos-x86_64", f"lib-1.0-{HERE}-{HERE}-macosx_10_9_x86_64.whl"),
        ("windows-x86_64", f"lib-1.0-{HERE}-{HERE}-win_amd64.whl"),
    ],
)
def test_each_system_gets_the_wheel_that_is_made_for_it(platform, best):
    names = [
        f"lib-1.0-{HERE}-{HERE}-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        f"lib-1.0-{HERE}-{HERE}-manylinux_2_28_aarch64.whl",
        f"lib-1.0-{HERE}-{HERE}-macosx_11_0_arm64.whl",
        f"lib-1.0-{HERE}-{HERE}-macosx_10_9_x86_64.whl",
        f"lib-1.0-{HERE}-{HERE}-win_amd64.whl",
        "lib-1.0-cp39-cp39-manylinux_2_17_x86_64.whl",
        "lib-1.0-py3-none-any.whl",
    ]
    assert PLATFORMS[platform].best([wheel(name) for name in names]).name == best
    assert PLATFORMS[platform].best([wheel(names[-1])]).name == names[-1]
    assert PLATFORMS[platform].best([wheel(names[-2])]) is None


def test_markers_say_which_system_needs_a_package():
    windows_only = package(name="colorama", marker="sys_platform == 'win32'")
    assert PLATFORMS["windows-x86_64"].needs(windows_only)
    assert not PLATFORMS["linux-x86_64"].needs(windows_only)
    assert PLATFORMS["linux-x86_64"].needs(package(marker="python_version >= '3.10' and platform_machine == 'x86_64'"))


def test_without_a_name_the_system_at_hand_is_chosen():
    if this_platform() in PLATFORMS:
        assert [each.name for each in chosen_platforms([])] == [this_platform()]
    with pytest.raises(UsageError, match="amiga"):
        chosen_platforms(["linux-x86_64", "amiga"])


def test_a_lock_is_toml_and_tells_nothing_of_the_machine():
    quoted = 'python_version < "4"'
    packages = [
        package(
            wheel("lib-1.0-py3-none-any.whl"), wheel("lib-1.0-cp39-cp39-win32.whl", sha256="1" * 64), marker=quoted
        ),
        package(LockedFile("own-1.0-py3-none-any.whl", "/home/someone/own-1.0-py3-none-any.whl", "2" * 64), name="own"),
    ]
    text = lock_text(with_bundled(packages, {"1" * 64: f"wheels/deps/{WINDOWS}"}), ">=3.10")
    data = tomllib.loads(text)
    assert (data["lock-version"], data["requires-python"]) == ("1.0", ">=3.10")
    lib, own = data["packages"]
    assert lib["marker"] == quoted
    assert [each.get("path") for each in lib["wheels"]] == [f"../wheels/deps/{WINDOWS}", None]
    assert lib["wheels"][1]["url"] == "https://example.org/lib-1.0-py3-none-any.whl"
    assert own["wheels"][0]["path"] == "own-1.0-py3-none-any.whl"
    assert "someone" not in text
    assert lock_text(packages[::-1], ">=3.10") == lock_text(packages, ">=3.10")


def test_a_wheel_that_is_not_the_locked_one_is_not_bundled(tmp_path):
    source = tmp_path / "lib-1.0-py3-none-any.whl"
    source.write_bytes(b"another")
    locked = package(LockedFile(source.name, str(source), "0" * 64))
    with pytest.raises(PluginError, match="is not the file that was locked"):
        fetch_wheels([locked], [PLATFORMS["linux-x86_64"]], tmp_path / "cache", lambda _: None)
    assert list((tmp_path / "cache").iterdir()) == []
    source.unlink()
    with pytest.raises(PluginError, match="can't be fetched"):
        fetch_wheels([locked], [PLATFORMS["linux-x86_64"]], tmp_path / "cache", lambda _: None)
    with pytest.raises(PluginError, match="can't be bundled for linux-x86_64"):
        fetch_wheels(
            [package(wheel("lib-1.0-cp39-cp39-win32.whl"))], [PLATFORMS["linux-x86_64"]], tmp_path, lambda _: None
        )


@pytest.mark.parametrize(
    "name", [".env", ".ENV", ".env.local", "server.pem", "a.key", "id_rsa", ".pypirc", "credentials.json", "x.p12"]
)
def test_secrets_are_known_by_name(name):
    assert forbidden(name) == "secrets or keys"


@pytest.mark.parametrize("name", ["net.pt", "net.ONNX", "w.safetensors", "m.gguf", "old.pkl", "x.ckpt"])
def test_weights_are_known_by_name(name):
    assert forbidden(name) == "weights of a model"


def test_small_weights_may_lie_where_examples_look_for_models(tmp_path):
    small, large = Path("examples/models/a/b@v1/net.onnx"), Path("examples/models/a/b@v1/big.onnx")
    (tmp_path / small).parent.mkdir(parents=True)
    (tmp_path / small).write_bytes(b"weights")
    with (tmp_path / large).open("wb") as file:
        file.truncate(21 * 1024**2)
    refuse_forbidden(tmp_path, [small])
    with pytest.raises(PluginError, match=r"big\.onnx: weights of a model"):
        refuse_forbidden(tmp_path, [small, large])


@pytest.mark.parametrize("name", [".env.example", "keyboard.py", "environment.yml", "point.py", "id_rsa.md", "LICENSE"])
def test_what_is_neither_is_let_through(name):
    assert forbidden(name) is None


def test_a_private_key_is_known_by_its_content():
    assert forbidden("notes.txt", b"hello\n-----BEGIN EC PRIVATE KEY-----\n") == "a private key"
    assert forbidden("cert.txt", b"-----BEGIN PUBLIC KEY-----\n") is None


def test_what_tools_leave_is_no_part_of_the_tree(tmp_path):
    for name in (
        "src/a.py",
        "src/__pycache__/a.pyc",
        "dist/a.whl",
        ".venv/x",
        ".git/x",
        "a.egg-info/x",
        ".github/ci.yml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / ".gitignore").write_text("")
    assert [str(path) for path in tree_files(tmp_path)] == [".github/ci.yml", ".gitignore", "src/a.py"]
