"""A minimal OpenTelemetry collector: OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp)."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.tools import serve_in_thread


class Collector(ThreadingHTTPServer):
    """Keeps the spans it receives and the attributes of their resources."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Any] = []
        self.resources: list[dict[str, str]] = []
        self.raw = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["content-length"]))
        body = gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body
        self.server.raw += body
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = {pair.key: pair.value.string_value for pair in resource_spans.resource.attributes}
            spans = [span for scope in resource_spans.scope_spans for span in scope.spans]
            self.server.spans += spans
            self.server.resources += [resource] * len(spans)
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


@contextmanager
def run_collector() -> Iterator[Collector]:
    """Run a collector on a free port."""
    server = Collector()
    with serve_in_thread(server):
        yield server
