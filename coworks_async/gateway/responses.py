"""HTTP responses of the simulated gateway: from the Lambda function's result, or its own.

A REST API and a function URL rename some headers:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from coworks_async.gateway.messages import HttpResponse
from coworks_async.gateway.routes import GatewayDescription
from coworks_async.pipeline.responses import BODILESS_STATUSES

RENAMED = frozenset(
    {"authorization", "connection", "content-md5", "date", "max-forwards", "server", "user-agent", "www-authenticate"}
)
DROPPED = frozenset(
    {"expect", "host", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade", "via"}
)


class MalformedResult(ValueError):
    """A result of a Lambda function that the gateway does not accept."""


def to_http_response(via: str, method: str, raw: Any) -> HttpResponse:
    """Return the response that the client receives for a Lambda function's result.

    Raises:
        MalformedResult: the gateway does not accept the result.
    """
    result: Any = raw
    if via in ("http", "http-stage", "url") and not (isinstance(raw, Mapping) and "statusCode" in raw):
        # These gateways take any other value as a JSON body.
        result = {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(raw)}
    if not isinstance(result, Mapping) or not isinstance(result.get("statusCode"), int):
        raise MalformedResult("statusCode is missing or not an integer")
    status = result["statusCode"]
    body = _decode_body(result)
    headers = [pair for name, value in _list_headers(via, result) for pair in _forward_header(via, name, value)]
    names = {name for name, _ in headers}
    if via == "rest" and "content-type" not in names:
        headers.append(("content-type", "application/json"))
    if method == "HEAD" or status in BODILESS_STATUSES:
        body = b""
    elif "content-length" not in names:
        headers.append(("content-length", str(len(body))))
    return HttpResponse(status, tuple(headers), body, raw)


def _list_headers(via: str, result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    multi = result.get("multiValueHeaders") or {}
    if via in ("rest", "alb"):
        for name, values in multi.items():
            for value in values:
                yield name.lower(), _to_text(value)
    for name, value in (result.get("headers") or {}).items():
        if name not in multi:
            yield name.lower(), _to_text(value)
    if via not in ("rest", "alb"):
        for cookie in result.get("cookies") or ():
            yield "set-cookie", _to_text(cookie)


def _to_text(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise MalformedResult("a header value is not a string")
    return str(value)


def _forward_header(via: str, name: str, value: str) -> Iterator[tuple[str, str]]:
    if name in DROPPED:
        return
    if name in RENAMED and via in ("rest", "url"):
        yield f"x-amzn-remapped-{name}", value
    elif name != "connection":
        yield name, value


def _decode_body(result: Mapping[str, Any]) -> bytes:
    body = result.get("body")
    if body is not None and not isinstance(body, str):
        raise MalformedResult("the body is not a string")
    try:
        return base64.b64decode(body or "", validate=True) if result.get("isBase64Encoded") else (body or "").encode()
    except ValueError:
        raise MalformedResult("the body is not valid base64") from None


def gateway_response(description: GatewayDescription, type: str, message: str | None, status: int) -> HttpResponse:
    """Return a response of the gateway itself; for a REST API, the one that is deployed for this type."""
    if description.kind == "http":
        return message_response(status, message or "Internal Server Error")
    responses = {response.type: response for response in description.responses}
    response = responses.get(type) or responses[f"DEFAULT_{status // 100}XX"]
    body = response.body.replace("$context.error.messageString", json.dumps(message))
    return _create_response(response.status or status, response.headers, body)


def integration_failure(description: GatewayDescription | None, raw: Any) -> HttpResponse:
    """Return the 502 for a Lambda function that failed or whose result is malformed."""
    if description is None or description.kind == "http":
        return message_response(502, "Internal Server Error")
    response = gateway_response(description, "INTEGRATION_FAILURE", "Internal server error", 502)
    return HttpResponse(response.status, response.headers, response.body, raw)


def message_response(status: int, message: str) -> HttpResponse:
    """Return a response in the gateway's own format, which cannot be configured."""
    return _create_response(status, (("content-type", "application/json"),), json.dumps({"message": message}))


def _create_response(status: int, headers: tuple[tuple[str, str], ...], text: str) -> HttpResponse:
    body = text.encode()
    lowered = tuple((name.lower(), value) for name, value in headers)
    return HttpResponse(status, (*lowered, ("content-length", str(len(body)))), body)
