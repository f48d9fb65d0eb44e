"""Hands the client's progress on."""

from __future__ import annotations

from typing import Any

from huggingface_hub.utils.tqdm import tqdm

from flowra.model import Watch

__all__ = ["bar_for"]


def bar_for(watch: Watch) -> type[tqdm]:
    """Return the class of progress bar that the client makes an instance of for each file: it draws nothing."""

    class Bar(tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "disable": True})  # type: ignore[no-untyped-call]
            watch.advance(int(options.get("initial") or 0))

        def update(self, n: float | None = 1) -> bool | None:
            watch.advance(int(n or 0))
            return None

    return Bar
