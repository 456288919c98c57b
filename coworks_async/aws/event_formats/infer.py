"""Find the format of an event."""

from typing import Any

from coworks_async.aws.event_formats.alb import AlbEvent
from coworks_async.aws.event_formats.http_api import FunctionUrlEvent, HttpApiEvent
from coworks_async.aws.event_formats.rest import RestEvent

RequestEvent = RestEvent | HttpApiEvent | AlbEvent


def infer_event_class(event: Any) -> type[RequestEvent] | None:
    """Return the event class of a request, or None for any other event."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict):
        return None
    if "httpMethod" in event:
        return AlbEvent if "elb" in context else RestEvent
    if "rawPath" in event and "http" in context:
        return FunctionUrlEvent if ".lambda-url." in str(context.get("domainName")) else HttpApiEvent
    return None
