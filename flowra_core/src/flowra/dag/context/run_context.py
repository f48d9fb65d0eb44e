"""`RunContext`, the narrow façade between a node and the engine.

It is narrow on purpose: what a node can reach here has to work in a thread, in a child process and on a cluster.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flowra.exceptions import RunCancelledError

if TYPE_CHECKING:
    from flowra.model import ModelReference, UsedModel
    from flowra.model.watch import Listener

__all__ = ["ModelSource", "NodeCancelledError", "RunContext", "RunServices"]


class NodeCancelledError(RunCancelledError):
    """Raised inside a node that asked whether the run was cancelled, when it was."""


class RunServices(Protocol):
    """What an executor gives a context: where reports go and whether to stop."""

    def progress(self, node: str, done: float, total: float | None, text: str) -> None:
        """Report how far a node is."""

    def log(self, node: str, text: str, level: str) -> None:
        """Report a line that a node logged."""

    def preview(self, node: str, value: Any, title: str) -> None:
        """Report a value for people to look at."""

    def cancelled(self) -> bool:
        """Tell whether the run was cancelled."""


class ModelSource(Protocol):
    """What an executor gives a context: where models come from."""

    def get(self, reference: ModelReference, listener: Listener | None = None) -> UsedModel:
        """Return a model, fetched if it was not here."""


class RunContext:
    """What a node may ask of the engine.

    Attributes:
        run_id: The run's id.
        node_id: The node's id in the graph.
    """

    __slots__ = (
        "_abandoned",
        "_models",
        "_origin",
        "_output_dir",
        "_services",
        "_temporary",
        "_used",
        "node_id",
        "run_id",
    )

    def __init__(
        self,
        run_id: str,
        node_id: str,
        output_dir: Path,
        services: RunServices,
        origin: str = "",
        models: ModelSource | None = None,
    ) -> None:
        self.run_id = run_id
        self.node_id = node_id
        self._output_dir = output_dir
        self._services = services
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._abandoned = False
        self._origin = origin or run_id
        self._models = models
        self._used: dict[str, UsedModel] = {}

    @property
    def idempotency_key(self) -> str:
        """A text by which a service knows a request again: the same for each try of this call, resumed or not."""
        return sha256(f"{self._origin}\0{self.node_id}".encode()).hexdigest()

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Report how far the node is.

        Args:
            done: What is done, in the unit of `total`; without a total a fraction in 0..1.
            total: What there is to do.
            text: A few words for people.

        Raises:
            NodeCancelledError: The run was cancelled; let it through.
        """
        self.check_cancelled()
        self._services.progress(self.node_id, _finite(done), None if total is None else _finite(total), str(text))

    def log(self, text: str, level: str = "info") -> None:
        """Log a line that belongs to the node; `level` is debug, info, warning or error."""
        self._services.log(self.node_id, str(text), level)

    def preview(self, value: Any, title: str = "") -> None:
        """Show a value to whoever watches the run. Large values are shrunk; it is never an output."""
        self._services.preview(self.node_id, value, title)

    def model(
        self,
        model: str,
        *,
        revision: str | None = None,
        file: str | None = None,
        files: Iterable[str] = (),
        hub: str | None = None,
    ) -> Path:
        """Return the path of a model, fetching what is not here yet; the run shows how far that is.

        What the node used is noted: where the model's files change, the node's result is computed anew. A model that
        is always the same one is better declared, as `ModelFile` in `InitArgs`. It blocks: an `async` node awaits
        `asyncio.to_thread(context.model, …)`.

        Args:
            model: The model's name at the hub, `org/name`, or a whole reference.
            revision: A tag, a branch or a commit; None for the hub's main branch, which moves.
            file: The one file that is wanted; its path is returned.
            files: The files that are wanted, as paths or patterns; the path of their folder is returned. Without
                `file` and `files`, all are.
            hub: The hub; None for the one in the settings.

        Raises:
            UsageError: The arguments name no model.
            ModelError: The model can't be had; see `flowra.exceptions` for its kinds.
            NodeCancelledError: The run was cancelled; let it through.
        """
        from flowra.model.fetching import reference_to

        found = self.fetch(reference_to(model, revision=revision, file=file, files=files, hub=hub))
        self._used[found.reference] = found
        return found.path

    def fetch(self, reference: ModelReference) -> UsedModel:
        """Fetch a model without noting that the node used it; the engine calls it."""
        if self._models is None:
            from flowra.model.models import Models

            self._models = Models()
        return self._models.get(reference, self)

    def models_used(self) -> Mapping[str, UsedModel]:
        """Return the models that were asked for, by reference; the engine calls it."""
        return dict(self._used)

    def note_models(self, models: Mapping[str, UsedModel]) -> None:
        """Note that the node uses what its instance asked for when it was made; the engine calls it."""
        self._used.update(models)

    def check_cancelled(self) -> None:
        """Raise `NodeCancelledError` if the run was cancelled. Call it in long loops."""
        if self._abandoned or self._services.cancelled():
            raise NodeCancelledError(f"node {self.node_id} was cancelled")

    def abandon(self) -> None:
        """Let the next `check_cancelled` end the call: it ran out of time. The engine calls it."""
        self._abandoned = True

    def handed_on(self) -> tuple[RunServices, Path, str]:
        """Return where reports go, `output_dir` and the first run, for a node's own process; the engine calls it."""
        return self._services, self._output_dir, self._origin

    @property
    def output_dir(self) -> Path:
        """The folder for the files that the run writes for people; relative paths of nodes that save start here."""
        self._output_dir.mkdir(parents=True, exist_ok=True)
        return self._output_dir

    @property
    def temporary_dir(self) -> Path:
        """A folder for this call alone, removed when the node ends."""
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="flowra-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    def close(self) -> None:
        """Remove the temporary folder; the engine calls it when the node has ended."""
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None


def _finite(number: float) -> float:
    """Return a Python number for what may be numpy's, and 0 for what says nothing, as a loss divided by nothing."""
    plain = float(number)
    return plain if math.isfinite(plain) else 0.0
