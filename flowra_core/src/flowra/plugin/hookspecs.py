"""The hooks that a pack answers.

A pack is a distribution with one entry point of the group `flowra`. The entry point's name is the pack's id, and its
value is a small module that imports `flowra.plugin` and nothing else:

```toml
[project.entry-points.flowra]
image = "flowra_image.plugin"
```

Each function of that module that carries `@hookimpl` answers the hook of its name: it takes no argument and returns
an iterable of contributions. A module answers as many hooks as it has something to give to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowra.plugin.markers import hookspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowra.plugin.contributions import (
        CommandEntry,
        ComponentTypeEntry,
        ExecutorEntry,
        Migration,
        ModelHubEntry,
        NodeEntry,
        ObserverEntry,
        StorageEntry,
        TemplateEntry,
        ValueTypeEntry,
    )

__all__ = [
    "flowra_commands",
    "flowra_component_types",
    "flowra_executors",
    "flowra_migrations",
    "flowra_model_hubs",
    "flowra_nodes",
    "flowra_observers",
    "flowra_storage_backends",
    "flowra_templates",
    "flowra_value_types",
]


@hookspec
def flowra_nodes() -> Iterable[NodeEntry]:
    """Contribute node classes; a node's type id is `<pack id>/<name>`.

    Example:
        ```python
        from flowra.plugin import NodeEntry, hookimpl


        @hookimpl
        def flowra_nodes():
            yield NodeEntry("acme_pack.filters:Blur", group="filters", summary="Soften an image.")
            yield NodeEntry("acme_pack.filters:EdgeDetector", name="Edges", group="filters")
        ```
    """
    return ()


@hookspec
def flowra_value_types() -> Iterable[ValueTypeEntry]:
    """Contribute handlers for value types, and value types of the pack's own.

    Example:
        ```python
        from flowra.plugin import ValueTypeEntry, hookimpl


        @hookimpl
        def flowra_value_types():
            yield ValueTypeEntry("Audio", handler="acme_pack.audio:AudioHandler")
            yield ValueTypeEntry("Spectrum", handler="acme_pack.audio:SpectrumHandler", type="acme_pack.audio:Spectrum")
        ```
    """
    return ()


@hookspec
def flowra_component_types() -> Iterable[ComponentTypeEntry]:
    """Contribute component types: further ways to present and edit a port.

    Example:
        ```python
        from flowra.plugin import ComponentTypeEntry, hookimpl


        @hookimpl
        def flowra_component_types():
            return [ComponentTypeEntry("Curve", target="acme_pack.components:Curve")]
        ```
    """
    return ()


@hookspec
def flowra_storage_backends() -> Iterable[StorageEntry]:
    """Contribute storage backends, each for the store addresses of one scheme.

    The target is an `ObjectStore`, called with the address without the options that are the core's; or a `Store`,
    called with the address and `durability`.

    Example:
        ```python
        from flowra.plugin import StorageEntry, hookimpl


        @hookimpl
        def flowra_storage_backends():
            return [StorageEntry("s3", target="acme_pack.storage:S3Storage", summary="S3 and MinIO buckets.")]
        ```
    """
    return ()


@hookspec
def flowra_model_hubs() -> Iterable[ModelHubEntry]:
    """Contribute hubs that models are downloaded from.

    Example:
        ```python
        from flowra.plugin import ModelHubEntry, hookimpl


        @hookimpl
        def flowra_model_hubs():
            return [ModelHubEntry("acme", target="acme_pack.hub:AcmeHub")]
        ```
    """
    return ()


@hookspec
def flowra_executors() -> Iterable[ExecutorEntry]:
    """Contribute executors of physical plans.

    Example:
        ```python
        from flowra.plugin import ExecutorEntry, hookimpl


        @hookimpl
        def flowra_executors():
            return [ExecutorEntry("slurm", target="acme_pack.slurm:SlurmExecutor")]
        ```
    """
    return ()


@hookspec
def flowra_templates() -> Iterable[TemplateEntry]:
    """Contribute cookiecutter templates for `flowra create`.

    Example:
        ```python
        from flowra.plugin import TemplateEntry, hookimpl


        @hookimpl
        def flowra_templates():
            return [
                TemplateEntry(
                    "acme-pack",
                    path_package="acme_pack",
                    path="templates/pack",
                    summary="A node pack the way Acme lays them out.",
                )
            ]
        ```
    """
    return ()


@hookspec
def flowra_commands() -> Iterable[CommandEntry]:
    """Contribute subcommands of `flowra`; each is imported when it is called.

    Example:
        ```python
        from flowra.plugin import CommandEntry, hookimpl


        @hookimpl
        def flowra_commands():
            return [CommandEntry("annotate", target="acme_pack.cli:annotate", summary="Draw boxes on images by hand.")]
        ```
    """
    return ()


@hookspec
def flowra_observers() -> Iterable[ObserverEntry]:
    """Contribute observers, which are told every event of every run.

    Example:
        ```python
        from flowra.plugin import ObserverEntry, hookimpl


        @hookimpl
        def flowra_observers():
            return [ObserverEntry("notifier", target="acme_pack.notify:Notifier")]
        ```
    """
    return ()


@hookspec
def flowra_migrations() -> Iterable[Migration]:
    """Contribute migrations, so that graphs made with an earlier version of a node stay usable.

    Example:
        ```python
        from flowra.plugin import Migration, hookimpl


        @hookimpl
        def flowra_migrations():
            yield Migration("Blur", from_version=1, inputs={"sigma": "radius"})
            yield Migration("Blur", from_version=2, apply="acme_pack.migrations:blur_2_to_3")
        ```
    """
    return ()
