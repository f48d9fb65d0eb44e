"""A report of a run as one HTML page that needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from flowra.cli.debug.report import NodeReport, RunReport
from flowra.cli.debug.values import ValueReport
from flowra.cli.page import page, picture, player, text
from flowra.cli.run_view.view import duration
from flowra.dag.graph.draw import draw_svg
from flowra.dag.graph.draw.svg import Mark
from flowra.exceptions import GraphError
from flowra.storage.reports import size_in_words

__all__ = ["page_of"]

_COLOURS = {"ran": "#30a46c", "cached": "#0091ff", "resumed": "#0091ff", "failed": "#e5484d", "not run": "#b0a37a"}
#: Plain data of at most so many characters stand in a table, and nothing more is said of them.
_SHORT = 100
_STYLE_ELEMENT = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_STYLE = """
.graph{overflow-x:auto;border:1px solid var(--line);border-radius:10px}
.graph svg{display:block;min-width:100%}
.node{margin:12px 0;padding:14px 16px;background:var(--card);border:1px solid var(--line);border-radius:10px}
.node:target{outline:3px solid #4f7cff}
.head{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:baseline}
.values{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:12px;margin-top:10px}
.value{min-width:0;padding:10px;border:1px solid var(--line);border-radius:8px}
.value img{display:block;max-width:100%;max-height:360px;margin-top:8px;image-rendering:auto;
background:repeating-conic-gradient(#9993 0 25%,transparent 0 50%) 0 0/16px 16px}
.value audio,.value video{display:block;width:100%;max-height:360px;margin-top:8px}
"""


def page_of(report: RunReport) -> str:
    """Return the page of a run, as the text of an HTML file."""
    drawing = _drawing(report)
    body = "".join(
        [
            f"<h1>{text(report.name or 'run')}: {text(report.status)}</h1>",
            f'<p class="soft">{duration(report.seconds)} · run <code>{text(report.id)}</code></p>',
            *(f'<p class="soft">{text(note)}</p>' for note in report.notes),
            f'<div class="graph">{drawing}</div>' if drawing else "",
            "<h2>Nodes</h2>",
            _table(report),
            *map(_node, report.nodes),
            f'<p class="soft">… and {report.hidden:,} more calls</p>' if report.hidden else "",
        ]
    )
    title = f"{report.name or 'run'}: {report.status}"
    return page(title, body, _STYLE, inner_styles=_STYLE_ELEMENT.findall(drawing))


def _drawing(report: RunReport) -> str:
    """Return the graph, each node in the colour of what came of it; nothing for a graph that is too large."""
    marks: dict[str, Mark] = {}
    for node in report.nodes:
        # Of the items of a list, one that failed is what the colour is for.
        if node.node not in marks or node.status == "failed":
            marks[node.node] = Mark(_COLOURS[node.status], f"#{_anchor(node.name)}", node.status)
    try:
        return draw_svg(report.graph, marks=marks)
    except GraphError:
        return ""


def _table(report: RunReport) -> str:
    longest = max((node.seconds or 0.0 for node in report.nodes), default=0.0)
    rows = [
        f'<tr><td><a href="#{_anchor(node.name)}">{text(node.name)}</a></td><td>{text(node.type)}</td>'
        f"<td>{_status(node)}</td>"
        f'<td class="number">{duration(node.seconds) if node.seconds is not None else ""}</td>'
        f'<td><meter min="0" max="{longest or 1:.6f}" value="{node.seconds or 0.0:.6f}"></meter></td>'
        f'<td class="number">{size_in_words(node.peak) if node.peak is not None else ""}</td>'
        f"<td>{text(node.why or str(node.error.get('why') or ''))}</td></tr>"
        for node in report.nodes
    ]
    return (
        '<table><thead><tr><th>node</th><th>type</th><th>status</th><th class="number">took</th><th></th>'
        '<th class="number">memory</th><th>why</th></tr></thead><tbody>' + "".join(rows) + "</tbody></table>"
    )


def _node(node: NodeReport) -> str:
    parts = [
        f'<section class="node" id="{_anchor(node.name)}"><div class="head"><h3>{text(node.name)}</h3>',
        f'<span class="soft">{text(node.type)}</span>{_status(node)}',
        f'<span class="soft">{duration(node.seconds)}</span>' if node.seconds is not None else "",
        "</div>",
        f'<p class="soft">{text(node.why)}</p>' if node.why else "",
        *(f"<pre>{text(reason)}</pre>" for reason in node.reasons),
        *_error(node),
        *_values("Inputs", node.inputs),
        *_values("Outputs", node.outputs),
        *_logs(node),
        *_profile(node),
        "</section>",
    ]
    return "".join(parts)


def _error(node: NodeReport) -> Iterator[str]:
    if not node.error:
        return
    yield f'<div class="error"><strong>{text(str(node.error.get("what") or ""))}</strong>'
    for label in ("where", "why", "fix"):
        if said := node.error.get(label):
            yield f"<div>{label}: {text(str(said))}</div>"
    if node.replay:
        yield f"<div>debug: <code>{text(node.replay)}</code></div>"
    if trace := node.error.get("traceback"):
        yield f"<details open><summary>traceback</summary><pre>{text(str(trace))}</pre></details>"
    yield "</div>"


def _values(heading: str, values: tuple[ValueReport, ...]) -> Iterator[str]:
    if not values:
        return
    yield f'<details open><summary>{heading}</summary><div class="values">'
    plain = [value for value in values if value.png is None and not value.facts() and len(value.text) <= _SHORT]
    if plain:
        rows = [
            f"<tr><td><strong>{text(value.port)}</strong></td><td>{text(_whole(value))}</td>"
            f'<td class="soft">{text(value.type)}</td></tr>'
            for value in plain
        ]
        yield f'<div class="value"><table>{"".join(rows)}</table></div>'
    for value in values:
        if value in plain:
            continue
        yield f'<div class="value"><strong>{text(value.port)}</strong> <span class="soft">{text(value.type)}</span>'
        yield f"<div>{text(value.summary)}</div>"
        facts = [*value.facts(), *([f"sha256 {value.digest}"] if value.digest else [])]
        if facts:
            yield f'<div class="soft"><code>{text(", ".join(facts))}</code></div>'
        if value.png is not None:
            yield picture(value.png, f"{value.port}: {value.summary}")
        if value.played is not None:
            yield player(*value.played)
        if value.text and value.text != value.summary:
            yield f"<pre>{text(value.text)}</pre>"
        yield "</div>"
    yield "</div></details>"


def _whole(value: ValueReport) -> str:
    """Return the line that says what a short value is; its text, where the line was cut."""
    return value.text if value.text and value.summary.endswith("…") else value.summary


def _logs(node: NodeReport) -> Iterator[str]:
    if node.logs:
        yield f"<details><summary>{len(node.logs)} lines of log</summary><pre>"
        yield text("\n".join(node.logs))
        yield "</pre></details>"


def _profile(node: NodeReport) -> Iterator[str]:
    if not node.measured.profile:
        return
    yield '<details><summary>profile</summary><table><thead><tr><th>function</th><th class="number">calls</th>'
    yield '<th class="number">in it and below</th><th class="number">in itself</th></tr></thead><tbody>'
    for row in node.measured.profile:
        yield f'<tr><td><code>{text(row.function)}</code></td><td class="number">{row.calls:,}</td>'
        yield f'<td class="number">{row.cumulative:.3f} s</td><td class="number">{row.own:.3f} s</td></tr>'
    yield "</tbody></table></details>"


def _status(node: NodeReport) -> str:
    kind = "skipped" if node.status == "not run" else node.status
    return f'<span class="status {kind}">{node.status}</span>'


def _anchor(name: str) -> str:
    return f"node-{quote(name.encode('utf-8', 'backslashreplace'), safe='')}".replace("%", "_")
