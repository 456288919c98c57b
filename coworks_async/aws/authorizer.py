"""Lambda authorizer: authorizer events, the policy they result in, and the marker of our own results.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

from functools import lru_cache
from typing import Any

import msgspec

from coworks_async.aws.event_formats.base import encode_header_value
from coworks_async.exceptions import AuthorizerError
from coworks_async.pipeline.request import current_stage
from coworks_async.types import Event, Principal

# Keys of the context in an authorizer's result.
MARKER = "coworks"
PRINCIPAL = "principal"


def is_authorizer_event(event: Event) -> bool:
    """Return whether an event is for the authorizer. The event of a request contains no method or route ARN."""
    return "type" in event and event["type"] in ("TOKEN", "REQUEST") and ("methodArn" in event or "routeArn" in event)


def has_simple_result(event: Event) -> bool:
    """Return whether the gateway expects a boolean: an HTTP API with payload format 2.0."""
    return event.get("version") == "2.0"


def get_token(event: Event, token_key: str) -> str:
    """Return the token of an authorizer event as in a request's header, or an empty string.

    Repeated headers are joined, as in a request.
    """
    if event["type"] == "TOKEN":
        values = [event.get("authorizationToken") or ""]
    else:
        key = token_key.lower()
        multi = event.get("multiValueHeaders") or {}
        single = event.get("headers") or {}
        values = [value for name, listed in multi.items() if name.lower() == key for value in listed]
        values = values or [value for name, value in single.items() if name.lower() == key]
    return ",".join([encode_header_value(value).decode("latin-1") for value in values])


def create_marker(context: Any) -> str:
    """Return the marker of this function and stage, the same for all aliases. Empty if the function is unknown."""
    arn = getattr(context, "invoked_function_arn", None)
    return f"{_remove_qualifier(arn)} {current_stage()}" if arn else ""


@lru_cache(maxsize=16)
def _remove_qualifier(arn: str) -> str:
    return ":".join(arn.split(":")[:7])


def create_result(event: Event, context: Any, principal: Principal | None) -> dict[str, Any]:
    """Return the result of an authorizer event. It covers the whole stage, so it may be cached for all routes.

    Args:
        principal: the principal that is allowed, or None to deny.
    """
    marked: dict[str, Any] = {}
    if principal is not None:
        marked = {MARKER: create_marker(context), PRINCIPAL: msgspec.json.encode(principal).decode()}
    if has_simple_result(event):
        return {"isAuthorized": principal is not None, "context": marked}
    return {
        "principalId": MARKER,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Deny" if principal is None else "Allow",
                    "Resource": to_stage_arn(event.get("methodArn") or event["routeArn"]),
                }
            ],
        },
        "context": marked,
    }


def to_stage_arn(arn: str) -> str:
    """Return the ARN of the whole stage of a method's ARN.

    Raises:
        AuthorizerError: the ARN is not that of a method.

    Example:
        >>> to_stage_arn("arn:aws:execute-api:eu-west-1:123456789012:abcdef123/my-stage/GET/items/3")
        'arn:aws:execute-api:eu-west-1:123456789012:abcdef123/my-stage/*'
    """
    api, slash, path = arn.partition("/")
    if not slash:
        raise AuthorizerError(f"Not the ARN of a method: {arn!r}. Expected <api>/<stage>/<method>/<path>.")
    return f"{api}/{path.partition('/')[0]}/*"


def trusted_principal(event: Event, context: Any) -> Principal | None:
    """Return the principal that our own authorizer allowed, if the request has the marker of this function and stage.

    Anything else in `requestContext.authorizer` returns None, so the service checks the token itself.
    """
    result = event["requestContext"].get("authorizer")
    if not result or not isinstance(result, dict):
        return None
    result = result.get("lambda", result)  # HTTP APIs nest it
    if not isinstance(result, dict) or not result.get(MARKER) or result[MARKER] != create_marker(context):
        return None
    try:
        principal = msgspec.json.decode(result.get(PRINCIPAL) or "")
    except (msgspec.DecodeError, TypeError):
        return None
    return principal if isinstance(principal, dict) else None
