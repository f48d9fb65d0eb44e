"""Hands the client's progress on."""

from __future__ import annotations

from modelscope_hub._download import ProgressCallback

from flowra.model import Watch

__all__ = ["callback_for"]


def callback_for(watch: Watch) -> type[ProgressCallback]:
    """Return the class that the client makes an instance of for each file."""

    class Callback(ProgressCallback):
        def update(self, size: int) -> None:
            watch.advance(size)

    return Callback
