"""What calls fail with that a cluster could not make."""

from __future__ import annotations

from typing import Any

from flowra.dag.plan.logical import PlannedNode
from flowra.exceptions import NodeFailedError, NodeLostError
from flowra.execute.cluster.members import Member

__all__ = ["effects_lost", "given_up", "invalid_call"]


def invalid_call(node: PlannedNode, reason: str) -> NodeFailedError:
    """Return the error for a call that can't be made on a worker."""
    return NodeFailedError(
        f"node {node.id} can't run on the cluster",
        node=node.id,
        type=node.type,
        where=node.type,
        why=reason,
        fix="give it plain data, or a value type that a pack can store; put its class into a module that workers have",
    )


def effects_lost(node: PlannedNode, member: Member) -> NodeLostError:
    """Return the error for a node with effects that may have begun on a worker that is lost."""
    return _lost(
        member,
        f"node {node.id} was lost with its worker, and is not run a second time",
        node=node.id,
        type=node.type,
        where=f"worker {member.name}",
        why="it changes something outside (effects), and may have done so before the worker was lost",
        fix="see what it has done, then: flowra run --resume (context.idempotency_key is the same then); "
        "if doing it twice is harmless, idempotent = True in the class",
    )


def given_up(node: PlannedNode, losses: int, member: Member) -> NodeLostError:
    """Return the error for a node that takes its workers along."""
    return _lost(
        member,
        f"node {node.id} was lost with its worker {losses} times",
        node=node.id,
        type=node.type,
        where=f"worker {member.name}, the last of them",
        why="each worker that had it ended meanwhile, or was no longer heard of",
        fix='if it crashes or takes too much memory, run it in a process of its own: isolation = "process"',
    )


def _lost(member: Member, what: str, **about: Any) -> NodeLostError:
    error = NodeLostError(what, **about)
    error.worker = member.name
    return error
