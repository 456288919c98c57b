"""The span of each request, by OpenTelemetry's ASGI instrumentation. Loads it, where OpenTelemetry is on."""

import os
import re
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.metrics import MeterProvider
from opentelemetry.propagators.aws import AwsXRayPropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import Span, Status, StatusCode, TracerProvider
from opentelemetry.util.http import (
    OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS,
    get_custom_headers,
    sanitize_method,
)

from coworks_async.extensions.opentelemetry import OPENTELEMETRY
from coworks_async.extensions.tracing import Outcome
from coworks_async.pipeline.request import current_stage
from coworks_async.types import ASGIApp, Message, Receive, Scope, Send

_INSIDE = "coworks.inside"

_XRAY = b"x-amzn-trace-id"

SECRET_HEADERS = ["authorization", "cookie", "token", "secret", "api-key", "password"]
"""What the values of headers are hidden by, where the environment asks that headers be recorded; none is otherwise."""


def use_xray_headers() -> None:
    """Take and give X-Ray's header beside `traceparent`, which goes first, unless the environment tells otherwise."""
    present = propagate.get_global_textmap()
    own = AwsXRayPropagator()
    if "OTEL_PROPAGATORS" not in os.environ and not own.fields <= present.fields:
        propagate.set_global_textmap(CompositePropagator([own, present]))


class RequestSpans:
    """Makes a span of each request.

    OpenTelemetry's middleware stands around the service, and gets a scope of its own: without the query, whose values
    it would record, and with the header of Lambda's segment. What it learns of the answer is its start; it would end
    the span with the answer, before a failure in what comes after is known.

    Parameters:
        app: what answers.
        name: the service's.
        user: the key of `request.auth` that tells who asks.
        token_key: the header that is never recorded.
        tracer_provider, meter_provider: as OpenTelemetry's middleware takes them.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        name: str,
        user: str,
        token_key: str,
        tracer_provider: TracerProvider,
        meter_provider: MeterProvider | None,
    ) -> None:
        self.app = app
        self.name = name
        self.user = user
        hidden = get_custom_headers(OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS)
        self.traced = OpenTelemetryMiddleware(
            self.answer,
            default_span_details=_details,
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
            http_capture_headers_sanitize_fields=[re.escape(token_key), *SECRET_HEADERS, *hidden],
            exclude_spans=["receive", "send"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        outside = {**scope, "query_string": b"", "headers": _headers(scope), _INSIDE: (scope, send)}
        await self.traced(outside, receive, send)

    async def answer(self, outside: Scope, receive: Receive, told: Send) -> None:
        """Answer a request within its span."""
        scope, send = outside[_INSIDE]
        span = trace.get_current_span()
        outcome = scope[OPENTELEMETRY] = Outcome(scope, lambda error: _record(span, error))

        async def tell(message: Message) -> None:
            await (told if message["type"] == "http.response.start" else send)(message)
            outcome.sent(message)

        try:
            await self.app(scope, receive, tell)
        except BaseException:
            # OpenTelemetry's own middleware records it, and ends the span.
            self.describe(span, outcome)
            raise
        self.describe(span, outcome)
        span.end(outcome.ended_at)

    def describe(self, span: Span, outcome: Outcome) -> None:
        """Name a span by its route, and tell service, stage, entry and user.

        https://opentelemetry.io/docs/specs/semconv/http/http-spans/
        """
        method, _ = _details(outcome.scope)
        span.update_name(f"{method} {outcome.route}" if outcome.route is not None else method)
        entry = outcome.entry
        attributes = {
            "coworks.service": self.name,
            "coworks.stage": current_stage(),
            "coworks.entry": entry.endpoint if entry is not None else None,
            "http.route": outcome.route,
            "enduser.id": outcome.user(self.user),
            "faas.invocation_id": getattr(outcome.scope.get("aws.context"), "aws_request_id", None),
        }
        span.set_attributes({key: value for key, value in attributes.items() if value is not None})


def _details(scope: Scope) -> tuple[str, dict[str, Any]]:
    """Return the name of a span before its route is known: the method alone, and of those that exist."""
    method = sanitize_method(scope["method"])
    return ("HTTP" if method == "_OTHER" else method), {}


def _headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return a request's headers, with Lambda's own segment as its parent where that is sampled.

    Where it is not, X-Ray is most likely off, which should not turn OpenTelemetry off.
    """
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    segment = os.environ.get("_X_AMZN_TRACE_ID", "")
    if "aws.event" not in scope or "Sampled=1" not in segment:
        return headers
    return [*(pair for pair in headers if pair[0] != _XRAY), (_XRAY, segment.encode())]


def _record(span: Span, error: BaseException) -> None:
    span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, type(error).__name__))
    span.set_attribute("error.type", type(error).__qualname__)
