"""Keys: SHA-256 digests that name "this node class, this code, these inputs"; the same key, the same result."""

from flowra.dag.key.explain import differences
from flowra.dag.key.keyer import Keyer
from flowra.dag.key.literals import holds_paths
from flowra.dag.key.parts import KEY_FORMAT, ActionKey, InputDigest, StaticPart, Unkeyable

__all__ = ["KEY_FORMAT", "ActionKey", "InputDigest", "Keyer", "StaticPart", "Unkeyable", "differences", "holds_paths"]
