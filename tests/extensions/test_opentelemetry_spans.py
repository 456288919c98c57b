"""The span of a request: its name, attributes, status, times and parent."""

import asyncio
import time
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

from coworks_async import TechMicroService, entry
from coworks_async.extensions import OpenTelemetry
from tests.aws.events import Context, rest_event
from tests.cli.processes import until
from tests.clients import on_a_socket
from tests.extensions.traced_services import SCOPE, Shop, SpanRecorder, create_otel_shop, ignore, receive, send_gets


def test_a_request_is_one_span_named_by_its_route(spans: SpanRecorder):
    [response] = send_gets(create_otel_shop(spans), "/items/pen?q=1", headers={"X-Shop-Key": "s3cr3t"})
    [span] = spans.take()
    assert (response.status_code, span.name, span.kind) == (200, "GET /items/{name}", SpanKind.SERVER)
    attributes = dict(span.attributes or {})
    assert attributes["coworks.service"] == "shop"
    assert attributes["coworks.stage"] == "dev"
    assert attributes["coworks.entry"] == "items.get"
    assert attributes["http.route"] == "/items/{name}"
    assert attributes["enduser.id"] == "ann"
    assert (attributes["http.method"], attributes["http.status_code"]) == ("GET", 200)
    assert attributes["http.url"] == "http://shop.example.com/items/pen"
    assert span.status.status_code is StatusCode.UNSET


def test_tokens_queries_and_cookies_are_not_recorded_even_if_headers_are(
    spans: SpanRecorder, monkeypatch: pytest.MonkeyPatch
):
    for kind in ("REQUEST", "RESPONSE"):
        monkeypatch.setenv(f"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_{kind}", ".*")
    app = create_otel_shop(spans)
    send_gets(app, "/items/pen?card=4711", headers={"X-Shop-Key": "s3cr3t", "Cookie": "session=c00kie"})
    send_gets(app, "/", headers={"Authorization": "s3cr3t"})
    recorded = "\n".join(span.to_json() for span in spans.take())
    assert not [secret for secret in ("s3cr3t", "4711", "c00kie", "card") if secret in recorded]
    assert "http.response.header.x_shelf" in recorded


@pytest.mark.parametrize(("url", "failed"), [("/?status=404", False), ("/?status=503", True), ("/nowhere", False)])
def test_a_5xx_is_an_error_and_a_4xx_is_not(spans: SpanRecorder, url: str, failed: bool):
    [response] = send_gets(create_otel_shop(spans), url)
    [span] = spans.take()
    assert (span.attributes or {})["http.status_code"] == response.status_code
    assert (span.status.status_code is StatusCode.ERROR, len(span.events)) == (failed, int(failed))


def test_a_span_without_a_route_is_named_by_its_method_or_http(spans: SpanRecorder):
    app = create_otel_shop(spans)
    send_gets(app, "/nowhere")
    TestClient(app).request("BREW", "/")
    assert [span.name for span in spans.take()] == ["GET", "HTTP"]


def test_an_exception_is_recorded_with_its_traceback(spans: SpanRecorder):
    send_gets(create_otel_shop(spans), "/bug")
    [span] = spans.take()
    [event] = span.events
    attributes = dict(event.attributes or {})
    assert (attributes["exception.type"], attributes["exception.message"]) == ("LookupError", "no such shelf")
    assert "in get_bug" in str(attributes["exception.stacktrace"])
    assert (span.attributes or {})["error.type"] == "LookupError"
    assert span.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("path", ["/torn", "/torn/sync"])
def test_an_aborted_response_is_an_error_with_status_200(spans: SpanRecorder, path: str):
    asyncio.run(create_otel_shop(spans)({**SCOPE, "path": path}, receive, ignore))
    [span] = spans.take()
    messages = [(event.attributes or {})["exception.message"] for event in span.events]
    assert ((span.attributes or {})["http.status_code"], span.status.status_code) == (200, StatusCode.ERROR)
    assert (span.name, messages) == (f"GET {path}", ["torn"])


def test_spans_of_a_stream_are_children_of_the_requests_span(spans: SpanRecorder):
    tracer = trace.get_tracer("shop", tracer_provider=spans.provider)

    class Parts(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            for part in "abc":
                with tracer.start_as_current_span(part):
                    await asyncio.sleep(0)
                yield part

    app = Parts(name="parts")
    OpenTelemetry(app, spans.provider)
    with on_a_socket(app) as client:
        assert client.get("/").text == "abc"
        until(lambda: len(spans.exporter.get_finished_spans()) == 4)
    *parts, request = spans.take()
    assert [part.name for part in parts] == ["a", "b", "c"]
    assert all(part.parent is not None and part.parent.span_id == request.context.span_id for part in parts)


def test_an_exception_of_a_middleware_is_recorded_once(spans: SpanRecorder):
    app = Shop(name="shop")

    class Failing:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            raise OSError("disk full")

    app.add_middleware(Failing)
    OpenTelemetry(app, spans.provider)
    [response] = send_gets(app, "/")
    [span] = spans.take()
    assert (response.status_code, span.name, [event.name for event in span.events]) == (500, "GET", ["exception"])


def test_concurrent_requests_keep_their_own_spans_across_awaits_tasks_and_threads(spans: SpanRecorder):
    tracer = trace.get_tracer("shop", tracer_provider=spans.provider)

    class Busy(TechMicroService):
        @entry(no_auth=True)
        async def get(self, name: str):
            async def part(label: str, seconds: float) -> None:
                with tracer.start_as_current_span(f"{name}-{label}"):
                    await asyncio.sleep(seconds)

            await asyncio.gather(part("slow", 0.005), part("fast", 0.001))
            return name

        @entry(no_auth=True)
        def get_sync(self, name: str):
            with tracer.start_as_current_span(f"{name}-sync"):
                time.sleep(0.001)
            return name

    app = Busy(name="busy")
    OpenTelemetry(app, spans.provider)
    send_gets(app, *(f"/n{number}" for number in range(6)), *(f"/sync/n{number}" for number in range(6)))
    ended = spans.take()
    parents = {span.context.span_id: span for span in ended}
    inner = [span for span in ended if span.parent is not None]
    assert (len(ended), len(inner)) == (30, 18)
    for span in inner:
        assert span.parent is not None
        url = str((parents[span.parent.span_id].attributes or {})["http.target"])
        assert url.rpartition("/")[2] == span.name.partition("-")[0]


def test_a_span_ends_with_the_response_before_background_tasks(spans: SpanRecorder):
    started: list[int] = []

    async def later() -> None:
        started.append(time.time_ns())

    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse("page", background=BackgroundTask(later))

    send_gets(create_otel_shop(spans, routes=[Route("/page", page)]), "/page")
    [span] = spans.take()
    assert span.name == "GET /page"
    assert span.end_time is not None
    assert span.end_time <= started[0]


def test_websockets_and_the_lifespan_have_no_span(spans: SpanRecorder):
    async def socket(websocket: Any) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    app = create_otel_shop(spans, routes=[WebSocketRoute("/socket", socket)])
    with TestClient(app) as client, client.websocket_connect("/socket") as session:
        assert session.receive_text() == "hello"
    assert spans.take() == []


TRACE = "5759e988bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"


@pytest.mark.parametrize(
    "header",
    [
        {"traceparent": f"00-{TRACE}-{PARENT}-01"},
        {"X-Amzn-Trace-Id": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1"},
        {
            "traceparent": f"00-{TRACE}-{PARENT}-01",
            "X-Amzn-Trace-Id": "Root=1-5759e988-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=53995c3f42cd8ad9;Sampled=1",
        },
    ],
    ids=["w3c", "x-ray", "both"],
)
def test_the_trace_of_the_caller_is_continued(spans: SpanRecorder, header: dict[str, str]):
    [response] = send_gets(create_otel_shop(spans), "/trace/headers", headers=header)
    [span] = spans.take()
    assert span.parent is not None
    assert (format_trace_id(span.context.trace_id), format_span_id(span.parent.span_id)) == (TRACE, PARENT)
    own = format_span_id(span.context.span_id)
    assert response.json() == {
        "traceparent": f"00-{TRACE}-{own}-01",
        "X-Amzn-Trace-Id": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={own};Sampled=1",
    }


def test_a_header_without_a_parent_as_gateways_add_it_is_ignored(spans: SpanRecorder):
    send_gets(create_otel_shop(spans), "/", headers={"X-Amzn-Trace-Id": f"Root=1-{TRACE[:8]}-{TRACE[8:]}"})
    [span] = spans.take()
    assert span.parent is None


@pytest.mark.parametrize(
    ("header", "followed"),
    [(f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled={flag}", flag == 1) for flag in (0, 1)],
)
def test_in_lambda_a_sampled_segment_is_the_parent_and_an_unsampled_one_is_ignored(
    spans: SpanRecorder, monkeypatch: pytest.MonkeyPatch, header: str, followed: bool
):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    app = create_otel_shop(spans)
    outer = "Root=1-5759e988-aaaaaaaaaaaaaaaaaaaaaaaa"
    app.lambda_handler(rest_event(path="/", headers=[("X-Amzn-Trace-Id", outer)]), Context())
    app.lambda_handler.close()
    [span] = spans.take()
    assert (span.parent is not None, format_trace_id(span.context.trace_id) == TRACE) == (followed, followed)
    assert (span.attributes or {})["faas.invocation_id"] == Context().aws_request_id
