"""Lambda authorizer: its events, its results, and the signature that proves that a result comes from this function.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from coworks_async.aws.event_formats.base import encode_header_value
from coworks_async.aws.signing import Signer
from coworks_async.exceptions import AuthorizerError
from coworks_async.pipeline.authorizer import has_expired
from coworks_async.types import Event, Principal

# Keys of the context in a result, which the gateway adds to requests. The signature follows the time of issue.
SIGNATURE = "coworks"
PRINCIPAL = "principal"

MAX_AGE = 3600
"""Seconds for which a result is trusted: the longest time for which a gateway caches one.

https://docs.aws.amazon.com/apigateway/latest/api/API_Authorizer.html
https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers-authorizerid.html
"""


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


def create_result(event: Event, result_context: dict[str, str] | None) -> dict[str, Any]:
    """Return the result that allows a request and adds a context to it, or denies it if the context is None."""
    is_allowed = result_context is not None
    if has_simple_result(event):
        return {"isAuthorized": is_allowed, "context": result_context or {}}
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow" if is_allowed else "Deny",
        # The whole stage, because the gateway may use the result for all routes while it is cached.
        "Resource": _to_stage_arn(event.get("methodArn") or event["routeArn"]),
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "coworks", "policyDocument": policy, "context": result_context or {}}


def create_result_context(principal: Principal, context: Any, signer: Signer) -> dict[str, str]:
    """Return a principal with its signature. Without a key there is no signature."""
    encoded = msgspec.json.encode(principal).decode()
    if not signer.has_key:
        return {PRINCIPAL: encoded}
    issued = str(int(time.time()))
    signature = signer.sign("authorizer", _join(issued, encoded), context)
    return {SIGNATURE: f"{issued} {signature}", PRINCIPAL: encoded}


def create_rejection(event: Event, status: int) -> dict[str, Any]:
    """Return the result that rejects a token with 401 or 403; an HTTP API has no 401 for a token that it has received.

    Raises:
        AuthorizerError: a REST API turns exactly this message into a 401, which it does not cache.
    """
    if status == 401 and not has_simple_result(event):
        raise AuthorizerError("Unauthorized")
    return create_result(event, None)


def _to_stage_arn(arn: str) -> str:
    """Replace method and path in a method's ARN: `….abc/dev/GET/items/3` becomes `….abc/dev/*`."""
    api, slash, path = arn.partition("/")
    if not slash:
        raise AuthorizerError(f"Not the ARN of a method: {arn!r}. Expected <api>/<stage>/<method>/<path>.")
    return f"{api}/{path.partition('/')[0]}/*"


def get_trusted_principal(event: Event, context: Any, signer: Signer) -> Principal | None:
    """Return the principal that this function's authorizer has allowed on this stage, or None.

    None if the signature is missing or invalid, or if the result or its principal has expired since: the service then
    checks the token itself.
    """
    result = event["requestContext"].get("authorizer")
    if not result or not isinstance(result, dict):
        return None
    result = result.get("lambda", result)  # HTTP APIs nest it
    if not isinstance(result, dict):
        return None
    signed, encoded = result.get(SIGNATURE), result.get(PRINCIPAL)
    if not isinstance(signed, str) or not isinstance(encoded, str):
        return None
    issued, _, signature = signed.partition(" ")
    if not signer.is_valid(signature, "authorizer", _join(issued, encoded), context):
        return None
    if time.time() - int(issued) > MAX_AGE:
        return None
    principal: Principal = msgspec.json.decode(encoded)
    return None if has_expired(principal) else principal


def _join(issued: str, principal: str) -> bytes:
    """Return the content that is signed. JSON may contain surrogates, which a strict encoder rejects."""
    return f"{issued} {principal}".encode("utf-8", "surrogatepass")


def has_several_tokens(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> bool:
    """Return whether the token's header was sent more than once, so that the gateway may have checked another value.

    A REST API sends only one of the values to its authorizer. An HTTP API joins them with commas.
    """
    by_name = dict(headers)
    if by_name.get(name, b"").find(b",") >= 0:
        return True
    # Fast path: no header is repeated.
    return len(by_name) != len(headers) and [each for each, _ in headers].count(name) > 1
