"""Extensions of a service; what each needs beyond the package is an extra, loaded when the extension is made."""

from coworks_async.extensions.opentelemetry import OpenTelemetry
from coworks_async.extensions.xray import XRay

__all__ = ["OpenTelemetry", "XRay"]
