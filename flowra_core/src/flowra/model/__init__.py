"""Models from hubs: ModelScope, Hugging Face and whatever packs bring, fetched once on a machine and checked.

```python
from flowra.model import download

path = download("org/name", revision="v1.0", file="model.onnx")
```
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowra.model.fetching import download
    from flowra.model.hub import ModelHub, RemoteFile, Snapshot, Watch
    from flowra.model.models import ModelIdentity, Models, UsedModel
    from flowra.type.component.model_file import ModelFile
    from flowra.type.model_reference import ModelReference

__all__ = [
    "ModelFile",
    "ModelHub",
    "ModelIdentity",
    "ModelReference",
    "Models",
    "RemoteFile",
    "Snapshot",
    "UsedModel",
    "Watch",
    "download",
]

_HOMES = {
    "ModelFile": "flowra.type.component.model_file",
    "ModelHub": "flowra.model.hub",
    "ModelIdentity": "flowra.model.models",
    "ModelReference": "flowra.type.model_reference",
    "Models": "flowra.model.models",
    "RemoteFile": "flowra.model.hub",
    "Snapshot": "flowra.model.hub",
    "UsedModel": "flowra.model.models",
    "Watch": "flowra.model.hub",
    "download": "flowra.model.fetching",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
