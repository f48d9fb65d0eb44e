"""The routes that ModelScope's client asks for when it downloads."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flowra.testing.hub.answer import Answer, as_json, file_answer
from flowra.testing.hub.shelf import ShelvedModel, sha256_of

__all__ = ["answer_modelscope"]

_MODEL = re.compile(r"/api/v1/models/([^/]+/[^/]+)(/revisions|/repo/files|/repo)?")


def answer_modelscope(
    models: Mapping[str, ShelvedModel], path: str, query: Mapping[str, str], headers: Mapping[str, str], allowed: bool
) -> Answer | None:
    """Answer a request; None if it is for no route of ModelScope's."""
    if not path.startswith("/api/v1/"):
        return None
    if not allowed:
        return _refused(401, "unauthorized")
    found = _MODEL.fullmatch(path)
    model = models.get(found[1]) if found is not None else None
    if found is None or model is None:
        return _refused(404, "not found")
    if found[2] is None:
        owner, _, name = found[1].partition("/")
        return _given({"Name": name, "Path": owner, "Revision": "master"})
    if found[2] == "/revisions":
        branches = [{"Revision": each, "CreatedAt": 1} for each in model.revisions if each in model.branches]
        tags = [{"Revision": each, "CreatedAt": 1} for each in model.revisions if each not in model.branches]
        return _given({"RevisionMap": {"Branches": branches, "Tags": tags}})
    files = model.find(query.get("Revision") or "master")
    if files is None:
        return _refused(404, "revision not found")
    if found[2] == "/repo/files":
        return _given({"Files": [_entry(each, data) for each, data in files.items()]})
    file = query.get("FilePath", "")
    if file not in files:
        return _refused(404, "file not found")
    return file_answer(file, files[file], headers.get("range", ""))


def _entry(path: str, data: bytes) -> dict[str, object]:
    name = path.rpartition("/")[2]
    return {"Path": path, "Name": name, "Type": "blob", "Size": len(data), "Sha256": sha256_of(data)}


def _given(data: object) -> Answer:
    return as_json(200, {"Code": 200, "Message": "success", "Success": True, "Data": data})


def _refused(status: int, message: str) -> Answer:
    return as_json(status, {"Code": 10010205001, "Message": message, "Success": False, "Data": None})
