"""HTML pages that need nothing else: no script, no font, no picture from elsewhere.

Everything that a value, a node or a file says is escaped, and a content security policy keeps the browser from running
or fetching anything, should something get past that.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from html import escape

from flowra.version import VERSION

__all__ = ["page", "picture", "player", "text"]

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
.soft{color:var(--soft)}
table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:600}
th,td{padding:4px 12px 4px 0;vertical-align:top;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
td.number,th.number{text-align:right;white-space:nowrap}
.status{padding:0 8px;border-radius:99px;color:#fff;font-size:13px;font-weight:600}
.ran,.succeeded{background:#218358}.cached,.resumed{background:#006adc}.failed{background:#ce2c31}
.skipped,.cancelled{background:#7d6f3f}
code{overflow-wrap:anywhere}
pre,code{font:13px/1.45 ui-monospace,"SFMono-Regular",Menlo,Consolas,monospace}
pre{margin:8px 0 0;padding:10px;overflow:auto;max-height:420px;background:var(--code);border-radius:6px;
white-space:pre-wrap;overflow-wrap:anywhere}
.error{border-left:4px solid #e5484d;padding-left:12px;margin-top:10px}
summary{cursor:pointer}details{margin-top:8px}
a{color:inherit}
"""


def page(title: str, body: str, style: str, *, inner_styles: Iterable[str] = ()) -> str:
    """Return a page, as the text of an HTML file.

    Args:
        title: Its title, as plain text.
        body: What is in it, as HTML.
        style: Its style, besides that of all pages.
        inner_styles: Styles that stand in the body already.
    """
    whole = _STYLE + style
    hashes = " ".join(f"'sha256-{_hash(each)}'" for each in (whole, *inner_styles))
    shown = "img-src data:; media-src data:"
    policy = f"default-src 'none'; {shown}; style-src {hashes}; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{whole}</style></head>"
        f'<body>{body}<p class="soft">Written by Flowra {VERSION}</p></body></html>\n'
    )


def picture(png: bytes, alt: str) -> str:
    """Return a picture that stands in the page itself."""
    return f'<img alt="{text(alt)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def player(kind: str, data: bytes) -> str:
    """Return what plays sound or moving pictures, as it stands in a page, without a script.

    Args:
        kind: The media type, `audio/…` or `video/…`, of letters, digits, dots, `+` and `-`.
        data: The file.
    """
    element = kind.partition("/")[0]
    source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return f'<{element} controls preload="metadata" src="{source}"></{element}>'


def text(plain: str) -> str:
    """Return a text as it stands in a page: escaped, and without what no page can hold."""
    return escape(_UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", plain))


def _hash(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
