"""A contact sheet: the results of a batch as one HTML page, a small picture of each beside what it gave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowra.cli.batch.view import NOTHING, reason_of
from flowra.cli.page import page, picture, text
from flowra.cli.run_view.view import duration
from flowra.exceptions import RunError, UsageError, printable

if TYPE_CHECKING:
    from flowra.execute.batch.item import ItemResult
    from flowra.execute.session import Batch

__all__ = ["ContactSheet"]

#: The most items on a page, and how many of them are kept free for failures: a page holds what a browser opens.
MOST = 500
_FOR_FAILURES = 100
#: The longest side of a small picture, in pixels.
_SIZE = 240
#: The most characters of a value.
_LONGEST = 200

_STYLE = """
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:12px;margin-top:8px}
.item{min-width:0;padding:10px;background:var(--card);border:1px solid var(--line);border-radius:10px;font-size:13px}
.item h3{font-size:13px;overflow-wrap:anywhere;margin-bottom:4px}
.item figure{margin:6px 0}.item figcaption{color:var(--soft);text-align:center}
.item img{display:block;max-width:100%;margin:0 auto;
background:repeating-conic-gradient(#9993 0 25%,transparent 0 50%) 0 0/16px 16px}
.item dl{display:grid;grid-template-columns:fit-content(55%) 1fr;gap:0 8px;margin:4px 0 0}
.item dt{color:var(--soft);overflow-wrap:anywhere}.item dd{margin:0;overflow-wrap:anywhere}
.bad{border-color:#e5484d}
"""


class ContactSheet:
    """Gathers results, and writes the page when the batch has ended.

    Args:
        path: The page's file.

    Raises:
        UsageError: It can't be written there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._items: list[tuple[int, str]] = []
        self._failed: list[tuple[int, str]] = []
        self._hidden = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                "the contact sheet can't be written", where=str(path), why=error.strerror or str(error)
            ) from error

    def add(self, result: ItemResult) -> None:
        """Take a result onto the page, if there is room for it."""
        if result.status == "failed" and len(self._failed) < _FOR_FAILURES:
            self._failed.append((result.index, _item(result)))
        elif len(self._items) < MOST - _FOR_FAILURES:
            self._items.append((result.index, _item(result)))
        else:
            self._hidden += 1

    def write(self, batch: Batch, name: str, notes: list[str]) -> None:
        """Write the page; raises RunError if that can't be done."""
        totals = batch.totals
        said = [
            f"{totals.succeeded:,} of {totals.total or totals.done:,} items succeeded",
            f"{totals.failed:,} failed" if totals.failed else "",
            f"{totals.cached:,} cached" if totals.cached else "",
        ]
        about = ", ".join(part for part in said if part)
        body = [
            f"<h1>{text(name)}</h1>",
            f'<p class="soft">{about} in {duration(totals.seconds)} · run <code>{text(batch.id)}</code></p>',
            *(f"<p><strong>{text(note)}</strong></p>" for note in notes),
            *_section("Failed", self._failed),
            *_section("Succeeded" if self._failed else "", self._items),
            f'<p class="soft">… and {self._hidden:,} more items</p>' if self._hidden else "",
        ]
        title = f"{name}: {totals.done:,} items"
        try:
            self.path.write_text(page(title, "".join(body), _STYLE), encoding="utf-8")
        except OSError as error:
            raise RunError(
                "the contact sheet can't be written", where=str(self.path), why=error.strerror or str(error)
            ) from error


def _section(heading: str, items: list[tuple[int, str]]) -> Iterator[str]:
    if not items:
        return
    if heading:
        yield f"<h2>{heading}</h2>"
    yield '<div class="sheet">'
    yield from (each for _, each in sorted(items))
    yield "</div>"


def _item(result: ItemResult) -> str:
    status = "cached" if result.cached else result.status
    shown = {name: value for name, value in result.given.items() if str(value) != result.label}
    plain: dict[str, Any] = {}
    pictures: dict[str, bytes] = {}
    for name, value in result.outputs.items():
        png = _small_picture(value)
        if png is not None:
            pictures[name] = png
        elif result.files.get(name, {}).get("file"):
            plain[name] = Path(result.files[name]["file"]).name
        else:
            plain[name] = value
    failed = ""
    if result.error is not None:
        failed = f'<div class="error">{text(reason_of(result))}</div>'
    return "".join(
        [
            f'<section class="item{" bad" if failed else ""}"><h3>{text(_name(result))}</h3>',
            f'<span class="status {status}">{status}</span>',
            *_pictures(pictures),
            failed,
            _list({**shown, **plain}),
            "</section>",
        ]
    )


def _pictures(pngs: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the pictures of an item, with their names where there are several to be told apart."""
    for name, png in pngs.items():
        caption = f"<figcaption>{text(name)}</figcaption>" if len(pngs) > 1 else ""
        yield f"<figure>{picture(png, name)}{caption}</figure>"


def _name(result: ItemResult) -> str:
    return Path(result.label).name or result.label if result.label else f"item {result.index}"


def _list(values: Mapping[str, Any]) -> str:
    rows = [
        f"<dt>{text(name)}</dt><dd>{text(_cut(each))}</dd>"
        for name, value in values.items()
        for name, each in _flat(name, value)
    ]
    return f"<dl>{''.join(rows)}</dl>" if rows else ""


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for field, each in value.items():
            yield from _flat(f"{name}.{field}", each)
    elif isinstance(value, float):
        yield name, f"{value:.6g}"
    elif value is None:
        yield name, NOTHING
    else:
        yield name, value if isinstance(value, str) else repr(value)


def _cut(plain: str) -> str:
    return printable(plain.partition("\n")[0], _LONGEST)


def _small_picture(value: Any) -> bytes | None:
    from flowra.execute.session.reporting import type_to_show
    from flowra.type.handler import handler_for
    from flowra.type.value.media import MediaType

    value_type = type_to_show(value)
    if not isinstance(value_type, MediaType):
        return None
    try:
        return handler_for(value_type.handled_as).thumbnail(value, _SIZE)
    except Exception:  # noqa: BLE001  a page without one picture is better than none
        return None
