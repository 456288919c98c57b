"""What the span of a request tells."""

import asyncio
import time
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

from coworks_async import TechMicroService, entry
from coworks_async.extensions import OpenTelemetry
from tests.cli.processes import until
from tests.clients import on_a_socket
from tests.extensions.conftest import call
from tests.extensions.shops import SCOPE, ignore, receive
from tests.extensions.spans import Shop, Spans, shop, spans

__all__ = ["spans"]


def test_a_request_is_one_span_named_by_its_route(spans: Spans):
    [answer] = call(shop(spans), "/items/pen?q=1", headers={"X-Shop-Key": "s3cr3t"})
    [span] = spans.take()
    assert (answer.status_code, span.name, span.kind) == (200, "GET /items/{name}", SpanKind.SERVER)
    attributes = dict(span.attributes or {})
    assert attributes["coworks.service"] == "shop"
    assert attributes["coworks.stage"] == "dev"
    assert attributes["coworks.entry"] == "items.get"
    assert attributes["http.route"] == "/items/{name}"
    assert attributes["enduser.id"] == "ann"
    assert (attributes["http.method"], attributes["http.status_code"]) == ("GET", 200)
    assert attributes["http.url"] == "http://shop.example.com/items/pen"
    assert span.status.status_code is StatusCode.UNSET


def test_neither_token_nor_query_nor_header_is_told_even_where_headers_are_asked_for(
    spans: Spans, monkeypatch: pytest.MonkeyPatch
):
    for kind in ("REQUEST", "RESPONSE"):
        monkeypatch.setenv(f"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_{kind}", ".*")
    app = shop(spans)
    call(app, "/items/pen?card=4711", headers={"X-Shop-Key": "s3cr3t", "Cookie": "session=c00kie"})
    call(app, "/", headers={"Authorization": "s3cr3t"})
    told = "\n".join(span.to_json() for span in spans.take())
    assert not [secret for secret in ("s3cr3t", "4711", "c00kie", "card") if secret in told]
    assert "http.response.header.x_shelf" in told


@pytest.mark.parametrize(("url", "failed"), [("/?status=404", False), ("/?status=503", True), ("/nowhere", False)])
def test_a_fault_of_the_service_is_an_error_and_one_of_the_client_is_none(spans: Spans, url: str, failed: bool):
    [answer] = call(shop(spans), url)
    [span] = spans.take()
    assert (span.attributes or {})["http.status_code"] == answer.status_code
    assert (span.status.status_code is StatusCode.ERROR, len(span.events)) == (failed, int(failed))


def test_a_route_that_is_not_there_is_named_by_its_method_and_a_method_that_is_not_by_http(spans: Spans):
    app = shop(spans)
    call(app, "/nowhere")
    TestClient(app).request("BREW", "/")
    assert [span.name for span in spans.take()] == ["GET", "HTTP"]


def test_a_bug_is_told_with_its_place(spans: Spans):
    call(shop(spans), "/bug")
    [span] = spans.take()
    [event] = span.events
    told = dict(event.attributes or {})
    assert (told["exception.type"], told["exception.message"]) == ("LookupError", "no such shelf")
    assert "in get_bug" in str(told["exception.stacktrace"])
    assert (span.attributes or {})["error.type"] == "LookupError"
    assert span.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("path", ["/torn", "/torn/sync"])
def test_an_answer_that_breaks_off_is_an_error_for_all_its_200(spans: Spans, path: str):
    class Torn(TechMicroService):
        @entry(no_auth=True)
        async def get_torn(self):
            yield "a"
            raise LookupError("torn")

        @entry(no_auth=True)
        def get_torn_sync(self):
            yield "a"
            raise LookupError("torn")

    app = Torn(name="torn")
    OpenTelemetry(app, spans.provider)
    asyncio.run(app({**SCOPE, "path": path}, receive, ignore))
    [span] = spans.take()
    told = [(event.attributes or {})["exception.message"] for event in span.events]
    assert ((span.attributes or {})["http.status_code"], span.status.status_code) == (200, StatusCode.ERROR)
    assert (span.name, told) == (f"GET {path}", ["torn"])


def test_what_a_stream_does_is_within_the_span_of_its_request(spans: Spans):
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


def test_what_a_middleware_raises_is_told_once(spans: Spans):
    app = Shop(name="shop")

    class Failing:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            raise OSError("disk full")

    app.add_middleware(Failing)
    OpenTelemetry(app, spans.provider)
    [answer] = call(app, "/")
    [span] = spans.take()
    assert (answer.status_code, span.name, [event.name for event in span.events]) == (500, "GET", ["exception"])


def test_concurrent_requests_keep_their_own_spans_across_awaits_tasks_and_threads(spans: Spans):
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
    call(app, *(f"/n{number}" for number in range(6)), *(f"/sync/n{number}" for number in range(6)))
    ended = spans.take()
    parents = {span.context.span_id: span for span in ended}
    inner = [span for span in ended if span.parent is not None]
    assert (len(ended), len(inner)) == (30, 18)
    for span in inner:
        assert span.parent is not None
        url = str((parents[span.parent.span_id].attributes or {})["http.target"])
        assert url.rpartition("/")[2] == span.name.partition("-")[0]


def test_the_time_is_that_of_the_answer(spans: Spans):
    begun: list[int] = []

    async def later() -> None:
        begun.append(time.time_ns())

    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse("page", background=BackgroundTask(later))

    call(shop(spans, routes=[Route("/page", page)]), "/page")
    [span] = spans.take()
    assert span.name == "GET /page"
    assert span.end_time is not None
    assert span.end_time <= begun[0]


def test_websockets_and_the_lifespan_have_no_span(spans: Spans):
    async def socket(websocket: Any) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    app = shop(spans, routes=[WebSocketRoute("/socket", socket)])
    with TestClient(app) as client, client.websocket_connect("/socket") as session:
        assert session.receive_text() == "hello"
    assert spans.take() == []
