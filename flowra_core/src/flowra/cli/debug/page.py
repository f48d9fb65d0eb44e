"""A report of a run as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.

Everything that a value, a node or a file says is escaped, and a content security policy keeps the browser from running
or fetching anything, should something get past that.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from html import escape
from urllib.parse import quote

from flowra.cli.cache import size_in_words
from flowra.cli.debug.report import NodeReport, RunReport
from flowra.cli.debug.values import ValueReport
from flowra.cli.run_view.view import duration
from flowra.dag.graph.draw import draw_svg
from flowra.dag.graph.draw.svg import Mark
from flowra.exceptions import GraphError
from flowra.version import VERSION

__all__ = ["page_of"]

_COLOURS = {"ran": "#30a46c", "cached": "#0091ff", "resumed": "#0091ff", "failed": "#e5484d", "not run": "#b0a37a"}
#: Plain data of at most so many characters stand in a table, and nothing more is said of them.
_SHORT = 100
_STYLE_ELEMENT = re.compile(r"<style>(.*?)</style>", re.DOTALL)
#: What must not stand in a page: it could end a line of the browser's display, or can't be written as UTF-8.
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

_STYLE = """
:root{color-scheme:light dark;--text:#1c2024;--soft:#60646c;--line:#d9dde3;--card:#fff;--page:#f6f7f9;--code:#f0f2f5}
@media(prefers-color-scheme:dark){:root{--text:#edeef0;--soft:#a5abb5;--line:#363c44;--card:#1f2429;--page:#15181c;
--code:#262c33}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1200px;padding:24px;background:var(--page);color:var(--text);
font:15px/1.5 ui-sans-serif,system-ui,"Segoe UI","Noto Sans","Noto Sans CJK SC",sans-serif}
h1{margin:0 0 4px;font-size:24px}h2{margin:28px 0 8px;font-size:18px}h3{margin:0;font-size:16px}
.soft{color:var(--soft)}.graph{overflow-x:auto;border:1px solid var(--line);border-radius:10px}
.graph svg{display:block;min-width:100%}
table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:600}
th,td{padding:4px 12px 4px 0;vertical-align:top;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
td.number,th.number{text-align:right;white-space:nowrap}
.node{margin:12px 0;padding:14px 16px;background:var(--card);border:1px solid var(--line);border-radius:10px}
.node:target{outline:3px solid #4f7cff}
.head{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:baseline}
.status{padding:0 8px;border-radius:99px;color:#fff;font-size:13px;font-weight:600}
.ran{background:#218358}.cached,.resumed{background:#006adc}.failed{background:#ce2c31}.skipped{background:#7d6f3f}
.values{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:12px;margin-top:10px}
.value{min-width:0;padding:10px;border:1px solid var(--line);border-radius:8px}
.value img{display:block;max-width:100%;max-height:360px;margin-top:8px;image-rendering:auto;
background:repeating-conic-gradient(#9993 0 25%,transparent 0 50%) 0 0/16px 16px}
code{overflow-wrap:anywhere}
pre,code{font:13px/1.45 ui-monospace,"SFMono-Regular",Menlo,Consolas,monospace}
pre{margin:8px 0 0;padding:10px;overflow:auto;max-height:420px;background:var(--code);border-radius:6px;
white-space:pre-wrap;overflow-wrap:anywhere}
.error{border-left:4px solid #e5484d;padding-left:12px;margin-top:10px}
summary{cursor:pointer}details{margin-top:8px}
a{color:inherit}
"""


def page_of(report: RunReport) -> str:
    """Return the page of a run, as the text of an HTML file."""
    drawing = _drawing(report)
    styles = [_STYLE, *_STYLE_ELEMENT.findall(drawing)]
    hashes = " ".join(f"'sha256-{_hash(style)}'" for style in styles)
    policy = f"default-src 'none'; img-src data:; style-src {hashes}; base-uri 'none'; form-action 'none'"
    body = "".join(
        [
            f"<h1>{_text(report.name or 'run')}: {_text(report.status)}</h1>",
            f'<p class="soft">{duration(report.seconds)} · run <code>{_text(report.id)}</code></p>',
            *(f'<p class="soft">{_text(note)}</p>' for note in report.notes),
            f'<div class="graph">{drawing}</div>' if drawing else "",
            "<h2>Nodes</h2>",
            _table(report),
            *map(_node, report.nodes),
            f'<p class="soft">… and {report.hidden:,} more calls</p>' if report.hidden else "",
            f'<p class="soft">Written by Flowra {VERSION}</p>',
        ]
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(report.name or 'run')}: {_text(report.status)}</title><style>{_STYLE}</style></head>"
        f"<body>{body}</body></html>\n"
    )


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
        f'<tr><td><a href="#{_anchor(node.name)}">{_text(node.name)}</a></td><td>{_text(node.type)}</td>'
        f"<td>{_status(node)}</td>"
        f'<td class="number">{duration(node.seconds) if node.seconds is not None else ""}</td>'
        f'<td><meter min="0" max="{longest or 1:.6f}" value="{node.seconds or 0.0:.6f}"></meter></td>'
        f'<td class="number">{size_in_words(node.peak) if node.peak is not None else ""}</td>'
        f"<td>{_text(node.why or str(node.error.get('why') or ''))}</td></tr>"
        for node in report.nodes
    ]
    return (
        '<table><thead><tr><th>node</th><th>type</th><th>status</th><th class="number">took</th><th></th>'
        '<th class="number">memory</th><th>why</th></tr></thead><tbody>' + "".join(rows) + "</tbody></table>"
    )


def _node(node: NodeReport) -> str:
    parts = [
        f'<section class="node" id="{_anchor(node.name)}"><div class="head"><h3>{_text(node.name)}</h3>',
        f'<span class="soft">{_text(node.type)}</span>{_status(node)}',
        f'<span class="soft">{duration(node.seconds)}</span>' if node.seconds is not None else "",
        "</div>",
        f'<p class="soft">{_text(node.why)}</p>' if node.why else "",
        *(f"<pre>{_text(reason)}</pre>" for reason in node.reasons),
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
    yield f'<div class="error"><strong>{_text(str(node.error.get("what") or ""))}</strong>'
    for label in ("where", "why", "fix"):
        if said := node.error.get(label):
            yield f"<div>{label}: {_text(str(said))}</div>"
    if node.replay:
        yield f"<div>debug: <code>{_text(node.replay)}</code></div>"
    if trace := node.error.get("traceback"):
        yield f"<details open><summary>traceback</summary><pre>{_text(str(trace))}</pre></details>"
    yield "</div>"


def _values(heading: str, values: tuple[ValueReport, ...]) -> Iterator[str]:
    if not values:
        return
    yield f'<details open><summary>{heading}</summary><div class="values">'
    plain = [value for value in values if value.png is None and not value.facts() and len(value.text) <= _SHORT]
    if plain:
        rows = [
            f"<tr><td><strong>{_text(value.port)}</strong></td><td>{_text(_whole(value))}</td>"
            f'<td class="soft">{_text(value.type)}</td></tr>'
            for value in plain
        ]
        yield f'<div class="value"><table>{"".join(rows)}</table></div>'
    for value in values:
        if value in plain:
            continue
        yield f'<div class="value"><strong>{_text(value.port)}</strong> <span class="soft">{_text(value.type)}</span>'
        yield f"<div>{_text(value.summary)}</div>"
        facts = [*value.facts(), *([f"sha256 {value.digest}"] if value.digest else [])]
        if facts:
            yield f'<div class="soft"><code>{_text(", ".join(facts))}</code></div>'
        if value.png is not None:
            data = base64.b64encode(value.png).decode()
            yield f'<img alt="{_text(f"{value.port}: {value.summary}")}" src="data:image/png;base64,{data}">'
        if value.text and value.text != value.summary:
            yield f"<pre>{_text(value.text)}</pre>"
        yield "</div>"
    yield "</div></details>"


def _whole(value: ValueReport) -> str:
    """Return the line that says what a short value is; its text, where the line was cut."""
    return value.text if value.text and value.summary.endswith("…") else value.summary


def _logs(node: NodeReport) -> Iterator[str]:
    if node.logs:
        yield f"<details><summary>{len(node.logs)} lines of log</summary><pre>"
        yield _text("\n".join(node.logs))
        yield "</pre></details>"


def _profile(node: NodeReport) -> Iterator[str]:
    if not node.measured.profile:
        return
    yield '<details><summary>profile</summary><table><thead><tr><th>function</th><th class="number">calls</th>'
    yield '<th class="number">in it and below</th><th class="number">in itself</th></tr></thead><tbody>'
    for row in node.measured.profile:
        yield f'<tr><td><code>{_text(row.function)}</code></td><td class="number">{row.calls:,}</td>'
        yield f'<td class="number">{row.cumulative:.3f} s</td><td class="number">{row.own:.3f} s</td></tr>'
    yield "</tbody></table></details>"


def _status(node: NodeReport) -> str:
    kind = "skipped" if node.status == "not run" else node.status
    return f'<span class="status {kind}">{node.status}</span>'


def _anchor(name: str) -> str:
    return f"node-{quote(name.encode('utf-8', 'backslashreplace'), safe='')}".replace("%", "_")


def _text(text: str) -> str:
    """Return a text as it stands in a page: escaped, and without what no page can hold."""
    return escape(_UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text))


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
