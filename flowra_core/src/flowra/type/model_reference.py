"""References to models at hubs, as a graph file has them: `modelscope://org/name@v1.0#model.onnx`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

__all__ = ["DEFAULT_HUB", "ModelReference", "is_model_reference"]

#: The scheme that stands for the hub that the settings name.
DEFAULT_HUB = "model"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/-]{0,254}")
_HUB = re.compile(r"[a-z][a-z0-9_-]*")
_FORM = "write HUB://ORG/NAME@REVISION#FILE, as in modelscope://org/name@v1.0#model.onnx"


@dataclass(frozen=True, slots=True)
class ModelReference:
    """A model at a hub, or files of it.

    Attributes:
        hub: The hub's name; `model` for the one that the settings name.
        model: Its name at the hub, `org/name`.
        revision: A tag, a branch or a commit; empty for the hub's main branch.
        files: Which files: paths inside the model, or patterns with `*`; empty for all.
        single: Whether one file is meant, so that its path is the file's and not the folder's.

    Raises:
        ValueError: A part is not as it has to be; the message says which and why.
    """

    hub: str
    model: str
    revision: str = ""
    files: tuple[str, ...] = ()
    single: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.hub, str) or not _HUB.fullmatch(self.hub):
            raise ValueError(f"{self.hub!r} is no hub's name; {_FORM}")
        if not isinstance(self.model, str) or not _NAME.fullmatch(self.model):
            raise ValueError(f"{self.model!r} is no model's name, as org/name is; {_FORM}")
        if self.revision and (not _REVISION.fullmatch(self.revision) or ".." in self.revision):
            raise ValueError(f"{self.revision!r} is no revision, as v1.0 is; {_FORM}")
        for file in self.files:
            _check_file(file)
        if self.single and (len(self.files) != 1 or is_pattern(self.files[0])):
            raise ValueError("one file is one path, without a pattern")

    @classmethod
    def of(
        cls,
        model: str,
        *,
        revision: str | None = None,
        file: str | None = None,
        files: Iterable[str] = (),
        hub: str | None = None,
    ) -> ModelReference:
        """Return the reference that arguments mean.

        Args:
            model: The model's name at the hub, or a whole reference; then nothing else is given.
            revision: A tag, a branch or a commit; None for the hub's main branch.
            file: The one file that is meant.
            files: The files that are meant, as paths or patterns; not together with `file`.
            hub: The hub; None for the one that the settings name.
        """
        if is_model_reference(model):
            if revision or file or files or hub:
                raise ValueError(f"{model} says all of it; leave out revision, file, files and hub")
            return cls.parse(model)
        if isinstance(files, str):
            raise ValueError(f'files are a list, as in files=["{files}"]')
        if file and files:
            raise ValueError("give either file or files")
        chosen = (file,) if file else tuple(files)
        return cls(hub or DEFAULT_HUB, model, revision or "", chosen, single=bool(file))

    @classmethod
    def parse(cls, text: str) -> ModelReference:
        """Return the reference that a text is; raises ValueError with the reason for one that is none."""
        scheme = _SCHEME.match(text)
        if scheme is None:
            raise ValueError(f"{text!r} names no hub; {_FORM}")
        rest, hash_sign, fragment = text[scheme.end() :].partition("#")
        model, at, revision = rest.partition("@")
        if at and not revision:
            raise ValueError(f"{text!r} has an @ and no revision; {_FORM}")
        if hash_sign and not fragment:
            raise ValueError(f"{text!r} has a # and no file; {_FORM}")
        listed = fragment.endswith(",")
        files = tuple(fragment.removesuffix(",").split(",")) if fragment else ()
        single = len(files) == 1 and not listed and not is_pattern(files[0])
        return cls(scheme[1], model, revision, files, single)

    def __str__(self) -> str:
        fragment = ",".join(self.files)
        if len(self.files) == 1 and not self.single and not is_pattern(fragment):
            fragment += ","  # a list with one file in it: the folder is meant
        revision = f"@{self.revision}" if self.revision else ""
        return f"{self.hub}://{self.model}{revision}{f'#{fragment}' if fragment else ''}"


def is_model_reference(value: object) -> bool:
    """Tell whether a value is text that means a model at a hub, rather than a path or an address of a page."""
    if not isinstance(value, str):
        return False
    scheme = _SCHEME.match(value)
    return scheme is not None and scheme[1] not in ("http", "https", "file")


def is_pattern(file: str) -> bool:
    """Tell whether the name of a file is a pattern that may mean several."""
    return any(sign in file for sign in "*?[") or file.endswith("/")


def _check_file(file: str) -> None:
    if not isinstance(file, str) or not file:
        raise ValueError("a file of a model is named by its path in it, as in #model.onnx")
    path = PurePosixPath(file)
    odd = "\\" in file or "," in file or not file.isprintable() or path.is_absolute() or ".." in path.parts
    if odd or str(path) != file.removesuffix("/"):
        raise ValueError(f"{file!r} is no path inside a model, as onnx/model.onnx is")
