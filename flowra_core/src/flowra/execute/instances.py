"""Node instances, made once for each class and `InitArgs` and kept warm."""

from __future__ import annotations

import warnings

from flowra.dag.context import RunContext
from flowra.dag.node import BaseArgs, Node

__all__ = ["InstancePool"]


class InstancePool:
    """The node instances of a session: `init` is called when one is made, `close` when the pool is closed."""

    def __init__(self) -> None:
        self._instances: dict[tuple[type[Node], str], Node] = {}

    def get(self, node_class: type[Node], args: BaseArgs, context: RunContext) -> Node:
        """Return the instance for a class and its `InitArgs`, making it if there is none yet.

        An instance whose `init` raised is not kept.
        """
        key = (node_class, args.sha256)
        instance = self._instances.get(key)
        if instance is None:
            instance = node_class()
            instance.init(context, args)
            self._instances[key] = instance
        return instance

    def close(self) -> None:
        """Close every instance; one that fails to close is warned of, and the others are closed all the same."""
        failures = []
        while self._instances:
            (node_class, _), instance = self._instances.popitem()
            try:
                instance.close()
            except (Exception, SystemExit) as error:  # noqa: BLE001  a pack's mistake must not keep the others open
                failures.append(f"node {node_class.type_id()} failed to close: {type(error).__name__}: {error}")
        for failure in failures:
            warnings.warn(failure, RuntimeWarning, stacklevel=2)
