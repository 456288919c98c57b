"""Services to trace, and requests to them without a client."""

import asyncio
from typing import Any

import httpx2
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from coworks_async import Blueprint, Problem, TechMicroService, entry
from coworks_async.extensions import OpenTelemetry, XRay
from coworks_async.types import ASGIApp

SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.4"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/",
    "raw_path": b"/",
    "root_path": "",
    "query_string": b"",
    "headers": [],
    "client": None,
    "server": ("shop.example.com", 80),
}


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def ignore(message: Any) -> None:
    """Discard a message."""


def send_gets(app: ASGIApp, *urls: str, **options: Any) -> list[httpx2.Response]:
    """Send GET requests concurrently and return their responses."""

    async def send() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://shop.example.com", **options) as client:
            return await asyncio.gather(*(client.get(url) for url in urls))

    return asyncio.run(send())


class Items(Blueprint):
    @entry
    async def get(self, name: str, **query: str):
        return {"item": name}


class Shop(TechMicroService):
    async def token_authorizer(self, token: str):
        if token == "broken":
            raise ValueError("the token is broken")
        return {"name": "ann"} if token == "s3cr3t" else None

    @entry(no_auth=True)
    async def get(self, status: int = 200):
        if status >= 400:
            raise Problem(status, "as requested")
        return "Welcome.", status, {"set-cookie": "session=c00kie", "x-shelf": "7"}

    @entry(no_auth=True)
    async def get_bug(self):
        raise LookupError("no such shelf")

    @entry(no_auth=True)
    async def get_torn(self):
        yield "a"
        raise LookupError("torn")

    @entry(no_auth=True)
    def get_torn_sync(self):
        yield "a"
        raise LookupError("torn")

    @entry(no_auth=True)
    async def get_trace_headers(self):
        headers: dict[str, str] = {}
        inject(headers)
        return headers


class KeyShop(Shop):
    token_key = "X-Shop-Key"


def create_xray_shop(recorder: Any, **options: Any) -> Shop:
    app = Shop(name="shop", **options)
    app.register_blueprint(Items(), url_prefix="/items")
    XRay(app, recorder)
    return app


class SpanRecorder:
    """A provider that keeps the spans that have ended."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def take(self) -> list[ReadableSpan]:
        spans = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return spans


def create_otel_shop(spans: SpanRecorder, **options: Any) -> Shop:
    app = KeyShop(name="shop", **options)
    app.register_blueprint(Items(), url_prefix="/items")
    OpenTelemetry(app, spans.provider)
    return app
