"""Extensions of a service. Each needs an extra (`jwt`, `otel`, `xray`), which is imported only if it is enabled."""

from coworks_async.extensions.jwt import JWT
from coworks_async.extensions.opentelemetry import OpenTelemetry
from coworks_async.extensions.xray import XRay

__all__ = ["JWT", "OpenTelemetry", "XRay"]
