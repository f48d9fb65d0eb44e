"""What this pack contributes. Nothing is imported here but Flowra's plugin interface: code is loaded when used."""

from collections.abc import Iterable

from flowra.plugin import ModelHubEntry, hookimpl


@hookimpl
def flowra_model_hubs() -> Iterable[ModelHubEntry]:
    """Contribute the hub."""
    return [ModelHubEntry(name="huggingface", target="flowra_huggingface.hub:HuggingFaceHub")]
