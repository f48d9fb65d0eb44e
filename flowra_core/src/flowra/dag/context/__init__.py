"""What a node may ask of the engine while it runs."""

from flowra.dag.context.run_context import ModelSource, NodeCancelledError, RunContext, RunServices

__all__ = ["ModelSource", "NodeCancelledError", "RunContext", "RunServices"]
