from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flowra.exceptions import RunError
from flowra.execute.session.history import JournalEntry, PastRun
from flowra.execute.session.telemetry import send_spans
from flowra.execute.session.timeline import chrome_trace, timeline


def call(node, began, ended, how="ran", worker=""):
    return JournalEntry(node, "t/N", None, None, ended - began, how, ended, worker)


def past(*calls, failures=None):
    failures = failures or {}
    return PastRun(
        id="faces-1",
        path=Path("faces-1.jsonl"),
        header={"name": "faces"},
        began=1000.0,
        calls={each.node: each for each in calls},
        failures={name: {"what": "node failed", "why": why} for name, (_, why) in failures.items()},
        failed_at={name: at for name, (at, _) in failures.items()},
        status="failed" if failures else "succeeded",
        seconds=3.0,
    )


def test_calls_at_the_same_time_lie_in_lanes_of_their_own_and_later_ones_take_the_first_that_is_free():
    spans = timeline(past(call("c", 1.5, 2.0), call("a", 0.0, 1.0), call("b", 0.5, 2.0)))
    assert [(span.node, span.lane) for span in spans] == [("a", 0), ("b", 1), ("c", 0)]


def test_each_worker_has_lanes_of_its_own():
    spans = timeline(past(call("a", 0.0, 1.0, worker="one"), call("b", 0.0, 1.0, worker="two")))
    assert [(span.worker, span.lane) for span in spans] == [("one", 0), ("two", 0)]


def test_a_trace_has_each_call_with_its_times_in_microseconds_and_what_went_wrong():
    made = chrome_trace(past(call("a", 0.5, 1.0), call("b", 1.0, 1.0, how="cached"), failures={"c": (2.0, "too dark")}))
    by_name = {event["name"]: event for event in made["traceEvents"]}
    assert (by_name["a"]["ph"], by_name["a"]["ts"], by_name["a"]["dur"]) == ("X", 500_000, 500_000)
    assert (by_name["b"]["ph"], by_name["b"]["args"]["how"]) == ("i", "cached")
    assert (by_name["c"]["ts"], by_name["c"]["args"]["error"]) == (2_000_000, "too dark")
    assert by_name["process_name"]["args"] == {"name": "this process"}
    assert json.loads(json.dumps(made)) == made


class Collector(BaseHTTPRequestHandler):
    """A collector of spans, as OpenTelemetry's protocol over HTTP has it."""

    def do_POST(self):
        request = ExportTraceServiceRequest()
        request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.taken.append((self.path, request))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def collector():
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        server.taken, server.status = [], 200
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def test_a_collector_gets_one_trace_with_a_span_for_the_run_and_one_for_each_call(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_address[1]}")
    assert send_spans(past(call("a", 0.5, 1.0), failures={"b": (2.0, "too dark")})) == 3
    ((path, request),) = collector.taken
    assert path == "/v1/traces"
    spans = {span.name: span for each in request.resource_spans for scope in each.scope_spans for span in scope.spans}
    assert len({span.trace_id for span in spans.values()}) == 1
    assert spans["a"].parent_span_id == spans["faces"].span_id
    assert (spans["a"].start_time_unix_nano, spans["a"].end_time_unix_nano) == (1000_500_000_000, 1001_000_000_000)
    assert (spans["b"].status.code, spans["b"].status.message) == (2, "too dark")
    assert spans["faces"].end_time_unix_nano == 1003_000_000_000


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_collector_that_takes_nothing_is_an_error(collector):
    collector.status = 400
    endpoint = f"http://127.0.0.1:{collector.server_address[1]}/v1/traces"
    with pytest.raises(RunError, match="did not take the spans"):
        send_spans(past(call("a", 0.0, 1.0)), OTLPSpanExporter(endpoint))
