"""A graph as an SVG picture, drawn without any program: cards with their ports, and the links between them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from html import escape
from typing import NamedTuple, TypeAlias

from flowra.dag.graph.draw.lanes import chain_order
from flowra.dag.graph.draw.layout import Box, Edge, Layout, lay_out
from flowra.dag.graph.draw.links import Arrow, arrows
from flowra.dag.graph.draw.words import columns, cut, declared_text, drawable, input_texts
from flowra.dag.graph.model import Graph, GraphNode
from flowra.dag.graph.order import layers
from flowra.exceptions import GraphError

__all__ = ["LARGEST_PICTURE", "Mark", "draw_svg"]

#: The most nodes of a picture; nobody can see more, and no viewer opens it.
LARGEST_PICTURE = 2_000

_Key: TypeAlias = tuple[str, str]

_MARGIN = 28.0
_HEAD = 46.0
_ROW = 19.0
_FOOT = 8.0
_PILL = 40.0
_TITLE = 44.0
_WIDEST_TEXT = 34
_ACCENTS = ("#4f7cff", "#12a594", "#e5484d", "#8e4ec6", "#f5900b", "#30a46c", "#d6409f")

_STYLE = """
svg{font-family:ui-sans-serif,system-ui,"Segoe UI","Noto Sans","Noto Sans CJK SC",sans-serif;font-size:12px}
.page{fill:#f6f7f9}.card{fill:#fff;stroke:#d5d9e0}.pill{fill:#eef1f6;stroke:#c3cad6}
.id{font-weight:600;font-size:13px;fill:#1c2024}.type,.value{fill:#697280}.port{fill:#30363d}
.title{font-weight:600;font-size:16px;fill:#1c2024}.about{fill:#697280}.rule{stroke:#e6e9ee}
.link{fill:none;stroke:#8b96a5;stroke-width:1.6}.back{stroke:#e5484d;stroke-dasharray:5 4}.dot{fill:#8b96a5}
@media(prefers-color-scheme:dark){.page{fill:#15181c}.card{fill:#1f2429;stroke:#3a424c}.pill{fill:#262c33;stroke:#46505c}
.id,.title{fill:#f0f3f6}.type,.value,.about{fill:#98a2b0}.port{fill:#d5dae0}.rule{stroke:#313841}}
"""


class Mark(NamedTuple):
    """How one node of the graph is set apart.

    Attributes:
        colour: The colour of its edge: `#30a46c`.
        href: Where a click on it leads.
        title: What is said when the pointer rests on it.
    """

    colour: str
    href: str
    title: str


def draw_svg(graph: Graph, *, marks: Mapping[str, Mark] | None = None) -> str:
    """Return the text of an SVG picture; each subgraph is drawn below the graph that has it.

    Args:
        graph: The graph.
        marks: Nodes that are set apart, by their id; those of a subgraph are not.

    Raises:
        GraphError: The graph has too many nodes for a picture.
    """
    sections = list(_sections(graph, graph.name or "graph", marks or {}))
    width = max(section.width for section in sections)
    height = sum(section.height for section in sections)
    body = []
    y = 0.0
    for section in sections:
        body.append(f'<g transform="translate(0 {_number(y)})">{section.content}</g>')
        y += section.height
    size = f'width="{_number(width)}" height="{_number(height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_number(width)} {_number(height)}" role="img">'
        f"<title>{escape(drawable(graph.name or 'graph'))}</title><style>{_STYLE}</style>"
        f'<rect class="page" {size}/>{"".join(body)}</svg>\n'
    )


class _Section(NamedTuple):
    content: str
    width: float
    height: float


def _sections(graph: Graph, title: str, marks: Mapping[str, Mark]) -> Iterator[_Section]:
    if len(graph.nodes) > LARGEST_PICTURE:
        why = f"{drawable(title)} has {len(graph.nodes):,} nodes; a picture shows at most {LARGEST_PICTURE:,}"
        raise GraphError("the graph is too large for a picture", why=why, fix="use --as dot with Graphviz's sfdp")
    yield _Picture(graph, marks).section(title)
    for name, inner in graph.subgraphs.items():
        yield from _sections(inner, f"graph/{name}", {})


class _Card:
    """What stands in the box of a node: its id and type, then its inputs on the left and outputs on the right."""

    def __init__(self, node: GraphNode, outputs: list[str], mark: Mark | None) -> None:
        self.node = node
        self.mark = mark
        self.type = cut(node.type, _WIDEST_TEXT)
        self.id = cut(node.id, _WIDEST_TEXT)
        linked = [name for name, sign, _ in input_texts(node) if sign == "←"]
        self.left = [(cut(name, 22), "") for name in linked]
        self.left += [(cut(name, 22), cut(text, 20)) for name, sign, text in input_texts(node) if sign == "="]
        self.right = [cut(name, 22) for name in outputs]
        # Outputs stand beside linked inputs, which have a name only; the rows with values below need the whole width.
        self.input_y = {name: self._row_y(index) for index, name in enumerate(linked)}
        self.output_y = {name: self._row_y(index) for index, name in enumerate(outputs)}
        beside = max(len(linked), len(outputs))
        self.value_rows = [(beside + index, *row) for index, row in enumerate(self.left[len(linked) :])]
        self.left = self.left[: len(linked)]
        rows = beside + len(self.value_rows)
        self.height = _HEAD + rows * _ROW + (_FOOT if rows else 0)
        both = max((_text_width(name) for name, _ in self.left), default=0)
        both += max((_text_width(name) for name in self.right), default=0) + 44
        values = max((_text_width(f"{name}  {value}") for _, name, value in self.value_rows), default=0) + 34
        self.width = max(120.0, _text_width(self.id, 13) + 30, _text_width(self.type) + 30, both, values)

    @staticmethod
    def _row_y(index: int) -> float:
        return _HEAD + index * _ROW + _ROW / 2

    def draw(self, x: float, y: float) -> Iterator[str]:
        accent = _ACCENTS[zlib.crc32(self.node.type.partition("/")[0].encode()) % len(_ACCENTS)]
        width, height = _number(self.width), _number(self.height)
        title = f"{self.node.id}: {self.node.type}"
        yield f'<g transform="translate({_number(x)} {_number(y)})">'
        if self.mark is not None:
            accent, title = self.mark.colour, f"{title}, {self.mark.title}"
            yield f'<a href="{escape(self.mark.href)}">'
        yield f"<title>{escape(title)}</title>"
        yield f'<rect class="card" width="{width}" height="{height}" rx="8"/>'
        if self.mark is not None:
            yield f'<rect width="{width}" height="{height}" rx="8" fill="none" stroke="{accent}" stroke-width="2"/>'
        yield f'<rect x="1" y="10" width="3" height="26" rx="1.5" fill="{accent}"/>'
        yield _text(14, 20, "id", self.id) + _text(14, 36, "type", self.type)
        if self.height > _HEAD:
            yield f'<path class="rule" d="M1 {_number(_HEAD - 2)}H{_number(self.width - 1)}"/>'
        for index, (name, _) in enumerate(self.left):
            yield _text(14, self._row_y(index) + 4, "port", name) + _dot(0, self._row_y(index))
        for index, name in enumerate(self.right):
            yield _text(self.width - 14, self._row_y(index) + 4, "port", name, end=True)
            yield _dot(self.width, self._row_y(index))
        for row, name, value in self.value_rows:
            yield _text(14, self._row_y(row) + 4, "port", name)
            yield _text(self.width - 14, self._row_y(row) + 4, "value", value, end=True)
        yield "</a></g>" if self.mark is not None else "</g>"


class _Pill:
    """The box of an input or output of the graph."""

    def __init__(self, kind: str, name: str, about: str) -> None:
        self.kind, self.name, self.about = kind, cut(name, _WIDEST_TEXT), cut(about, _WIDEST_TEXT)
        self.width = max(70.0, _text_width(self.name, 13) + 36, _text_width(self.about) + 36)
        self.height = _PILL

    def draw(self, x: float, y: float) -> Iterator[str]:
        yield f'<g transform="translate({_number(x)} {_number(y)})">'
        yield f'<rect class="pill" width="{_number(self.width)}" height="{_PILL:g}" rx="{_PILL / 2:g}"/>'
        yield _text(18, 17, "id", self.name) + _text(18, 32, "type", self.about)
        yield _dot(self.width if self.kind == "input" else 0, _PILL / 2) + "</g>"


class _Picture:
    def __init__(self, graph: Graph, marks: Mapping[str, Mark]) -> None:
        self.graph = graph
        self.arrows = list(arrows(graph))
        outputs: dict[str, dict[str, None]] = {node: {} for node in graph.nodes}
        for arrow in self.arrows:
            if arrow.source[0] == "node":
                outputs[arrow.source[1]][arrow.source_port] = None
        self.cards: dict[_Key, _Card | _Pill] = {
            **{("input", each.name): _Pill("input", each.name, declared_text(each)) for each in graph.inputs.values()},
            **{
                ("node", node.id): _Card(node, list(outputs[node.id]), marks.get(node.id))
                for node in graph.nodes.values()
            },
            **{("output", name): _Pill("output", name, "output") for name in graph.outputs},
        }

    def section(self, title: str) -> _Section:
        layout = self._layout()
        about = cut(drawable(self.graph.description), 90)
        head = _text(_MARGIN, 34, "title", cut(drawable(title), 60))
        head_width = _text_width(cut(drawable(title), 60), 16) + _text_width(about) + 20
        if about:
            head += _text(_MARGIN + _text_width(cut(drawable(title), 60), 16) + 14, 34, "about", about)
        parts = [head, f'<g transform="translate({_MARGIN:g} {_MARGIN + _TITLE:g})">']
        for arrow, points in zip(self.arrows, layout.routes, strict=True):
            parts.append(_curve(points, back=points[-1][0] <= points[0][0], arrow=arrow))
        for key, card in self.cards.items():
            parts.extend(card.draw(*layout.places[key]))
        width = max(layout.width, head_width) + 2 * _MARGIN
        return _Section("".join([*parts, "</g>"]), width, layout.height + 2 * _MARGIN + _TITLE)

    def _layout(self) -> Layout[_Key]:
        sources: dict[_Key, list[_Key]] = {key: [] for key in self.cards}
        for arrow in self.arrows:
            sources[arrow.target].append(arrow.source)
        position = {key: index for index, key in enumerate(chain_order(sources))}
        # In a cycle, the links that lead back don't count.
        forward = {key: [each for each in needed if position[each] < position[key]] for key, needed in sources.items()}
        layer_of = layers(forward)
        first_use = {
            source: min(layer_of[key] for key in keys) for source, keys in _turned_round(forward).items() if keys
        }
        for key, layer in first_use.items():
            # What comes from nowhere stands right before what needs it, not at the far left.
            if not forward[key]:
                layer_of[key] = layer - 1
        edges = [self._edge(arrow) for arrow in self.arrows]
        boxes = {key: Box(card.width, card.height) for key, card in self.cards.items()}
        return lay_out(boxes, edges, layer_of)

    def _edge(self, arrow: Arrow) -> Edge[_Key]:
        source, target = self.cards[arrow.source], self.cards[arrow.target]
        start = source.output_y[arrow.source_port] if isinstance(source, _Card) else _PILL / 2
        end = target.input_y[arrow.target_port] if isinstance(target, _Card) else _PILL / 2
        return Edge(arrow.source, start, arrow.target, end)


def _turned_round(sources: dict[_Key, list[_Key]]) -> dict[_Key, list[_Key]]:
    targets: dict[_Key, list[_Key]] = {key: [] for key in sources}
    for key, needed in sources.items():
        for source in needed:
            targets[source].append(key)
    return targets


def _curve(points: list[tuple[float, float]], *, back: bool, arrow: Arrow) -> str:
    (x, y), *rest = points
    path = [f"M{_number(x)} {_number(y)}"]
    for index, (next_x, next_y) in enumerate(rest):
        if index % 2:  # through a layer, from its left to its right
            path.append(f"H{_number(next_x)}")
        else:
            reach = max(abs(next_x - x) / 2, 60.0 if back else 18.0)
            path.append(
                f"C{_number(x + reach)} {_number(y)} {_number(next_x - reach)} {_number(next_y)} "
                f"{_number(next_x)} {_number(next_y)}"
            )
        x, y = next_x, next_y
    title = f"{arrow.source[1]}{'.' + arrow.source_port if arrow.source_port else ''} → {arrow.target[1]}"
    title += f".{arrow.target_port}" if arrow.target_port else ""
    return f'<path class="link{" back" if back else ""}" d="{"".join(path)}"><title>{escape(title)}</title></path>'


def _text(x: float, y: float, kind: str, text: str, *, end: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ""
    return f'<text class="{kind}" x="{_number(x)}" y="{_number(y)}"{anchor}>{escape(text)}</text>'


def _dot(x: float, y: float) -> str:
    return f'<circle class="dot" cx="{_number(x)}" cy="{_number(y)}" r="3.5"/>'


def _text_width(text: str, size: float = 12) -> float:
    # Nobody knows the reader's font: this is a little more than common ones need.
    return columns(text) * size * 0.6


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
