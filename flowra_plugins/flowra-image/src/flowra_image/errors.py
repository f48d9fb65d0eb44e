"""The error of this pack."""

from __future__ import annotations

from flowra.exceptions import FlowraError

__all__ = ["ImageError"]


class ImageError(FlowraError, ValueError):
    """A picture can't be read, written or worked on as asked; says why and what to do."""
