"""Where things go in a drawing from left to right: a layered layout (Sugiyama, Tagawa and Toda 1981).

Boxes are put in layers so that arrows lead to the right, ordered within their layer so that few arrows cross
(barycentres), and moved up and down to where their arrows are straight, which for a given order is an isotonic
regression. No well-kept Python library does this without a program or a large dependency behind it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Box", "Edge", "Layout", "lay_out"]

K = TypeVar("K", bound=Hashable)

_GAP_X = 72.0
_GAP_Y = 22.0
_BEND_GAP = 10.0
_SWEEPS = 12

# An edge over more layers than this is drawn straight across: bends for each layer of each would fill the memory.
_LONGEST_ROUTE = 30


class Box(NamedTuple):
    """The size of a box, in pixels."""

    width: float
    height: float


@dataclass(frozen=True)
class Edge(Generic[K]):
    """An arrow from a point on the right side of a box to one on the left side of another.

    Attributes:
        source: The box that it starts from.
        start: How far below the top of that box, in pixels.
        target: The box that it leads to.
        end: How far below the top of that box, in pixels.
    """

    source: K
    start: float
    target: K
    end: float


@dataclass(frozen=True)
class Layout(Generic[K]):
    """The finished layout.

    Attributes:
        places: The top left corner of each box.
        routes: The points of each edge, from left to right, in the order of the edges.
        width: Width of the whole, in pixels.
        height: Height of the whole, in pixels.
    """

    places: Mapping[K, tuple[float, float]]
    routes: list[list[tuple[float, float]]]
    width: float
    height: float


class _Cell:
    """A box in its layer, or the bend of an edge that passes through the layer."""

    __slots__ = ("before", "box", "height", "key", "layer", "next", "rank", "y")

    def __init__(self, key: object, layer: int, height: float, *, box: bool) -> None:
        self.key = key
        self.layer = layer
        self.height = height
        self.box = box
        self.y = 0.0
        self.rank = 0
        # The cells that edges come from and lead to: (other, offset there, offset here).
        self.before: list[tuple[_Cell, float, float]] = []
        self.next: list[tuple[_Cell, float, float]] = []


def lay_out(boxes: Mapping[K, Box], edges: Iterable[Edge[K]], layer_of: Mapping[K, int]) -> Layout[K]:
    """Lay out boxes.

    Args:
        boxes: The size of each box, in the order in which they are put where nothing else decides.
        edges: The arrows between them; those that lead to the left are not made room for.
        layer_of: The layer of each box, from 0 on.
    """
    edges = list(edges)
    cells = {key: _Cell(key, layer_of[key], box.height, box=True) for key, box in boxes.items()}
    layers: list[list[_Cell]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    for cell in cells.values():
        layers[cell.layer].append(cell)
    routed = _route(edges, cells, layers)
    _order(layers)
    _move(layers)
    return _finish(boxes, edges, cells, layers, routed)


def _route(edges: list[Edge[K]], cells: Mapping[K, _Cell], layers: list[list[_Cell]]) -> list[list[_Cell]]:
    """Connect the cells, with bends in the layers that an edge passes; edges from one point share their bends."""
    bends: dict[tuple[K, float, int], _Cell] = {}
    routed = []
    for edge in edges:
        source, target = cells[edge.source], cells[edge.target]
        path: list[_Cell] = []
        last, offset = source, edge.start
        if 0 < target.layer - source.layer <= _LONGEST_ROUTE:
            for layer in range(source.layer + 1, target.layer):
                bend = bends.get((edge.source, edge.start, layer))
                if bend is None:
                    bend = bends[edge.source, edge.start, layer] = _Cell(edge, layer, 0.0, box=False)
                    layers[layer].append(bend)
                    _connect(last, offset, bend, 0.0)
                path.append(bend)
                last, offset = bend, 0.0
            _connect(last, offset, target, edge.end)
        routed.append(path)
    return routed


def _connect(source: _Cell, start: float, target: _Cell, end: float) -> None:
    source.next.append((target, end, start))
    target.before.append((source, start, end))


def _order(layers: list[list[_Cell]]) -> None:
    best, fewest = [list(layer) for layer in layers], _crossings(layers)
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        forward = sweep % 2 == 0
        for layer in layers if forward else reversed(layers):
            keys = {id(cell): _barycentre(cell, forward=forward) for cell in layer}
            layer.sort(key=lambda cell: keys[id(cell)])
            _rank(layer)
        crossings = _crossings(layers)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best


def _rank(layer: list[_Cell]) -> None:
    for index, cell in enumerate(layer):
        cell.rank = index


def _barycentre(cell: _Cell, *, forward: bool) -> float:
    neighbours = cell.before if forward else cell.next
    if not neighbours:
        return float(cell.rank)
    # The offset tells edges to different ports of one box apart.
    return sum(each.rank + offset / (each.height + 1) for each, offset, _ in neighbours) / len(neighbours)


def _crossings(layers: list[list[_Cell]]) -> int:
    for layer in layers:
        _rank(layer)
    total = 0
    for layer in layers[:-1]:
        ends = [
            (target.rank, end)
            for cell in layer
            for target, end, _ in sorted(cell.next, key=lambda each: (each[2], each[0].rank, each[1]))
        ]
        total += _inversions(ends)
    return total


def _inversions(items: list[tuple[int, float]]) -> int:
    """Count the pairs in the wrong order, by merging."""
    count, size, source = 0, 1, items
    while size < len(source):
        merged: list[tuple[int, float]] = []
        for start in range(0, len(source), 2 * size):
            left, right = source[start : start + size], source[start + size : start + 2 * size]
            i = j = 0
            while i < len(left) and j < len(right):
                if right[j] < left[i]:
                    merged.append(right[j])
                    count += len(left) - i
                    j += 1
                else:
                    merged.append(left[i])
                    i += 1
            merged += left[i:] + right[j:]
        source, size = merged, 2 * size
    return count


def _move(layers: list[list[_Cell]]) -> None:
    for layer in layers:
        _settle(layer, [0.0] * len(layer))
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for layer in layers if forward else reversed(layers):
            both = sweep >= _SWEEPS - 2
            _settle(layer, [_wanted(cell, forward=forward, both=both) for cell in layer])


def _wanted(cell: _Cell, *, forward: bool, both: bool) -> float:
    """Return where the top of a cell would have its arrows straight."""
    neighbours = cell.before + cell.next if both else cell.before if forward else cell.next
    if not neighbours:
        return cell.y
    return sum(other.y + there - here for other, there, here in neighbours) / len(neighbours)


def _settle(layer: list[_Cell], wanted: list[float]) -> None:
    """Move the cells of a layer as near as can be to where they want to be, in order and without overlaps.

    Least squares under "each at least so far below the one before" is an isotonic regression, which pooling adjacent
    violators solves exactly.
    """
    blocks: list[tuple[float, int]] = []  # sum of wanted places, number of cells
    offsets, offset = [], 0.0
    for index, cell in enumerate(layer):
        offsets.append(offset)
        offset += cell.height + (_GAP_Y if cell.box or (index + 1 < len(layer) and layer[index + 1].box) else _BEND_GAP)
        total, count = wanted[index] - offsets[index], 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            before = blocks.pop()
            total, count = total + before[0], count + before[1]
        blocks.append((total, count))
    places = [total / count for total, count in blocks for _ in range(count)]
    for cell, place, extra in zip(layer, places, offsets, strict=True):
        cell.y = place + extra


def _finish(
    boxes: Mapping[K, Box],
    edges: list[Edge[K]],
    cells: Mapping[K, _Cell],
    layers: list[list[_Cell]],
    routed: list[list[_Cell]],
) -> Layout[K]:
    widths = [0.0] * len(layers)
    for key, box in boxes.items():
        widths[cells[key].layer] = max(widths[cells[key].layer], box.width)
    lefts, x = [], 0.0
    for width in widths:
        lefts.append(x)
        x += width + _GAP_X
    top = min((cell.y for layer in layers for cell in layer), default=0.0)
    bottom = max((cell.y + cell.height for layer in layers for cell in layer), default=0.0)
    places = {}
    for key, box in boxes.items():
        cell = cells[key]
        places[key] = (lefts[cell.layer] + (widths[cell.layer] - box.width) / 2, cell.y - top)
    routes = []
    for edge, bends in zip(edges, routed, strict=True):
        (source_x, source_y), (target_x, target_y) = places[edge.source], places[edge.target]
        points = [(source_x + boxes[edge.source].width, source_y + edge.start)]
        for bend in bends:
            points.append((lefts[bend.layer], bend.y - top))
            points.append((lefts[bend.layer] + widths[bend.layer], bend.y - top))
        points.append((target_x, target_y + edge.end))
        routes.append(points)
    return Layout(places, routes, max(x - _GAP_X, 0.0), bottom - top)
