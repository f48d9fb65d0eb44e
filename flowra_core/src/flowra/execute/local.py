"""The embedded default: runs a plan in this process, with nothing to start and no port open."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from flowra.dag.context import NodeCancelledError, RunContext
from flowra.dag.plan.logical import Constant, NodeOutput, PlannedNode
from flowra.exceptions import NodeFailedError, PluginError
from flowra.execute.executor import Executor, Job, Outcome
from flowra.execute.failure import failed, release_values
from flowra.execute.instances import InstancePool
from flowra.execute.node_call import call_node
from flowra.type.handler import summarize

__all__ = ["LocalExecutor"]


class LocalExecutor(Executor):
    """Runs the nodes of a plan one after the other in this process.

    A node that fails stops what depends on it and nothing else. A value is let go when the last node that takes it
    has run, unless it was asked for.
    """

    def __init__(self) -> None:
        self._pool = InstancePool()

    def execute(self, job: Job) -> Outcome:
        """Run a plan and return what came of it."""
        for node in job.plan.nodes.values():
            job.reporter.queued(node.id, node.type)
        outcome = Outcome()
        values: dict[NodeOutput, Any] = {}
        takers = Counter(source for node in job.plan.nodes.values() for source in set(node.sources()))
        for node in job.plan.nodes.values():
            reason = self._reason_not_to_run(node, job, outcome)
            if reason is None:
                self._run(node, job, outcome, values, takers)
            else:
                outcome.not_run[node.id] = reason
                job.reporter.not_run(node.id, reason)
            for source in set(node.sources()):
                takers[source] -= 1
                if takers[source] == 0:
                    values.pop(source, None)
        return outcome

    def close(self) -> None:
        """Close the warm instances."""
        self._pool.close()

    def _reason_not_to_run(self, node: PlannedNode, job: Job, outcome: Outcome) -> str | None:
        if job.control.cancelled:
            return "the run was cancelled"
        for source in node.sources():
            if source.node in outcome.failures or source.node in outcome.not_run:
                return f"{source.node} gave no {source.port}"
        return None

    def _run(
        self,
        node: PlannedNode,
        job: Job,
        outcome: Outcome,
        values: dict[NodeOutput, Any],
        takers: Counter[NodeOutput],
    ) -> None:
        context = RunContext(job.run_id, node.id, job.output_dir, job.reporter)
        job.reporter.started(node.id, node.type)
        began = time.perf_counter()
        try:
            outputs = self._call(node, job, values, context)
        except NodeFailedError as error:
            release_values(error)
            outcome.failures[node.id] = error
            job.reporter.failed(node.id, error)
            return
        except NodeCancelledError:
            outcome.not_run[node.id] = "the run was cancelled"
            job.reporter.not_run(node.id, outcome.not_run[node.id])
            return
        finally:
            context.close()
        seconds = time.perf_counter() - began
        for port in node.description.outputs:
            output = NodeOutput(node.id, port.name)
            if output in job.wanted:
                outcome.values[output] = outputs[port.name]
            if takers[output]:
                values[output] = outputs[port.name]
        described = {port.name: summarize(outputs[port.name], port.value_type) for port in node.description.outputs}
        job.reporter.succeeded(node.id, seconds, described)

    def _call(self, node: PlannedNode, job: Job, values: dict[NodeOutput, Any], context: RunContext) -> dict[str, Any]:
        inputs = {**node.literals, **{port: _value(binding, values) for port, binding in node.links.items()}}
        try:
            node_class = job.catalog.node_class(node.type)
        except PluginError as error:
            raise failed(node, error, "", {}) from error
        return call_node(node, node_class, inputs, context, self._pool, job.control)


def _value(binding: Any, values: dict[NodeOutput, Any]) -> Any:
    if isinstance(binding, NodeOutput):
        return values[binding]
    if isinstance(binding, Constant):
        return binding.value
    return [_value(item, values) for item in binding]
