"""HTTP responses of a gateway: from the Lambda function's result, or its own.

A REST API and a function URL rename some headers:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from coworks_async.gateway.messages import HttpResponse
from coworks_async.gateway.routes import GatewayDescription
from coworks_async.pipeline.responses import has_body

RENAMED = frozenset(
    {"authorization", "connection", "content-md5", "date", "max-forwards", "server", "user-agent", "www-authenticate"}
)
DROPPED = frozenset(
    {"connection", "expect", "host", "keep-alive", "proxy-authenticate"}
    | {"te", "trailer", "transfer-encoding", "upgrade", "via"}
)

HTTP_RESPONSES = {
    "UNAUTHORIZED": (401, "Unauthorized"),
    "ACCESS_DENIED": (403, "Forbidden"),
    "REQUEST_TOO_LARGE": (413, "Request Too Long"),
    "AUTHORIZER_FAILURE": (500, "Internal Server Error"),
    "INTEGRATION_FAILURE": (502, "Internal Server Error"),
}
"""Fixed responses of HTTP APIs, load balancers and function URLs, by the response type of a REST API."""


class MalformedResult(ValueError):
    """A function's result that the gateway does not accept."""


def to_http_response(via: str, method: str, raw: Any) -> HttpResponse:
    """Return the response that the client receives for a function's result, or raise `MalformedResult`."""
    result: Any = raw
    if via in ("http", "http-stage", "url") and not (isinstance(raw, Mapping) and "statusCode" in raw):
        # They take any other value as a JSON body.
        result = {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(raw)}
    if not isinstance(result, Mapping) or not isinstance(result.get("statusCode"), int):
        raise MalformedResult("statusCode is missing or not an integer")
    status = result["statusCode"]
    body = _decode_body(result)
    headers = _list_headers(via, result)
    if not has_body(method, status):
        body = b""
    elif all(name != "content-length" for name, _ in headers):
        headers.append(("content-length", str(len(body))))
    return HttpResponse(status, tuple(headers), body, raw)


def to_http_head(via: str, prelude: bytes) -> HttpResponse:
    """Return status and headers of a streamed response, or raise `MalformedResult`.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
    """
    try:
        head = json.loads(prelude)
    except ValueError:
        head = None
    if not isinstance(head, Mapping) or not isinstance(head.get("statusCode", 200), int):
        raise MalformedResult("the prelude of the stream is not a JSON object with an integer statusCode")
    headers = _list_headers(via, head)
    if via == "rest":
        headers += _list_cookies(head)
    return HttpResponse(head.get("statusCode", 200), tuple(headers), b"")


def _list_headers(via: str, result: Mapping[str, Any]) -> list[tuple[str, str]]:
    headers = list(_rename_headers(via, result))
    if via == "rest" and all(name != "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    return headers


def _list_cookies(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("set-cookie", cookie) for cookie in result.get("cookies") or ()]


def _rename_headers(via: str, result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    has_lists = via in ("rest", "alb")
    multi = (result.get("multiValueHeaders") or {}) if has_lists else {}
    pairs = [(name, value) for name, values in multi.items() for value in values]
    pairs += [(name, value) for name, value in (result.get("headers") or {}).items() if name not in multi]
    if not has_lists:
        pairs += _list_cookies(result)
    for name, value in pairs:
        if not isinstance(value, str | int | float):
            raise MalformedResult("a header value is not a string")
        lower = name.lower()
        if lower in RENAMED and via in ("rest", "url"):
            yield f"x-amzn-remapped-{lower}", str(value)
        elif lower not in DROPPED:
            yield lower, str(value)


def _decode_body(result: Mapping[str, Any]) -> bytes:
    body = result.get("body")
    if body is not None and not isinstance(body, str):
        raise MalformedResult("the body is not a string")
    try:
        return base64.b64decode(body or "", validate=True) if result.get("isBase64Encoded") else (body or "").encode()
    except ValueError:
        raise MalformedResult("the body is not valid base64") from None


def gateway_response(description: GatewayDescription | None, cause: str) -> HttpResponse:
    """Return a response of the gateway itself, by API Gateway's name of its cause."""
    if description is None or description.kind == "http":
        return message_response(*HTTP_RESPONSES[cause])
    responses = {response.type: response for response in description.responses}
    response = responses.get(cause) or responses["DEFAULT_5XX"]
    body = response.body.replace("$context.error.messageString", '"Internal server error"')
    return _create_response(response.status or 502, response.headers, body)


def message_response(status: int, message: str) -> HttpResponse:
    return _create_response(status, (("content-type", "application/json"),), json.dumps({"message": message}))


def _create_response(status: int, headers: tuple[tuple[str, str], ...], text: str) -> HttpResponse:
    body = text.encode()
    lowered = tuple((name.lower(), value) for name, value in headers)
    return HttpResponse(status, (*lowered, ("content-length", str(len(body)))), body)
