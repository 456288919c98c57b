"""The gateway asks first: authorizer events, the policy that answers them, and the mark that tells our own answer.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

from functools import lru_cache
from typing import Any

import msgspec

from coworks_async.aws.event_formats.base import header_bytes
from coworks_async.exceptions import AuthorizerError
from coworks_async.pipeline.request import current_stage
from coworks_async.types import Event, Principal

MARKER = "coworks"
PRINCIPAL = "principal"


def is_authorizer_event(event: Event) -> bool:
    """Tell whether a gateway asks about a token; no request's event names an ARN."""
    return "type" in event and event["type"] in ("TOKEN", "REQUEST") and ("methodArn" in event or "routeArn" in event)


def uses_simple_response(event: Event) -> bool:
    """Tell whether an authorizer event is an HTTP API's of the payload format 2.0, for which an answer is yes or no."""
    return event.get("version") == "2.0"


def get_token(event: Event, token_key: str) -> str:
    """Return the token that a gateway asks about, as the header of a request would hold it; empty where there is none.

    Sent twice, it is one value.
    """
    if event["type"] == "TOKEN":
        values = [event.get("authorizationToken") or ""]
    else:
        key = token_key.lower()
        multi = event.get("multiValueHeaders") or {}
        single = event.get("headers") or {}
        values = [value for name, listed in multi.items() if name.lower() == key for value in listed]
        values = values or [value for name, value in single.items() if name.lower() == key]
    return ",".join([header_bytes(value).decode("latin-1") for value in values])


def create_marker(context: Any) -> str:
    """Return the mark: this function, whatever alias it is called by, and this stage; empty where no function is."""
    arn = getattr(context, "invoked_function_arn", None)
    return f"{_unqualified(arn)} {current_stage()}" if arn else ""


@lru_cache(maxsize=16)
def _unqualified(arn: str) -> str:
    return ":".join(arn.split(":")[:7])


def authorizer_response(event: Event, context: Any, principal: Principal | None) -> dict[str, Any]:
    """Return the answer to an authorizer event, for the whole stage, so that it may be cached for all routes.

    Parameters:
        principal: whom the rule lets in, as JSON keeps it; None for nobody.
    """
    told = (
        {}
        if principal is None
        else {MARKER: create_marker(context), PRINCIPAL: msgspec.json.encode(principal).decode()}
    )
    if uses_simple_response(event):
        return {"isAuthorized": principal is not None, "context": told}
    return {
        "principalId": MARKER,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Deny" if principal is None else "Allow",
                    "Resource": stage_arn(event.get("methodArn") or event["routeArn"]),
                }
            ],
        },
        "context": told,
    }


def stage_arn(arn: str) -> str:
    """Return the ARN of a method's whole stage.

    Raises:
        AuthorizerError: it is no ARN of a method.

    Example:
        >>> whole_stage("arn:aws:execute-api:eu-west-1:123456789012:abcdef123/my-stage/GET/items/3")
        'arn:aws:execute-api:eu-west-1:123456789012:abcdef123/my-stage/*'
    """
    api, slash, rest = arn.partition("/")
    if not slash:
        raise AuthorizerError(f"The event asks about {arn!r}, which is no ARN of a method (<api>/<stage>/<method>/...)")
    return f"{api}/{rest.partition('/')[0]}/*"


def trusted_principal(event: Event, context: Any) -> Principal | None:
    """Return whom our own authorizer let in with a request, by the mark of this function and stage; else None."""
    told = event["requestContext"].get("authorizer")
    if not told or not isinstance(told, dict):
        return None
    told = told.get("lambda", told)  # as HTTP APIs have it
    if not isinstance(told, dict) or not told.get(MARKER) or told[MARKER] != create_marker(context):
        return None
    try:
        principal = msgspec.json.decode(told.get(PRINCIPAL) or "")
    except (msgspec.DecodeError, TypeError):
        return None
    return principal if isinstance(principal, dict) else None
