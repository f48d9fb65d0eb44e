"""What a node may ask of the engine while it runs."""

from flowra.dag.context.run_context import NodeCancelledError, RunContext, RunServices

__all__ = ["NodeCancelledError", "RunContext", "RunServices"]
