"""`OpenTelemetry`: a span for each request. The SDK is imported late, so that a disabled one costs no cold start."""

import os
import re
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from coworks_async.extensions.tracing import RequestOutcome, report_failures
from coworks_async.extras import require
from coworks_async.pipeline.request import current_stage
from coworks_async.pipeline.trace import get_trace_header
from coworks_async.service import TechMicroService
from coworks_async.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

OUTCOME = "coworks.opentelemetry"
"""Scope key of the request's outcome."""

FLUSH_SECONDS = 2.0
"""Maximum wait for a collector at the end of a Lambda event; Lambda's default timeout is 3 s."""

RESPONSE_SECONDS = 0.2
"""Part of Lambda's remaining time that is reserved for the response."""

SECRET_HEADERS = ["authorization", "cookie", "token", "secret", "api-key", "password"]
"""Headers whose name contains one of these are masked. Headers are recorded only if the environment requests it."""

_INNER = "coworks.inner"
_XRAY_HEADER = b"x-amzn-trace-id"


class OpenTelemetry:
    """Traces a service's requests with OpenTelemetry.

    Spans go to the given provider, else to the global one, else to the collector at `OTEL_EXPORTER_OTLP_ENDPOINT`, by
    a provider that becomes the global one. Without any of them, or with `OTEL_SDK_DISABLED=true`, nothing is done. In
    Lambda spans are sent before the end of each event, because the execution environment is frozen then.

    Args:
        app: the service.
        tracer_provider: provider of spans.
        meter_provider: provider of metrics; the global one by default.
        user: the key of `request.auth` that identifies the user.

    Raises:
        ImportError: OpenTelemetry is not installed.
        DeclarationError: the service has already handled a request.

    Examples:
        >>> from coworks_async import TechMicroService
        >>> from coworks_async.extensions import OpenTelemetry
        >>> app = TechMicroService(name="shop")
        >>> telemetry = OpenTelemetry(app, user="sub")
    """

    def __init__(
        self,
        app: TechMicroService,
        tracer_provider: "TracerProvider | None" = None,
        *,
        meter_provider: "MeterProvider | None" = None,
        user: str = "name",
    ) -> None:
        require("OpenTelemetry", "opentelemetry.instrumentation.asgi", "otel")
        app.extensions["opentelemetry"] = self
        is_disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        self.service = app
        self.user = user
        self.tracer_provider = None if is_disabled else tracer_provider or get_provider(app.name)
        self.meter_provider = meter_provider
        self.enabled = self.tracer_provider is not None
        self._flushing: threading.Thread | None = None
        self._flush_lock = threading.Lock()
        if not self.enabled:
            return
        add_xray_propagator()
        report_failures(app, OUTCOME)
        app.add_middleware(SpanMiddleware, extension=self)
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            app.lambda_handler.after_event.append(self.flush)

    def flush(self, context: Any = None) -> None:
        """Send spans and metrics; wait at most `FLUSH_SECONDS`, and no longer than the remaining time of the event.

        The SDK runs in a thread, because it does not honour its timeout
        (https://github.com/open-telemetry/opentelemetry-python/issues/4568).
        """
        seconds = FLUSH_SECONDS
        if hasattr(context, "get_remaining_time_in_millis"):
            remaining = context.get_remaining_time_in_millis() / 1000 - RESPONSE_SECONDS
            seconds = max(min(seconds, remaining), 0.0)
        end = monotonic() + seconds
        earlier = self._flushing
        if earlier is not None:
            # An earlier event did not wait for its end.
            earlier.join(seconds)
        flushing = self._start_flush(earlier)
        flushing.join(max(end - monotonic(), 0.0))
        if flushing.is_alive():
            self.service.logger.warning(
                "OpenTelemetry did not send everything within %.3g s; it continues with the next event. "
                "Check that the collector is reachable.",
                seconds,
            )

    def _start_flush(self, earlier: threading.Thread | None) -> threading.Thread:
        """Return the thread that sends: the earlier one if it still runs, or one that has started since."""
        with self._flush_lock:  # the native runtime runs several events at once
            flushing = self._flushing
            if flushing is None or (flushing is earlier and not flushing.is_alive()):
                flushing = threading.Thread(target=self._flush, name="opentelemetry-flush", daemon=True)
                flushing.start()
                self._flushing = flushing
            return flushing

    def _flush(self) -> None:
        from opentelemetry import metrics

        for provider in (self.tracer_provider, self.meter_provider or metrics.get_meter_provider()):
            force_flush: Any = getattr(provider, "force_flush", None)
            try:
                if force_flush is not None and not force_flush(int(FLUSH_SECONDS * 1000)):
                    self.service.logger.warning("OpenTelemetry could not send everything")
            except Exception as error:
                self.service.logger.error("OpenTelemetry could not send spans or metrics", exc_info=error)


def get_provider(name: str) -> "TracerProvider | None":
    """Return the global provider. Without one, create it if the environment names a collector, else return None."""
    from opentelemetry import trace

    current = trace.get_tracer_provider()
    if not isinstance(current, trace.ProxyTracerProvider):
        return current
    # https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    if not {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} & os.environ.keys():
        return None
    require("OpenTelemetry", "opentelemetry.exporter.otlp.proto.http", "otel")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # The environment may override the service's name.
    defaults = Resource.create({"service.name": name, "deployment.environment.name": current_stage()})
    provider = TracerProvider(resource=defaults.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


def add_xray_propagator() -> None:
    """Read and write X-Ray's header besides `traceparent`, which has priority, unless the environment sets others."""
    from opentelemetry import propagate
    from opentelemetry.propagators.aws import AwsXRayPropagator
    from opentelemetry.propagators.composite import CompositePropagator

    current, xray = propagate.get_global_textmap(), AwsXRayPropagator()
    if "OTEL_PROPAGATORS" not in os.environ and not xray.fields <= current.fields:
        propagate.set_global_textmap(CompositePropagator([xray, current]))


class SpanMiddleware:
    """Creates a span for each request with OpenTelemetry's ASGI middleware.

    That middleware gets a scope without the query, whose values it would record, and with Lambda's segment as the
    parent. Of the response it gets only the start: at the end it would end the span, before a failure in later work is
    known.
    """

    def __init__(self, app: ASGIApp, extension: OpenTelemetry) -> None:
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
        from opentelemetry.util import http

        self.app = app
        self.extension = extension
        masked = http.get_custom_headers(http.OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS)
        self.traced_app = OpenTelemetryMiddleware(
            self.run_in_span,
            default_span_details=lambda scope: (get_span_name(scope["method"]), {}),
            tracer_provider=extension.tracer_provider,
            meter_provider=extension.meter_provider,
            http_capture_headers_sanitize_fields=[re.escape(extension.service.token_key), *SECRET_HEADERS, *masked],
            exclude_spans=["receive", "send"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        outer = {**scope, "query_string": b"", "headers": get_trace_headers(scope), _INNER: (scope, send)}
        await self.traced_app(outer, receive, send)

    async def run_in_span(self, outer: Scope, receive: Receive, traced_send: Send) -> None:
        """Run the app within the current span, and end the span."""
        from opentelemetry import trace

        scope, send = outer[_INNER]
        span = trace.get_current_span()
        outcome = scope[OUTCOME] = RequestOutcome(scope, lambda error: record_exception(span, error))

        async def send_wrapper(message: Message) -> None:
            await (traced_send if message["type"] == "http.response.start" else send)(message)
            outcome.handle_message(message)

        try:
            await self.app(scope, receive, send_wrapper)
        finally:
            self.describe(span, outcome)
        # After an exception, OpenTelemetry's middleware records it and ends the span.
        span.end(outcome.ended_at)

    def describe(self, span: "Span", outcome: RequestOutcome) -> None:
        """Name a span by its route and add attributes (https://opentelemetry.io/docs/specs/semconv/http/http-spans/)."""
        name = get_span_name(outcome.scope["method"])
        span.update_name(f"{name} {outcome.route}" if outcome.route is not None else name)
        attributes = {
            "coworks.service": self.extension.service.name,
            "coworks.stage": current_stage(),
            "coworks.entry": outcome.endpoint,
            "http.route": outcome.route,
            "enduser.id": outcome.get_user(self.extension.user),
            "faas.invocation_id": getattr(outcome.scope.get("aws.context"), "aws_request_id", None),
        }
        span.set_attributes({key: value for key, value in attributes.items() if value is not None})


def get_span_name(method: str) -> str:
    """Return the name of a span without a route: the method, or `HTTP` for an unknown one."""
    from opentelemetry.util.http import sanitize_method

    name = sanitize_method(method)
    return "HTTP" if name == "_OTHER" else name


def get_trace_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return a request's headers, with Lambda's segment as the parent if it is sampled."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    segment = get_trace_header()
    # If it is not sampled, X-Ray is probably disabled, which must not disable OpenTelemetry.
    if "aws.event" not in scope or "Sampled=1" not in segment:
        return headers
    return [*(pair for pair in headers if pair[0] != _XRAY_HEADER), (_XRAY_HEADER, segment.encode())]


def record_exception(span: "Span", error: BaseException) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, type(error).__name__))
    span.set_attribute("error.type", type(error).__qualname__)
