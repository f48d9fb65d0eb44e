"""A graph as text for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from flowra.dag.graph.draw.lanes import chain_order, draw_lanes
from flowra.dag.graph.draw.svg import LARGEST_PICTURE
from flowra.dag.graph.draw.words import columns, cut, declared_text, drawable, input_texts
from flowra.dag.graph.model import Graph, GraphNode
from flowra.dag.graph.names import subgraph_name
from flowra.dag.graph.order import cycles, layers, source_ids

__all__ = ["LARGEST_DRAWING", "draw_terminal"]

#: The most nodes that are drawn one by one; larger graphs are summed up.
LARGEST_DRAWING = 200

_WIDEST_LANES = 20
_LONGEST_ID = 24
_MOST_DETAIL_LINES = 4
_MOST_TYPES = 20

Style = Callable[[str, str], str]


def draw_terminal(graph: Graph, *, width: int = 100, style: Style | None = None) -> str:
    """Return a graph as lines of text: its inputs, its nodes with the links between them, its outputs, its subgraphs.

    Args:
        graph: The graph.
        width: The most columns that a line takes.
        style: Colours text for what it is (`"title"`, `"id"`, `"type"`, `"detail"`, `"lane"`, `"warning"`); without
            it the text is plain.
    """
    return "\n".join(_Terminal(width, style or (lambda text, _: text)).graph(graph, graph.name or "graph"))


class _Terminal:
    def __init__(self, width: int, style: Style) -> None:
        self.width = width
        self.style = style

    def graph(self, graph: Graph, title: str) -> Iterator[str]:
        yield self._title(graph, title)
        for label, rows in (
            ("inputs", ((each.name, declared_text(each), each.description) for each in graph.inputs.values())),
            ("outputs", ((name, f"← {link}", "") for name, link in graph.outputs.items())),
        ):
            yield from self._table(label, list(rows))
        sources = source_ids(graph)
        for cycle in cycles(sources)[:1]:
            shown = " → ".join([*cycle[:8], *(["…"] if len(cycle) > 8 else []), cycle[0]])
            yield self.style(cut(f"this graph has a cycle: {shown}", self.width), "warning")
        if graph.nodes:
            yield ""
        if len(graph.nodes) > LARGEST_DRAWING:
            yield from self._summary(graph, sources)
        else:
            yield from self._nodes(graph, sources)
        for name, inner in graph.subgraphs.items():
            yield ""
            yield from self.graph(inner, f"graph/{name}")

    def _title(self, graph: Graph, title: str) -> str:
        count = f"{len(graph.nodes):,} node{'s' if len(graph.nodes) != 1 else ''}"
        about = f" · {drawable(graph.description)}" if graph.description else ""
        shown = cut(drawable(title), self.width * 6 // 10)
        return self.style(shown, "title") + cut(f" · {count}{about}", self.width - columns(shown))

    def _table(self, label: str, rows: list[tuple[str, str, str]]) -> Iterator[str]:
        longest = min(max((len(name) for name, _, _ in rows), default=0), _LONGEST_ID)
        for index, (name, text, about) in enumerate(rows):
            start = f"{label if index == 0 else '':<8} "
            rest = f"{text}  {drawable(about)}".rstrip() if about else text
            shown = f"{cut(name, _LONGEST_ID):<{longest}}"
            room = self.width - len(start) - len(shown) - 2
            yield start + self.style(shown, "id") + "  " + cut(rest, room)

    def _nodes(self, graph: Graph, sources: dict[str, list[str]]) -> Iterator[str]:
        order = chain_order(sources)
        dots = {
            node.id: "◆" if subgraph_name(node.type) else "●" if sources[node.id] else "○"
            for node in graph.nodes.values()
        }
        rows = draw_lanes(order, sources, dots)
        gutter = max((len(each) for row in rows for each in (row.beside, row.below or "")), default=0)
        id_width = min(max(map(len, order), default=0), _LONGEST_ID)
        if gutter > 2 * _WIDEST_LANES:
            yield from self._steps(graph, sources, id_width)
            return
        for row in rows:
            node = graph.nodes[row.node]
            yield self._line(row.beside, gutter, self._name(node, id_width, self.width - gutter - 2))
            details = self._details(node, self.width - gutter - 4)
            if row.below is not None:
                details = details or [""]
                yield self._line(row.below, gutter, f"  {self.style(details.pop(0), 'detail')}")
            for detail in details:
                yield self._line(row.after, gutter, f"  {self.style(detail, 'detail')}")

    def _line(self, lanes: str, gutter: int, text: str) -> str:
        return f"{self.style(f'{lanes:<{gutter}}', 'lane')}  {text}".rstrip()

    def _name(self, node: GraphNode, id_width: int, room: int) -> str:
        shown = f"{cut(node.id, room // 2):<{id_width}}"
        version = f" v{node.version}" if node.version is not None and node.version > 1 else ""
        return self.style(shown, "id") + "  " + self.style(cut(node.type + version, room - len(shown) - 2), "type")

    def _details(self, node: GraphNode, room: int) -> list[str]:
        parts = [f"{cut(name, room // 2)} {sign} {text}" for name, sign, text in input_texts(node)]
        lines = _wrapped(parts, room)
        if len(lines) > _MOST_DETAIL_LINES:
            kept = lines[: _MOST_DETAIL_LINES - 1]
            lines = [*kept, f"… {len(parts)} arguments in all"]
        return lines

    def _steps(self, graph: Graph, sources: dict[str, list[str]], id_width: int) -> Iterator[str]:
        """Yield the nodes by the step at which they can run: for graphs whose lines would leave no room for text."""
        depth = layers(sources)
        last = max(depth.values(), default=0) + 1
        nodes = sorted(graph.nodes.values(), key=lambda node: depth.get(node.id, last))
        shown = -1
        for node in nodes:
            step = depth.get(node.id, last)
            if step != shown:
                shown = step
                yield self.style(f"step {step + 1}" if step < last else "in a cycle, or after one", "title")
            yield "  " + self._name(node, id_width, self.width - 2)
            for detail in self._details(node, self.width - 6):
                yield "      " + self.style(detail, "detail")

    def _summary(self, graph: Graph, sources: dict[str, list[str]]) -> Iterator[str]:
        depth = layers(sources)
        widest = max(Counter(depth.values()).values(), default=0)
        links = sum(map(len, sources.values()))
        used = {source for needed in sources.values() for source in needed}
        starts = [node for node, needed in sources.items() if not needed]
        ends = [node for node in sources if node not in used]
        steps = max(depth.values(), default=-1) + 1
        yield f"{links:,} links · {steps:,} steps deep · at most {widest:,} side by side"
        yield cut(f"starts with {_some(starts)}", self.width)
        yield cut(f"ends with {_some(ends)}", self.width)
        counts = Counter(node.type for node in graph.nodes.values()).most_common()
        digits = len(f"{counts[0][1]:,}")
        for node_type, count in counts[:_MOST_TYPES]:
            yield f"  {count:>{digits},} × {cut(node_type, self.width - digits - 6)}"
        if len(counts) > _MOST_TYPES:
            yield f"  … and {len(counts) - _MOST_TYPES:,} more types"
        forms = "--as svg or --as dot" if len(graph.nodes) <= LARGEST_PICTURE else "--as dot"
        hint = f"more than {LARGEST_DRAWING} nodes are summed up here; {forms} draws them"
        yield self.style(cut(hint, self.width), "warning")


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5:,} more" if len(ids) > 5 else "") if ids else "nothing"


def _wrapped(parts: Iterable[str], room: int) -> list[str]:
    lines: list[str] = []
    for part in parts:
        shown = cut(part, room)
        if lines and columns(lines[-1]) + columns(shown) + 3 <= room:
            lines[-1] += f" · {shown}"
        else:
            lines.append(shown)
    return lines
