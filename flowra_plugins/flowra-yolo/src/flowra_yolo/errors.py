"""The error of this pack."""

from __future__ import annotations

from flowra.exceptions import FlowraError

__all__ = ["YoloError"]


class YoloError(FlowraError, ValueError):
    """A model can't be loaded or understood, or is asked for what it can't give; says why and what to do."""
