"""Where OpenTelemetry is on, where its spans go, and that none is lost at the end of a Lambda event."""

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
from tests.aws.lambdas import METHOD_ARN, Context, rest
from tests.extensions.collector import collector
from tests.tools import PATIENCE


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "Welcome."

    async def on_event(self, event: Any, context: Any):
        return "swept"


def test_without_a_collector_or_a_provider_nothing_is_done():
    app = Shop()
    assert OpenTelemetry(app).enabled is False
    assert (app.user_middleware, app.hooks.teardown) == ([], [])


def test_the_switch_of_the_sdk_turns_it_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "True")
    app = Shop()
    assert (OpenTelemetry(app, TracerProvider()).enabled, app.user_middleware) == (False, [])


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.instrumentation.asgi"])
def test_what_is_missing_is_told_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch, missing: str):
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "opentelemetry":
        for name in [name for name in sys.modules if name.startswith("opentelemetry.")]:
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"OpenTelemetry needs .*: pip install 'coworks-async\[otel\]'"):
        OpenTelemetry(Shop())


def run(code: str, **environment: str) -> str:
    """Run code in a fresh interpreter, where nothing global is set, and return what it prints."""
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

# A busy machine may take its time to send what a Lambda sends within two seconds.
PATIENT = f"""{SERVICE}
from coworks_async.extensions import opentelemetry
opentelemetry.FLUSH_SECONDS = {PATIENCE}
"""


def test_the_environment_may_tell_of_a_collector_and_rename_the_service():
    code = f"""{SERVICE}
from opentelemetry import trace
extension = OpenTelemetry(app)
assert trace.get_tracer_provider() is extension.tracer_provider
from coworks_async.testing import TestClient
with TestClient(app) as client:
    client.get("/?card=4711", headers={{"Authorization": "s3cr3t"}})
extension.tracer_provider.shutdown()
"""
    with collector() as told:
        run(code, OTEL_EXPORTER_OTLP_ENDPOINT=told.url, CWS_STAGE="v1")
        run(code, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{told.url}/v1/traces", OTEL_SERVICE_NAME="store")
    assert [span.name for span in told.spans] == ["GET /", "GET /"]
    assert [resource["service.name"] for resource in told.resources] == ["shop", "store"]
    assert [resource["deployment.environment.name"] for resource in told.resources] == ["v1", "dev"]
    assert b"4711" not in told.raw
    assert b"s3cr3t" not in told.raw


def test_a_global_provider_is_used_as_it_is_and_propagators_of_the_environment_stay():
    code = f"""{SERVICE}
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
provider = TracerProvider()
trace.set_tracer_provider(provider)
assert OpenTelemetry(app).tracer_provider is provider
print(sorted(propagate.get_global_textmap().fields))
"""
    told = "['baggage', 'traceparent', 'tracestate']\n"
    assert run(code, OTEL_PROPAGATORS="tracecontext,baggage") == told
    assert run(code) == told.replace("[", "['X-Amzn-Trace-Id', ")


def test_in_lambda_spans_are_sent_before_the_end_of_each_event():
    code = f"""{PATIENT}
import json
OpenTelemetry(app)
for event in json.loads(sys.argv[-1] if len(sys.argv) > 1 else os.environ["EVENTS"]):
    app.lambda_handler(event, type("Context", (), {{"aws_request_id": "1", "invoked_function_arn": "a"}})())
os._exit(0)  # as a container that is never thawed: what is not sent now is lost
"""
    with collector() as told:
        run(
            code,
            AWS_LAMBDA_FUNCTION_NAME="shop",
            EVENTS=json.dumps([rest(), rest()]),
            OTEL_EXPORTER_OTLP_ENDPOINT=told.url,
            OTEL_BSP_SCHEDULE_DELAY="60000",
        )
    assert [span.name for span in told.spans] == ["GET /", "GET /"]


@pytest.fixture
def in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")
    monkeypatch.setattr(opentelemetry, "FLUSH_SECONDS", PATIENCE)


def test_events_that_are_no_request_are_flushed_too_and_those_that_fail(in_lambda: None):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=60_000))
    tracer = provider.get_tracer("shop")

    class Traced(Shop):
        async def on_event(self, event: Any, context: Any):
            with tracer.start_as_current_span("sweep"):
                return {"swept": True}

        async def token_authorizer(self, token: str):
            with tracer.start_as_current_span("ask"):
                raise LookupError("no such token")

    app = Traced(name="shop")
    OpenTelemetry(app, provider)
    assert app.lambda_handler({"source": "aws.events"}, Context()) == {"swept": True}
    assert [span.name for span in exporter.get_finished_spans()] == ["sweep"]
    asked = {"type": "TOKEN", "authorizationToken": "any", "methodArn": METHOD_ARN}
    with pytest.raises(Exception, match="access denied"):
        app.lambda_handler(asked, Context())
    app.lambda_handler.close()
    told = exporter.get_finished_spans()
    assert [span.name for span in told] == ["sweep", "ask"]
    assert format_trace_id(told[0].context.trace_id) != format_trace_id(told[1].context.trace_id)
    provider.shutdown()


class Failing(NoOpTracerProvider):
    """A provider that cannot send what it has."""

    def __init__(self, outcome: "bool | Exception") -> None:
        self.outcome = outcome

    def force_flush(self, timeout_millis: int) -> bool:
        assert timeout_millis == 1000 * opentelemetry.FLUSH_SECONDS
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.mark.parametrize(("outcome", "level"), [(False, logging.WARNING), (OSError("no route to host"), logging.ERROR)])
def test_spans_that_cannot_be_sent_are_logged_and_the_request_is_answered(
    in_lambda: None, caplog: pytest.LogCaptureFixture, outcome: "bool | Exception", level: int
):
    app = Shop(name="shop")
    OpenTelemetry(app, Failing(outcome))
    answer = app.lambda_handler(rest(), Context())
    app.lambda_handler.close()
    assert answer["statusCode"] == 200
    assert [record.levelno for record in caplog.records if "OpenTelemetry" in record.message] == [level]


def told_of_opentelemetry(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "OpenTelemetry" in record.message]


class Slow(NoOpTracerProvider):
    """A provider that waits for a collector, as the SDK does, whatever time it is given."""

    def __init__(self) -> None:
        self.begun, self.answering = threading.Event(), threading.Event()
        self.asked = 0

    def force_flush(self, timeout_millis: int) -> bool:
        self.asked += 1
        self.begun.set()
        return self.answering.wait(PATIENCE)


def test_a_lambda_has_more_time_than_its_flush_where_nobody_gives_it_more():
    assert opentelemetry.FLUSH_SECONDS < 3


def test_a_collector_that_does_not_answer_holds_up_no_answer_and_is_waited_for_by_one_thread(
    in_lambda: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(opentelemetry, "FLUSH_SECONDS", 0.05)
    slow = Slow()
    app = Shop(name="shop")
    extension = OpenTelemetry(app, slow)
    answers = [app.lambda_handler(rest(), Context())["statusCode"] for _ in range(2)]
    assert slow.begun.wait(PATIENCE)
    assert (answers, slow.asked, slow.answering.is_set()) == ([200, 200], 1, False)
    late = "OpenTelemetry did not send all within 0.05 s"
    assert [line.partition(" and goes on")[0] for line in told_of_opentelemetry(caplog)] == [late] * 2
    slow.answering.set()
    monkeypatch.setattr(opentelemetry, "FLUSH_SECONDS", PATIENCE)
    extension.flush()
    app.lambda_handler.close()
    assert (slow.asked, len(told_of_opentelemetry(caplog))) == (2, 2)


def test_a_lambda_that_has_little_time_left_answers_first(in_lambda: None, caplog: pytest.LogCaptureFixture):
    class Late(Context):
        def get_remaining_time_in_millis(self) -> int:
            return 250

    slow = Slow()
    app = Shop(name="shop")
    OpenTelemetry(app, slow)
    assert app.lambda_handler(rest(), Late())["statusCode"] == 200
    assert told_of_opentelemetry(caplog)[0].startswith("OpenTelemetry did not send all within 0.05 s")
    slow.answering.set()
    app.lambda_handler.close()


def test_measurements_are_flushed_with_the_spans(in_lambda: None):
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    app = Shop(name="shop")
    OpenTelemetry(app, TracerProvider(), meter_provider=MeterProvider([reader]))
    app.lambda_handler(rest(), Context())
    app.lambda_handler.close()
    data = reader.get_metrics_data()
    assert data is not None
    names = {metric.name for told in data.resource_metrics for scope in told.scope_metrics for metric in scope.metrics}
    assert "http.server.duration" in names
