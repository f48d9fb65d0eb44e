"""A model hub on loopback, for tests: it speaks as ModelScope and Hugging Face do, so that their real clients run."""

from flowra.testing.hub.server import FakeHub

__all__ = ["FakeHub"]
