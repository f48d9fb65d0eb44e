"""The events of a run."""

from __future__ import annotations

from dataclasses import fields

from _generate.markdown import code, docstring, table
from flowra.execute.session.events import EVENTS, Event

__all__ = ["event_fields", "events"]


def events() -> str:
    """Return the table of events, with what each carries beyond the run's id and the time."""
    shared = {field.name for field in fields(Event)}
    rows = [
        (
            code(name),
            code(cls.__name__),
            docstring(cls).summary,
            ", ".join(code(field.name) for field in fields(cls) if field.name not in shared),
        )
        for name, cls in EVENTS.items()
    ]
    return table(("event", "class", "when", "fields"), rows)


def event_fields() -> str:
    """Return the table of the fields of each event, with their types."""
    rows = [(f"every `{Event.__name__}`", code(field.name), code(field.type)) for field in fields(Event)]
    shared = {field.name for field in fields(Event)}
    for name, cls in EVENTS.items():
        own = [field for field in fields(cls) if field.name not in shared]
        rows += [(code(name) if field is own[0] else "", code(field.name), code(field.type)) for field in own]
    return table(("event", "field", "type"), rows)
