"""Nodes that are run on each frame of a video, one frame at a time."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flowra.dag.arguments import argument_problems
from flowra.dag.catalog import NodeCatalog
from flowra.dag.key.code.node_code import NodeCode
from flowra.dag.key.parts import Unkeyable
from flowra.dag.outcome import EndBranch, Expansion
from flowra.type.value.media import AnyImageType
from flowra.type.value_type import Image
from flowra_media.errors import MediaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flowra.dag.context import RunContext
    from flowra.dag.node import Node

__all__ = ["FrameStep", "FrameSteps", "steps_fingerprint"]

_RGB = Image(mode="RGB", dtype="uint8")


class FrameStep(BaseModel):
    """A node that is run on each frame.

    Attributes:
        node: Its type id, as `image/Blur`.
        init: Its `InitArgs`.
        inputs: Its other inputs, as literals.
        image: The input that gets the frame; empty for the only one that takes a picture and is not given.
        result: The output that is the new frame; empty for the only picture among them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    node: str
    init: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, Any] = Field(default_factory=dict)
    image: str = ""
    result: str = ""


@dataclass(frozen=True)
class _Ready:
    step: FrameStep
    instance: Node
    image: str
    result: str


class FrameSteps:
    """Instances of the nodes of some steps, made once and used for every frame.

    Args:
        steps: At least one.
        context: Of the node that runs them; theirs as well.
        catalog: The node types at hand; those of the installed packs if None.

    Raises:
        MediaError: A step can't be run on frames; says which and why.
    """

    def __init__(self, steps: Sequence[FrameStep], context: RunContext, catalog: NodeCatalog | None = None) -> None:
        if not steps:
            raise MediaError(
                "there is no step to be run on the frames", fix='give [{"node": "image/Blur"}], for instance'
            )
        self._context = context
        catalog = catalog or NodeCatalog()
        self._ready: list[_Ready] = []
        try:
            for step in steps:
                self._ready.append(self._prepared(step, catalog.node_class(step.node)))
        except BaseException:
            self.close()
            raise

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """Return what the nodes make of a frame (H×W×3, RGB uint8), in that form; None if one ended its branch."""
        current: Any = picture
        for ready in self._ready:
            node = type(ready.instance)
            try:
                args = node.InputArgs(**{**ready.step.inputs, ready.image: current})
            except ValidationError as error:
                raise _invalid(ready.step.node, error) from error
            found: Any = ready.instance.run(self._context, args)
            if isinstance(found, EndBranch):
                return None
            if isinstance(found, Expansion):
                raise MediaError(
                    f"{ready.step.node} gives a graph in its place, which can't be run on frames",
                    fix="use a node that gives a picture; or take the frames out (media/VideoFrames) and let it map",
                )
            outputs = found if isinstance(found, node.OutputArgs) else node.OutputArgs(**found)
            current = getattr(outputs, ready.result)
        result: NDArray[np.uint8] = _RGB.coerce(current)
        return result

    def close(self) -> None:
        """Free what the nodes took."""
        for ready in self._ready:
            ready.instance.close()

    def _prepared(self, step: FrameStep, node: type[Node]) -> _Ready:
        for reason in _reasons_against(node):
            raise MediaError(
                f"{step.node} can't be run on each frame",
                why=reason,
                fix="take the frames out (media/VideoFrames), map, and put them together (media/FramesToVideo)",
            )
        image = step.image or _only(step, "input", [
            name for name, port in node.InputArgs.__ports__.items()
            if isinstance(port.value_type, AnyImageType) and name not in step.inputs
        ])  # fmt: skip
        result = step.result or _only(step, "output", [
            name for name, port in node.OutputArgs.__ports__.items() if isinstance(port.value_type, AnyImageType)
        ])  # fmt: skip
        for kind, name, ports in (
            ("input", image, node.InputArgs.__ports__),
            ("output", result, node.OutputArgs.__ports__),
        ):
            if name not in ports:
                raise MediaError(f"{step.node} has no {kind} {name}", fix=f"its {kind}s are {', '.join(ports)}")
        instance = node()
        try:
            instance.init(self._context, node.InitArgs(**step.init))
        except ValidationError as error:
            raise _invalid(step.node, error) from error
        return _Ready(step, instance, image, result)


def steps_fingerprint(steps: Sequence[FrameStep]) -> str:
    """Return a text that changes when the code, the libraries or the handlers of the steps' nodes do.

    Raises:
        ValueError: It can't be told for one of them; then nothing is cached.
    """
    catalog = NodeCatalog()
    code = NodeCode(catalog, _file_digest)
    found = []
    for step in steps:
        description = catalog.describe(step.node)
        if not description.traits.cacheable:
            raise ValueError(f"{step.node} gives other results each time, or has effects")
        own, values = code.of_node(description), code.of_values(description)
        if isinstance(own, Unkeyable) or isinstance(values, Unkeyable):
            raise ValueError(f"the code of {step.node} can't be told")
        versions = {name: each.digest.hex() for name, each in values.items()}
        found.append([description.version, own.digest.hex(), versions, code.library_versions(description)])
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def _reasons_against(node: type[Node]) -> list[str]:
    traits = node.traits()
    found = []
    if traits.isolation == "process":
        found.append("it runs in a process of its own")
    if inspect.iscoroutinefunction(node.run):
        found.append("it is asynchronous")
    if any(port.lazy for port in node.InputArgs.__ports__.values()):
        found.append("it has lazy inputs")
    return found


def _only(step: FrameStep, kind: str, names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    name = "image" if kind == "input" else "result"
    if not names:
        raise MediaError(f"{step.node} has no {kind} for a picture", fix="choose a node that takes one and gives one")
    raise MediaError(
        f"{step.node} has several {kind}s for a picture: {', '.join(names)}", fix=f'say which: "{name}": "{names[0]}"'
    )


def _invalid(node: str, error: ValidationError) -> MediaError:
    problems = argument_problems(error, node)
    return MediaError(f"{node} can't take what the step gives it", why="; ".join(map(str, problems[:3])))


def _file_digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
