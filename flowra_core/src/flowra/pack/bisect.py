"""Finds the packs that break something, by leaving others out and looking again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["culprits"]


def culprits(packs: Sequence[str], works_without: Callable[[frozenset[str]], bool]) -> list[str] | None:
    """Return a smallest set of packs that breaks something when all of them are there (delta debugging).

    Args:
        packs: The packs that may be to blame.
        works_without: Tells whether all is well with these packs left out.

    Returns:
        The packs; an empty list if all is well with every pack there; None if it fails without any of them too.
    """
    everything = frozenset(packs)
    known: dict[frozenset[str], bool] = {}

    def breaks(enabled: Sequence[str]) -> bool:
        left_out = everything - set(enabled)
        if left_out not in known:
            known[left_out] = works_without(left_out)
        return not known[left_out]

    suspects = list(packs)
    if not breaks(suspects):
        return []
    if breaks([]):
        return None
    parts = 2
    while len(suspects) > 1:
        size = -(-len(suspects) // parts)
        chunks = [suspects[start : start + size] for start in range(0, len(suspects), size)]
        rests = [[pack for pack in suspects if pack not in chunk] for chunk in chunks]
        chunk = next((chunk for chunk in chunks if breaks(chunk)), None)
        rest = next((rest for rest in rests if breaks(rest)), None) if chunk is None else None
        if chunk is not None:
            suspects, parts = chunk, 2
        elif rest is not None:
            suspects, parts = rest, max(parts - 1, 2)
        elif parts < len(suspects):
            parts = min(2 * parts, len(suspects))
        else:
            break
    return suspects
