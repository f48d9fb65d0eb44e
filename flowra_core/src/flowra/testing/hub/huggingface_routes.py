"""The routes that Hugging Face's client asks for when it downloads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from flowra.testing.hub.answer import Answer, as_json, file_answer
from flowra.testing.hub.shelf import ShelvedModel, git_id, sha256_of

__all__ = ["answer_huggingface"]

_API = re.compile(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+)|/(refs))?(/.*)?")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
#: Smaller files are git's own, and listed without a SHA-256.
_LARGE = 1024


def answer_huggingface(
    models: Mapping[str, ShelvedModel], path: str, headers: Mapping[str, str], allowed: bool
) -> Answer | None:
    """Answer a request; None if it is for no route of Hugging Face's."""
    asked, of_file = _API.fullmatch(path), _FILE.fullmatch(path)
    found = asked or of_file
    if found is None:
        return None
    if not allowed:
        return _refused(401, "RepoNotFound", "Invalid username or password.")
    model = models.get(found[1])
    if model is None:
        return _refused(404, "RepoNotFound", "Repository not found")
    if of_file is not None:
        return _file(model, unquote(of_file[2]), unquote(of_file[3]), headers)
    assert asked is not None
    if asked[4]:
        return as_json(200, {"branches": _refs(model, "heads"), "tags": _refs(model, "tags"), "converts": []})
    revision = unquote(asked[3] or "main")
    files = model.find(revision)
    if files is None:
        return _refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    commit = model.commit(next(each for each, held in model.revisions.items() if held is files))
    if asked[2] == "tree":
        return as_json(200, [_entry(each, data) for each, data in files.items()], {"X-Repo-Commit": commit})
    siblings = [{"rfilename": each} for each in files]
    return as_json(200, {"id": asked[1], "modelId": asked[1], "sha": commit, "siblings": siblings, "private": False})


def _file(model: ShelvedModel, revision: str, file: str, headers: Mapping[str, str]) -> Answer:
    files = model.find(revision)
    if files is None:
        return _refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    if file not in files:
        return _refused(404, "EntryNotFound", "Entry not found")
    data = files[file]
    commit = model.commit(next(each for each, held in model.revisions.items() if held is files))
    about = {"ETag": f'"{git_id(data)}"', "X-Repo-Commit": commit}
    if len(data) >= _LARGE:
        about |= {"X-Linked-Etag": f'"{sha256_of(data)}"', "X-Linked-Size": str(len(data))}
    return file_answer(file, data, headers.get("range", ""), about)


def _refs(model: ShelvedModel, kind: str) -> list[dict[str, str]]:
    return [
        {"name": each, "ref": f"refs/{kind}/{each}", "targetCommit": model.commit(each)}
        for each in model.revisions
        if (each in model.branches) == (kind == "heads")
    ]


def _entry(path: str, data: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "oid": git_id(data), "size": len(data), "path": path}
    if len(data) >= _LARGE:
        entry["lfs"] = {"oid": sha256_of(data), "size": len(data), "pointerSize": 134}
    return entry


def _refused(status: int, code: str, message: str) -> Answer:
    return as_json(status, {"error": message}, {"X-Error-Code": code, "X-Error-Message": message})
