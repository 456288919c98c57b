"""Gateway events as AWS documents them, written by hand, and the results of the handler as a client sees them."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coworks_async import TechMicroService, entry, request

Event = dict[str, Any]
Headers = Sequence[tuple[str, str]]

HOST = "abcdef123.execute-api.eu-west-1.amazonaws.com"
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:shop"
METHOD_ARN = "arn:aws:execute-api:eu-west-1:123456789012:abcdef123/dev/GET/items/3"
SIGNING_KEY = "the signing key of the stage dev"


@dataclass(frozen=True)
class Context:
    """The attributes of Lambda's context that matter here."""

    invoked_function_arn: str = FUNCTION_ARN
    aws_request_id: str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    function_name: str = "shop"


def sign(purpose: str, content: str, *, arn: str = FUNCTION_ARN, stage: str = "dev", key: str = SIGNING_KEY) -> str:
    """Return the signature of a function's stage, computed independently of the service."""
    message = f"{purpose} {arn} {stage} {content}".encode("utf-8", "surrogatepass")
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def signed_context(principal: str = "{}", *, age: int = 0, purpose: str = "authorizer", **options: str) -> Event:
    """Return the context of an authorizer's result for a principal, issued some seconds ago."""
    issued = int(time.time()) - age
    signature = sign(purpose, f"{issued} {principal}", **options)
    return {"coworks": f"{issued} {signature}", "principal": principal}


@dataclass(frozen=True)
class ClientResponse:
    """A result of the handler as the client behind the gateway sees it."""

    raw: Mapping[str, Any]

    @property
    def status(self) -> int:
        return int(self.raw["statusCode"])

    @property
    def headers(self) -> list[tuple[str, str]]:
        lists = self.raw.get("multiValueHeaders") or {}
        pairs = [(name, value) for name, values in lists.items() for value in values]
        pairs += [(name.lower(), value) for name, value in (self.raw.get("headers") or {}).items()]
        return pairs + [("set-cookie", value) for value in self.raw.get("cookies") or ()]

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)

    @property
    def body(self) -> bytes:
        body = self.raw["body"]
        return base64.b64decode(body) if self.raw["isBase64Encoded"] else str.encode(body)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Invoke = Callable[..., Any]
SendEvent = Callable[..., ClientResponse]


def _group(pairs: Headers) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists


def _encode_body(body: bytes | str | None) -> tuple[str | None, bool]:
    if isinstance(body, bytes):
        return base64.b64encode(body).decode(), True
    return body, False


def rest_event(
    method: str = "GET",
    path: str = "/",
    query: Headers = (),
    headers: Headers = (),
    body: bytes | str | None = None,
    *,
    stage: str = "dev",
    host: str = HOST,
    resource: str = "/{proxy+}",
    parameters: Mapping[str, str] | None = None,
    full_path: str | None = None,
    authorizer: Any = None,
) -> Event:
    """Return a REST API's event. `full_path` defaults to the path after the stage."""
    headers = [("Host", host), ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"), *headers]
    text, is_base64 = _encode_body(body)
    context: Event = {
        "domainName": host,
        "httpMethod": method,
        "identity": {"sourceIp": "203.0.113.9"},
        "path": f"/{stage}{path}" if full_path is None else full_path,
        "stage": stage,
    }
    if authorizer is not None:
        context["authorizer"] = authorizer
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": dict(headers),
        "multiValueHeaders": _group(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _group(query) or None,
        "pathParameters": {"proxy": path.strip("/")} if parameters is None else dict(parameters) or None,
        "stageVariables": None,
        "requestContext": context,
        "body": text,
        "isBase64Encoded": is_base64,
    }


def http_event(
    method: str = "GET",
    path: str = "/",
    query: str = "",
    headers: Headers = (),
    body: bytes | str | None = None,
    *,
    stage: str = "$default",
    host: str = HOST,
    cookies: Sequence[str] = (),
    authorizer: Any = None,
) -> Event:
    """Return an HTTP API's event (payload 2.0). `path` is the raw path, which starts with a named stage."""
    headers = [("host", host), ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https"), *headers]
    text, is_base64 = _encode_body(body)
    context: Event = {
        "domainName": host,
        "domainPrefix": host.partition(".")[0],
        "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9"},
        "stage": stage,
    }
    if authorizer is not None:
        context["authorizer"] = authorizer
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {name: ",".join(values) for name, values in _group(headers).items()},
        "requestContext": context,
        "isBase64Encoded": is_base64,
    }
    optional = {"body": text, "cookies": list(cookies)}
    return event | {name: value for name, value in optional.items() if value}


def url_event(method: str = "GET", path: str = "/", query: str = "", headers: Headers = (), **options: Any) -> Event:
    """Return a function URL's event. Its path is not decoded."""
    return http_event(method, path, query, headers, host="abcdef.lambda-url.eu-west-1.on.aws", **options)


def alb_event(
    method: str = "GET",
    path: str = "/",
    query: Headers = (),
    headers: Headers = (),
    body: bytes | str | None = None,
    *,
    multi: bool = True,
) -> Event:
    """Return a load balancer's event. Its path and query are not decoded."""
    own_headers = [("host", "shop.example.com"), ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "http")]
    headers = [*own_headers, *headers]
    text, is_base64 = _encode_body(body)
    fields: Event = (
        {"multiValueHeaders": _group(headers), "multiValueQueryStringParameters": _group(query)}
        if multi
        else {"headers": dict(headers), "queryStringParameters": dict(query)}
    )
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/a/b"}},
        "httpMethod": method,
        "path": path,
        **fields,
        "body": text or "",
        "isBase64Encoded": is_base64,
    }


def events_in_all_formats(
    method: str, path: str, headers: Headers = (), body: bytes | str | None = None
) -> dict[str, Event]:
    """Return the same request, without a query, as an event of each format, by the name of the format."""
    return {
        "rest": rest_event(method, path, (), headers, body),
        "http": http_event(method, path, "", headers, body),
        "http-stage": http_event(method, f"/dev{path}", "", headers, body, stage="dev"),
        "url": url_event(method, path, "", headers, body=body),
        "alb": alb_event(method, path, (), headers, body),
        "alb-single": alb_event(method, path, (), headers, body, multi=False),
    }


class Echo(TechMicroService):
    """A service that returns a description of each request."""

    async def token_authorizer(self, token: str):
        return token == "token"

    @entry(no_auth=True)
    async def get(self, *path, **query):
        return _describe_request(path, query)

    @entry(no_auth=True)
    async def post(self, *path, **names):
        return _describe_request(path, names)

    @entry(no_auth=True)
    async def delete(self, *path, **names):
        return _describe_request(path, names)


def _describe_request(path: tuple[str, ...], names: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "segments": path,
        "names": names,
        "path": request.url.path,
        "root_path": request.scope["root_path"],
        "url": str(request.url),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.headers.raw],
        "cookies": request.cookies,
        "client": request.client.host if request.client else None,
        "scheme": request.url.scheme,
        "method": request.method,
    }
