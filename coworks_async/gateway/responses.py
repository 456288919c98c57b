"""What a gateway makes of a Lambda's answer, and what it answers alone.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html tells which headers a REST
API renames; function URLs do so as well.
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


class MalformedResponse(ValueError):
    """A Lambda answered what is none for its gateway."""


def to_http_response(via: str, method: str, raw: Any) -> HttpResponse:
    """Return what the client gets of a Lambda's answer.

    Raises:
        AnswerError: it has not the form that this gateway takes.
    """
    if via in ("http", "http-stage", "url") and not (isinstance(raw, Mapping) and "statusCode" in raw):
        # These take a bare value for a body in JSON.
        raw_answer: Any = {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(raw)}
    else:
        raw_answer = raw
    if not isinstance(raw_answer, Mapping) or not isinstance(raw_answer.get("statusCode"), int):
        raise MalformedResponse("it has no statusCode")
    status = raw_answer["statusCode"]
    body = _body(raw_answer)
    headers = [pair for name, value in _headers(via, raw_answer) for pair in _passed(via, name, value)]
    names = {name for name, _ in headers}
    if via == "rest" and "content-type" not in names:
        headers.append(("content-type", "application/json"))
    if method == "HEAD" or status in BODILESS_STATUSES:
        body = b""
    elif "content-length" not in names:
        headers.append(("content-length", str(len(body))))
    return HttpResponse(status, tuple(headers), body, raw)


def _headers(via: str, raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    several = raw.get("multiValueHeaders") or {}
    if via in ("rest", "alb"):
        for name, values in several.items():
            for value in values:
                yield name.lower(), _text(value)
    for name, value in (raw.get("headers") or {}).items():
        if name not in several:
            yield name.lower(), _text(value)
    if via not in ("rest", "alb"):
        for cookie in raw.get("cookies") or ():
            yield "set-cookie", _text(cookie)


def _text(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise MalformedResponse("a header's value is no text")
    return str(value)


def _passed(via: str, name: str, value: str) -> Iterator[tuple[str, str]]:
    if name in DROPPED:
        return
    if name in RENAMED and via in ("rest", "url"):
        yield f"x-amzn-remapped-{name}", value
    elif name != "connection":
        yield name, value


def _body(raw: Mapping[str, Any]) -> bytes:
    body = raw.get("body")
    if body is not None and not isinstance(body, str):
        raise MalformedResponse("the body is no text")
    try:
        return base64.b64decode(body or "", validate=True) if raw.get("isBase64Encoded") else (body or "").encode()
    except ValueError:
        raise MalformedResponse("the body is no base64") from None


def gateway_response(plan: GatewayDescription, type: str, text: str | None, status: int) -> HttpResponse:
    """Return what a gateway answers alone; a REST API by the response that was deployed for the occasion."""
    if plan.kind == "http":
        return message_response(status, text or "Internal Server Error")
    responses = {response.type: response for response in plan.responses}
    response = responses.get(type) or responses[f"DEFAULT_{status // 100}XX"]
    body = response.body.replace("$context.error.messageString", json.dumps(text))
    return _answer(response.status or status, response.headers, body)


def integration_failure(plan: GatewayDescription | None, status: int, raw: Any) -> HttpResponse:
    """Return what a gateway makes of a Lambda that failed, or whose answer is none."""
    if plan is None or plan.kind == "http":
        return message_response(status, "Internal Server Error")
    answer = gateway_response(plan, "INTEGRATION_FAILURE", "Internal server error", status)
    return HttpResponse(answer.status, answer.headers, answer.body, raw)


def message_response(status: int, text: str) -> HttpResponse:
    """Return an answer in the gateway's own form, which nothing that is deployed can change."""
    return _answer(status, (("content-type", "application/json"),), json.dumps({"message": text}))


def _answer(status: int, headers: tuple[tuple[str, str], ...], text: str) -> HttpResponse:
    body = text.encode()
    named = tuple((name.lower(), value) for name, value in headers)
    return HttpResponse(status, (*named, ("content-length", str(len(body)))), body)
