"""Takes the lists apart that a node maps over, and puts its results together again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowra.execute.values import Ended, Failed, Many, Value

__all__ = ["LengthsDifferError", "gather", "pick", "split"]


class LengthsDifferError(ValueError):
    """Lists that a node maps over together have different lengths."""


def split(
    inputs: Mapping[str, Any], depths: Mapping[str, int]
) -> tuple[list[tuple[tuple[int, ...], dict[str, Any]]], Any] | Ended | Failed:
    """Return the inputs of each call of a node that maps, with its position, and how the calls lie in lists.

    Args:
        inputs: The node's inputs by port: literals, or values of which those that are mapped over are `Many`.
        depths: Over how many levels of lists the node maps, by port.

    Returns:
        The calls and their shape (a call's number, or a list of shapes); or what stands for a whole list that is not
        there.

    Raises:
        LengthsDifferError: Two lists of one level differ in length.
    """
    calls: list[tuple[tuple[int, ...], dict[str, Any]]] = []
    shape = _split(dict(inputs), dict(depths), (), calls)
    return shape if isinstance(shape, (Ended, Failed)) else (calls, shape)


def _split(
    inputs: dict[str, Any],
    depths: dict[str, int],
    item: tuple[int, ...],
    calls: list[tuple[tuple[int, ...], dict[str, Any]]],
) -> Any:
    mapped = {port: inputs[port] for port, depth in depths.items() if depth > 0}
    if not mapped:
        calls.append((item, inputs))
        return len(calls) - 1
    absent = [value for value in mapped.values() if isinstance(value, (Ended, Failed))]
    if absent:
        if not item:
            return next((value for value in absent if isinstance(value, Failed)), absent[0])
        # Below the first level it is one item that is missing; its call says so.
        calls.append((item, inputs))
        return len(calls) - 1
    lengths = {port: len(_items(value)) for port, value in mapped.items()}
    if len(set(lengths.values())) > 1:
        where = f"item {''.join(f'[{index}]' for index in item)}: " if item else ""
        raise LengthsDifferError(
            f"{where}lists that are mapped over together differ in length: "
            + ", ".join(f"{port} has {length}" for port, length in lengths.items())
        )
    inner = {port: depth - 1 for port, depth in depths.items()}
    return [
        _split(
            {**inputs, **{port: _items(value)[index] for port, value in mapped.items()}}, inner, (*item, index), calls
        )
        for index in range(next(iter(lengths.values())))
    ]


def _items(value: Any) -> list[Any]:
    return value.items if isinstance(value, Many) else value


def gather(results: list[Mapping[str, Value]], shape: Any, port: str) -> Value:
    """Return one output of a node that mapped: the results of its calls, in the shape of the lists."""
    if isinstance(shape, int):
        return results[shape][port]
    return Many([gather(results, each, port) for each in shape])


def pick(value: Any, item: tuple[int, ...], depth: int) -> Any:
    """Return what an input that was computed late holds for one item.

    Raises:
        LengthsDifferError: There is no such item.
    """
    for index in item[:depth]:
        if isinstance(value, (Ended, Failed)):
            return value
        items = _items(value)
        if index >= len(items):
            raise LengthsDifferError(
                f"a list that is mapped over has {len(items)} items, and item {index} is asked for"
            )
        value = items[index]
    return value
