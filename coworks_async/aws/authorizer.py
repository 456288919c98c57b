"""Lambda authorizer: its events, its results, and the marker that proves that a result comes from this function.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from coworks_async.aws.event_formats.base import encode_header_value
from coworks_async.exceptions import AuthorizerError
from coworks_async.pipeline.authorizer import has_expired
from coworks_async.pipeline.request import current_stage
from coworks_async.types import Event, Principal

# Keys of the context in a result, which the gateway adds to requests.
MARKER = "coworks"
PRINCIPAL = "principal"


def is_authorizer_event(event: Event) -> bool:
    """Return whether an event is for the authorizer. Only these contain the ARN of a method or route."""
    return "type" in event and event["type"] in ("TOKEN", "REQUEST") and ("methodArn" in event or "routeArn" in event)


def has_simple_result(event: Event) -> bool:
    """Return whether the gateway expects a boolean: an HTTP API with payload format 2.0."""
    return event.get("version") == "2.0"


def get_token(event: Event, token_key: str) -> str:
    """Return the token as the service would read it from the request: values are joined, and latin-1."""
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
    """Return the marker of this function, without its alias, and stage. It is empty if the function is unknown."""
    arn = getattr(context, "invoked_function_arn", None)
    return f"{_remove_qualifier(arn)} {current_stage()}" if arn else ""


@lru_cache(maxsize=16)
def _remove_qualifier(arn: str) -> str:
    return ":".join(arn.split(":")[:7])


def create_result(event: Event, context: Any, principal: Principal | None) -> dict[str, Any]:
    """Return the result that allows a principal, or denies if it is None."""
    result_context: dict[str, str] = {}
    if principal is not None:
        result_context = {MARKER: create_marker(context), PRINCIPAL: msgspec.json.encode(principal).decode()}
    if has_simple_result(event):
        return {"isAuthorized": principal is not None, "context": result_context}
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Deny" if principal is None else "Allow",
        # The whole stage, because the gateway may use the result for all routes while it is cached.
        "Resource": _to_stage_arn(event.get("methodArn") or event["routeArn"]),
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": MARKER, "policyDocument": policy, "context": result_context}


def create_rejection(event: Event, status: int) -> dict[str, Any]:
    """Return the result that rejects a token with 401 or 403; an HTTP API has no 401 for a token that it has received.

    Raises:
        AuthorizerError: a REST API turns exactly this message into a 401, which it does not cache.
    """
    if status == 401 and not has_simple_result(event):
        raise AuthorizerError("Unauthorized")
    return create_result(event, None, None)


def _to_stage_arn(arn: str) -> str:
    """Replace method and path in a method's ARN: `….abc/dev/GET/items/3` becomes `….abc/dev/*`."""
    api, slash, path = arn.partition("/")
    if not slash:
        raise AuthorizerError(f"Not the ARN of a method: {arn!r}. Expected <api>/<stage>/<method>/<path>.")
    return f"{api}/{path.partition('/')[0]}/*"


def get_trusted_principal(event: Event, context: Any) -> Principal | None:
    """Return the principal that this function's authorizer has allowed on this stage, or None.

    None if it has expired since, because the gateway has cached the result: the service then checks the token itself.
    """
    result = event["requestContext"].get("authorizer")
    if not result or not isinstance(result, dict):
        return None
    result = result.get("lambda", result)  # HTTP APIs nest it
    # Without the exact marker, the service checks the token itself.
    if not isinstance(result, dict) or not result.get(MARKER) or result[MARKER] != create_marker(context):
        return None
    try:
        principal = msgspec.json.decode(result.get(PRINCIPAL) or "")
        return principal if isinstance(principal, dict) and not has_expired(principal) else None
    except (msgspec.DecodeError, TypeError, AuthorizerError):
        return None


def has_several_tokens(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> bool:
    """Return whether the token's header was sent more than once, so that the gateway may have checked another value.

    A REST API sends only one of the values to its authorizer. An HTTP API joins them with commas.
    """
    by_name = dict(headers)
    if by_name.get(name, b"").find(b",") >= 0:
        return True
    # Fast path: no header is repeated.
    return len(by_name) != len(headers) and [each for each, _ in headers].count(name) > 1
