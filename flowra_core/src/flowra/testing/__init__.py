"""What tests of packs, value types, stores and executors need: fixtures, comparisons and conformance suites.

pytest finds the fixtures by itself (`flowra.testing.pytest_plugin`). The names here are imported when they are first
used, so that a test run that uses none of them does not pay for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowra.testing.executor_suite import ExecutorSuite
    from flowra.testing.hub import FakeHub
    from flowra.testing.media import assert_audio_close, assert_mesh_close
    from flowra.testing.model_hub_suite import ModelHubSuite
    from flowra.testing.object_store_suite import ObjectStoreSuite
    from flowra.testing.pack_suite import PackSuite
    from flowra.testing.pictures import assert_images_close
    from flowra.testing.running import NodeOutputs
    from flowra.testing.store_suite import StoreSuite
    from flowra.testing.value_type_suite import ValueTypeSuite

__all__ = [
    "ExecutorSuite",
    "FakeHub",
    "ModelHubSuite",
    "NodeOutputs",
    "ObjectStoreSuite",
    "PackSuite",
    "StoreSuite",
    "ValueTypeSuite",
    "assert_audio_close",
    "assert_images_close",
    "assert_mesh_close",
]

_HOMES = {
    "ExecutorSuite": "flowra.testing.executor_suite",
    "FakeHub": "flowra.testing.hub",
    "ModelHubSuite": "flowra.testing.model_hub_suite",
    "NodeOutputs": "flowra.testing.running",
    "ObjectStoreSuite": "flowra.testing.object_store_suite",
    "PackSuite": "flowra.testing.pack_suite",
    "StoreSuite": "flowra.testing.store_suite",
    "ValueTypeSuite": "flowra.testing.value_type_suite",
    "assert_audio_close": "flowra.testing.media",
    "assert_images_close": "flowra.testing.pictures",
    "assert_mesh_close": "flowra.testing.media",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
