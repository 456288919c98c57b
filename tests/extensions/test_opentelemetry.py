"""When OpenTelemetry is enabled, where spans are sent, and the flush at the end of a Lambda event."""

import json
import logging
import os
import subprocess
import sys
import threading
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider, format_trace_id

from coworks_async import TechMicroService, entry
from coworks_async.extensions import OpenTelemetry, opentelemetry
from tests.aws.events import METHOD_ARN, Context, rest_event
from tests.extensions.otlp_collector import run_collector
from tests.tools import PATIENCE


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "Welcome."

    async def on_event(self, event: Any, context: Any):
        return "swept"


def test_without_a_collector_or_a_provider_it_does_nothing():
    app = Shop()
    assert OpenTelemetry(app).enabled is False
    assert (app.user_middleware, app.hooks.teardown) == ([], [])


def test_the_setting_of_the_sdk_disables_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "True")
    app = Shop()
    assert (OpenTelemetry(app, TracerProvider()).enabled, app.user_middleware) == (False, [])


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.instrumentation.asgi"])
def test_the_error_for_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, missing: str):
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "opentelemetry":
        for name in [name for name in sys.modules if name.startswith("opentelemetry.")]:
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"OpenTelemetry needs .*: pip install 'coworks-async\[otel\]'"):
        OpenTelemetry(Shop())


def run(code: str, **environment: str) -> str:
    """Run code in a new interpreter, without global providers, and return its output."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


SERVICE = """
import os, sys
from coworks_async import TechMicroService, entry
from coworks_async.extensions import OpenTelemetry

class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self, card: str = ""):
        return "Welcome."

app = Shop(name="shop")
"""

# A busy machine may need more than the two seconds of a Lambda event.
PATIENT = f"""{SERVICE}
from coworks_async.extensions import opentelemetry
opentelemetry.FLUSH_SECONDS = {PATIENCE}
"""


def test_the_environment_can_set_the_collector_and_the_name_of_the_service():
    code = f"""{SERVICE}
from opentelemetry import trace
extension = OpenTelemetry(app)
assert trace.get_tracer_provider() is extension.tracer_provider
from coworks_async.testing import TestClient
with TestClient(app) as client:
    client.get("/?card=4711", headers={{"Authorization": "s3cr3t"}})
extension.tracer_provider.shutdown()
"""
    with run_collector() as collector:
        run(code, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, CWS_STAGE="v1")
        run(code, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.url}/v1/traces", OTEL_SERVICE_NAME="store")
    assert [span.name for span in collector.spans] == ["GET /", "GET /"]
    assert [resource["service.name"] for resource in collector.resources] == ["shop", "store"]
    assert [resource["deployment.environment.name"] for resource in collector.resources] == ["v1", "dev"]
    assert b"4711" not in collector.raw
    assert b"s3cr3t" not in collector.raw


def test_a_global_provider_is_used_and_propagators_of_the_environment_are_kept():
    code = f"""{SERVICE}
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
provider = TracerProvider()
trace.set_tracer_provider(provider)
assert OpenTelemetry(app).tracer_provider is provider
print(sorted(propagate.get_global_textmap().fields))
"""
    fields = "['baggage', 'traceparent', 'tracestate']\n"
    assert run(code, OTEL_PROPAGATORS="tracecontext,baggage") == fields
    assert run(code) == fields.replace("[", "['X-Amzn-Trace-Id', ")


def test_in_lambda_spans_are_sent_before_the_end_of_each_event():
    code = f"""{PATIENT}
import json
OpenTelemetry(app)
for event in json.loads(sys.argv[-1] if len(sys.argv) > 1 else os.environ["EVENTS"]):
    app.lambda_handler(event, type("Context", (), {{"aws_request_id": "1", "invoked_function_arn": "a"}})())
os._exit(0)  # like a frozen execution environment: later sends are lost
"""
    with run_collector() as collector:
        run(
            code,
            AWS_LAMBDA_FUNCTION_NAME="shop",
            EVENTS=json.dumps([rest_event(), rest_event()]),
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_BSP_SCHEDULE_DELAY="60000",
        )
    assert [span.name for span in collector.spans] == ["GET /", "GET /"]


@pytest.fixture
def in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")
    monkeypatch.setattr(opentelemetry, "FLUSH_SECONDS", PATIENCE)


def test_events_that_are_not_requests_and_events_that_fail_are_flushed(in_lambda: None):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=60_000))
    tracer = provider.get_tracer("shop")

    class Traced(Shop):
        async def on_event(self, event: Any, context: Any):
            with tracer.start_as_current_span("sweep"):
                return {"swept": True}

        async def token_authorizer(self, token: str):
            with tracer.start_as_current_span("authorize"):
                raise LookupError("no such token")

    app = Traced(name="shop")
    OpenTelemetry(app, provider)
    assert app.lambda_handler({"source": "aws.events"}, Context()) == {"swept": True}
    assert [span.name for span in exporter.get_finished_spans()] == ["sweep"]
    event = {"type": "TOKEN", "authorizationToken": "any", "methodArn": METHOD_ARN}
    with pytest.raises(Exception, match="access denied"):
        app.lambda_handler(event, Context())
    app.lambda_handler.close()
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["sweep", "authorize"]
    assert format_trace_id(spans[0].context.trace_id) != format_trace_id(spans[1].context.trace_id)
    provider.shutdown()


class Failing(NoOpTracerProvider):
    """A provider that cannot send its spans."""

    def __init__(self, outcome: "bool | Exception") -> None:
        self.outcome = outcome

    def force_flush(self, timeout_millis: int) -> bool:
        assert timeout_millis == 1000 * opentelemetry.FLUSH_SECONDS
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.mark.parametrize(("outcome", "level"), [(False, logging.WARNING), (OSError("no route to host"), logging.ERROR)])
def test_a_failed_flush_is_logged_and_the_response_is_returned(
    in_lambda: None, caplog: pytest.LogCaptureFixture, outcome: "bool | Exception", level: int
):
    app = Shop(name="shop")
    OpenTelemetry(app, Failing(outcome))
    result = app.lambda_handler(rest_event(), Context())
    app.lambda_handler.close()
    assert result["statusCode"] == 200
    assert [record.levelno for record in caplog.records if "OpenTelemetry" in record.message] == [level]


def get_warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "OpenTelemetry" in record.message]


class Slow(NoOpTracerProvider):
    """A provider that waits for a collector longer than its timeout, as the SDK does."""

    def __init__(self) -> None:
        self.started, self.release = threading.Event(), threading.Event()
        self.flushes = 0

    def force_flush(self, timeout_millis: int) -> bool:
        self.flushes += 1
        self.started.set()
        return self.release.wait(PATIENCE)


def test_the_flush_takes_less_than_the_default_timeout_of_a_function():
    assert opentelemetry.FLUSH_SECONDS < 3


def test_a_collector_that_does_not_respond_delays_no_response_and_blocks_one_thread(
    in_lambda: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(opentelemetry, "FLUSH_SECONDS", 0.05)
    slow = Slow()
    app = Shop(name="shop")
    extension = OpenTelemetry(app, slow)
    statuses = [app.lambda_handler(rest_event(), Context())["statusCode"] for _ in range(2)]
    assert slow.started.wait(PATIENCE)
    assert (statuses, slow.flushes, slow.release.is_set()) == ([200, 200], 1, False)
    late = "OpenTelemetry did not send everything within 0.05 s"
    assert [line.partition("; it continues")[0] for line in get_warnings(caplog)] == [late] * 2
    slow.release.set()
    monkeypatch.setattr(opentelemetry, "FLUSH_SECONDS", PATIENCE)
    extension.flush()
    app.lambda_handler.close()
    assert (slow.flushes, len(get_warnings(caplog))) == (2, 2)


def test_a_function_with_little_time_left_returns_its_response_first(in_lambda: None, caplog: pytest.LogCaptureFixture):
    class Late(Context):
        def get_remaining_time_in_millis(self) -> int:
            return 250

    class Punctual(Shop):
        lambda_timeout_margin = 0.1

    slow = Slow()
    app = Punctual(name="shop")
    OpenTelemetry(app, slow)
    assert app.lambda_handler(rest_event(), Late())["statusCode"] == 200
    assert get_warnings(caplog)[0].startswith("OpenTelemetry did not send everything within 0.05 s")
    slow.release.set()
    app.lambda_handler.close()


def test_events_that_end_at_once_may_flush_at_once():
    class Fast(NoOpTracerProvider):
        def force_flush(self, timeout_millis: int) -> bool:
            return True

    extension = OpenTelemetry(Shop(name="shop"), Fast())
    errors: list[Exception] = []

    def flush() -> None:
        try:
            for _ in range(20):
                extension.flush()
        except Exception as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=flush) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert errors == []


def test_metrics_are_flushed_with_the_spans(in_lambda: None):
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    app = Shop(name="shop")
    OpenTelemetry(app, TracerProvider(), meter_provider=MeterProvider([reader]))
    app.lambda_handler(rest_event(), Context())
    app.lambda_handler.close()
    data = reader.get_metrics_data()
    assert data is not None
    names = {metric.name for each in data.resource_metrics for scope in each.scope_metrics for metric in scope.metrics}
    assert "http.server.duration" in names
