"""Extensions of a service. Each needs an extra (`otel`, `xray`), which is imported only if the extension is enabled."""

from coworks_async.extensions.opentelemetry import OpenTelemetry
from coworks_async.extensions.xray import XRay

__all__ = ["OpenTelemetry", "XRay"]
