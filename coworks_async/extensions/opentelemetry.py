"""OpenTelemetry: a span of each request."""

import os
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from coworks_async.extensions.extras import require
from coworks_async.extensions.tracing import watch_failures
from coworks_async.pipeline.request import current_stage
from coworks_async.service import TechMicroService

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

OPENTELEMETRY = "coworks.opentelemetry"
"""The key of a scope under which stands what its request's span will tell."""

ENDPOINTS = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}
"""https://opentelemetry.io/docs/specs/otel/protocol/exporter/"""

FLUSH_SECONDS = 2.0
"""How long the end of a Lambda event waits for a collector: less than a Lambda's time, which is 3 s by default."""

ANSWER_SECONDS = 0.2
"""What is left of a Lambda's time for the answer itself."""


class OpenTelemetry:
    """Traces a service's requests with OpenTelemetry.

    Spans go to the provider that is given, or to the global one, or else to the collector of
    `OTEL_EXPORTER_OTLP_ENDPOINT`, by a provider that is made here and is the global one from now on. Where there is
    none of the three, and with `OTEL_SDK_DISABLED=true`, it does nothing at all. In Lambda spans are sent before the
    end of each event, since the container is frozen then.

    Parameters:
        app: the service.
        tracer_provider, meter_provider: where spans and measurements go; the global ones by default.
        user: the key of `request.auth` that tells who asks.

    Raises:
        ImportError: OpenTelemetry is not installed.
        DeclarationError: the service answers requests already.

    Example:
        >>> app = SimpleMicroService()
        >>> OpenTelemetry(app)
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
        self.logger = app.logger
        self.tracer_provider = None if _is_disabled() else tracer_provider or _provider(app.name)
        self.meter_provider = meter_provider
        self.enabled = self.tracer_provider is not None
        self._flushing: threading.Thread | None = None
        if self.tracer_provider is None:
            return
        from coworks_async.extensions.opentelemetry_requests import RequestSpans, use_xray_headers

        use_xray_headers()
        watch_failures(app, OPENTELEMETRY)
        app.add_middleware(
            RequestSpans,
            name=app.name,
            user=user,
            token_key=app.token_key,
            tracer_provider=self.tracer_provider,
            meter_provider=meter_provider,
        )
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            app.lambda_handler.after_event.append(self.flush)

    def flush(self, context: Any = None) -> None:
        """Send what there is, and wait for it, though for no longer than `FLUSH_SECONDS` or than the Lambda may.

        In a thread: the SDK heeds no time-out (https://github.com/open-telemetry/opentelemetry-python/issues/4568).

        Parameters:
            context: the Lambda's, which tells the time that it has left.
        """
        seconds = _seconds_to_wait(context)
        end = monotonic() + seconds
        if self._flushing is not None:
            # What a former event could not wait for; it went on when the container did.
            self._flushing.join(seconds)
        if self._flushing is None or not self._flushing.is_alive():
            self._flushing = threading.Thread(target=self._flush, name="opentelemetry-flush", daemon=True)
            self._flushing.start()
            self._flushing.join(max(end - monotonic(), 0.0))
        if self._flushing.is_alive():
            self.logger.warning(
                "OpenTelemetry did not send all within %.3g s and goes on at the next event: is its collector there?",
                seconds,
            )

    def _flush(self) -> None:
        """Send what there is; where that fails it is logged."""
        from opentelemetry import metrics

        for provider in (self.tracer_provider, self.meter_provider or metrics.get_meter_provider()):
            force_flush: Any = getattr(provider, "force_flush", None)
            try:
                if force_flush is not None and not force_flush(int(FLUSH_SECONDS * 1000)):
                    self.logger.warning("OpenTelemetry could not send all it had")
            except Exception as error:
                self.logger.error("OpenTelemetry could not send what it had", exc_info=error)


def _seconds_to_wait(context: Any) -> float:
    """Return how long a flush may take: a Lambda that runs out of time would answer nothing at all."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return FLUSH_SECONDS if left is None else max(min(FLUSH_SECONDS, left() / 1000 - ANSWER_SECONDS), 0.0)


def _provider(name: str) -> "TracerProvider | None":
    """Return the global provider, one that is made of the environment where there is none, or None."""
    from opentelemetry import trace

    provider = trace.get_tracer_provider()
    if not isinstance(provider, trace.ProxyTracerProvider):
        return provider
    if not ENDPOINTS & os.environ.keys():
        return None
    provider = _exporting_provider(name)
    trace.set_tracer_provider(provider)
    return provider


def _is_disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def _exporting_provider(name: str) -> "TracerProvider":
    """Return a provider that sends spans by OTLP over HTTP; the environment tells where, and may rename the service."""
    require("OpenTelemetry", "opentelemetry.exporter.otlp.proto.http", "otel")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    own = {"service.name": name, "deployment.environment.name": current_stage()}
    provider = TracerProvider(resource=Resource.create(own).merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
