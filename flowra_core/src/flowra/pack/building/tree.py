"""The files of a pack's source tree, and those that must not leave the author's machine."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from flowra.exceptions import PluginError

__all__ = ["EXAMPLE_MODELS", "copy_tree", "forbidden", "refuse_forbidden", "tree_files"]

#: Folders that tools leave in a tree; nothing in them is the pack.
_LEFT_BY_TOOLS = re.compile(
    r"\..*|__pycache__|build|dist|node_modules|venv|htmlcov|flowra-output|.*\.egg-info|wheelhouse", re.IGNORECASE
)
#: Folders whose names begin with a dot and that are the author's own.
_KEPT = frozenset({".github"})

_SECRETS = re.compile(
    r"\.env(\..*)?|\.envrc|.*\.(pem|key|p12|pfx|jks|keystore|ppk|kdbx)|id_(rsa|dsa|ecdsa|ed25519)"
    r"|\.netrc|_netrc|\.pypirc|\.git-credentials|\.htpasswd|credentials(\.json)?|client_secret.*\.json",
    re.IGNORECASE,
)
_NO_SECRETS = re.compile(r"\.env\.(example|sample|template|dist)", re.IGNORECASE)
_WEIGHTS = re.compile(
    r".*\.(pt|pth|ckpt|safetensors|onnx|gguf|ggml|h5|hdf5|keras|tflite|pb|caffemodel|mlmodel|pkl|pickle|joblib)",
    re.IGNORECASE,
)
#: Where the small models lie that examples work with, as a mirror of hubs has them, and the most bytes of one file.
EXAMPLE_MODELS = ("examples", "models")
_SMALL_WEIGHTS = 20 * 1024**2
_KEY_BLOCK = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_HEAD = 256
_OF_WEIGHTS = "weights of a model"


def tree_files(root: Path) -> list[Path]:
    """Return every file of a source tree, relative to it and sorted, but for what tools left in it."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name in _KEPT or not _LEFT_BY_TOOLS.fullmatch(name)]
        here = Path(folder).relative_to(root)
        found += [here / name for name in names if not name.endswith((".pyc", ".pyo"))]
        found += [here / name for name in folders if (Path(folder) / name).is_symlink()]
    return sorted(found)


def forbidden(name: str, head: bytes = b"") -> str | None:
    """Say why a file must not go into an archive, or None if it may.

    Args:
        name: The file's name, without its folder.
        head: Its first bytes.
    """
    if _SECRETS.fullmatch(name) and not _NO_SECRETS.fullmatch(name):
        return "secrets or keys"
    if _KEY_BLOCK.search(head):
        return "a private key"
    if _WEIGHTS.fullmatch(name):
        return _OF_WEIGHTS
    return None


def refuse_forbidden(root: Path, files: Iterable[Path]) -> None:
    """Refuse a tree with files that must not leave it.

    Raises:
        PluginError: There are some; every one is named.
    """
    found = []
    for file in files:
        path = root / file
        if path.is_symlink():
            found.append(f"{file}: a link, whose target may lie outside of the tree")
            continue
        with path.open("rb") as stream:
            reason = forbidden(file.name, stream.read(_HEAD))
        small = file.parts[:2] == EXAMPLE_MODELS and path.stat().st_size <= _SMALL_WEIGHTS
        if reason is not None and not (reason == _OF_WEIGHTS and small):
            found.append(f"{file}: {reason}")
    if found:
        raise PluginError(
            "the tree holds what must not be packed",
            where=str(root),
            why="\n".join(found),
            fix="move secrets out of the tree; weights come from a hub (ModelFile), small ones of examples from "
            "examples/models",
        )


def copy_tree(root: Path, files: Iterable[Path], target: Path) -> None:
    """Copy files of a tree, so that whatever building leaves behind is left in the copy."""
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / file, target / file)
