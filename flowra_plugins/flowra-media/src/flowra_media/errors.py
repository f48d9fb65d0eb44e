"""The errors of this pack."""

from __future__ import annotations

from flowra.exceptions import FlowraError

__all__ = ["MediaError", "MediaLimitError", "MissingLibraryError"]


class MediaError(FlowraError, ValueError):
    """Sound, a video, a mesh or a text can't be read, written or worked on as asked; says why and what to do."""


class MediaLimitError(MediaError):
    """A file or a value is larger than the limit that keeps a hostile or mistaken one from filling the memory."""


class MissingLibraryError(MediaError):
    """What was asked for needs a library that is not installed; says which one, and how it is installed."""
