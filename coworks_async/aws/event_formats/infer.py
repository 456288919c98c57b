"""Find the format of an event."""

from collections.abc import Collection
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


def is_stream_completion(event: Any, streaming_callers: Collection[type[RequestEvent]]) -> bool:
    """Return whether an event that is not a request is what API Gateway may send after it has streamed a response.

    AWS does not document that event. It is taken to be one with the request context of API Gateway, which has a stage,
    but without a request and without the connection of a WebSocket.
    """
    if RestEvent not in streaming_callers or not isinstance(event, dict):
        return False
    context = event.get("requestContext")
    # Events of other services have a request context, too, such as the results that Lambda sends to a destination.
    if not isinstance(context, dict) or "stage" not in context:
        return False
    return not ({"httpMethod", "rawPath"} & event.keys() or "connectionId" in context)
