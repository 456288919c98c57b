"""A service that OpenTelemetry is told of, and the spans of its requests."""

from typing import Any

import pytest
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from coworks_async import Blueprint, Problem, TechMicroService, entry
from coworks_async.extensions import OpenTelemetry


class Items(Blueprint):
    @entry
    async def get(self, name: str, **query: str):
        return {"item": name}


class Shop(TechMicroService):
    token_key = "X-Shop-Key"

    async def token_authorizer(self, token: str):
        return {"name": "ann"} if token == "s3cr3t" else None

    @entry(no_auth=True)
    async def get(self, status: int = 200):
        if status >= 400:
            raise Problem(status, "so asked")
        return "Welcome.", {"set-cookie": "session=c00kie", "x-shelf": "7"}

    @entry(no_auth=True)
    async def get_bug(self):
        raise LookupError("no such shelf")

    @entry(no_auth=True)
    async def get_headers(self):
        headers: dict[str, str] = {}
        inject(headers)
        return headers


class Spans:
    """The spans of a provider, once they have ended."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def take(self) -> list[ReadableSpan]:
        spans = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return spans


@pytest.fixture
def spans() -> Spans:
    return Spans()


def shop(spans: Spans, **options: Any) -> Shop:
    app = Shop(name="shop", **options)
    app.register_blueprint(Items(), url_prefix="/items")
    OpenTelemetry(app, spans.provider)
    return app
