"""A run as OpenTelemetry spans, sent to whoever collects them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowra.exceptions import RunError
from flowra.execute.session.history import PastRun
from flowra.execute.session.timeline import timeline
from flowra.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["send_spans"]

#: Seconds to nanoseconds, the unit of a span.
_NANO = 1_000_000_000
#: Spans that are sent together, at most, as OpenTelemetry's own processor does.
_TOGETHER = 512


def send_spans(run: PastRun, exporter: SpanExporter | None = None) -> int:
    """Send a run as one trace: a span for the run, and one inside it for each call.

    Args:
        run: The run.
        exporter: Where the spans go; by OTLP over HTTP to the collector that the variables `OTEL_EXPORTER_OTLP_…` name
            if None.

    Returns:
        How many spans were sent.

    Raises:
        RunError: OpenTelemetry is not installed, or the collector did not take the spans.
    """
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from opentelemetry.trace import StatusCode, set_span_in_context

        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            exporter = OTLPSpanExporter()
    except ImportError as error:
        raise RunError(
            "spans need OpenTelemetry, which is not installed", why=str(error), fix="pip install 'flowra[otel]'"
        ) from error
    collected = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "flowra", "service.version": VERSION}))
    provider.add_span_processor(SimpleSpanProcessor(collected))
    tracer = provider.get_tracer("flowra", VERSION)
    began = int(run.began * _NANO)
    spans = timeline(run)
    last = max([run.seconds, *(span.ended for span in spans)])
    whole = tracer.start_span(
        run.name or "graph", start_time=began, attributes={"flowra.run": run.id, "flowra.status": run.status}
    )
    if run.failures:
        whole.set_status(StatusCode.ERROR, f"{len(run.failures)} failed")
    inside = set_span_in_context(whole)
    for each in spans:
        attributes = {"flowra.type": each.type, "flowra.how": each.how, "flowra.worker": each.worker}
        span = tracer.start_span(
            each.node, context=inside, start_time=began + int(each.began * _NANO), attributes=attributes
        )
        if each.error:
            span.set_status(StatusCode.ERROR, each.error)
        span.end(began + int(each.ended * _NANO))
    whole.end(began + int(last * _NANO))
    finished = collected.get_finished_spans()
    try:
        for start in range(0, len(finished), _TOGETHER):
            if exporter.export(finished[start : start + _TOGETHER]) is not SpanExportResult.SUCCESS:
                raise RunError(
                    "the collector did not take the spans",
                    why="OpenTelemetry's own log says more",
                    fix="set OTEL_EXPORTER_OTLP_ENDPOINT to where it listens, as http://localhost:4318",
                )
    finally:
        exporter.shutdown()
    return len(finished)
