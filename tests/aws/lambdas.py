"""Gateway events as AWS's documentation shows them, written by hand, and how the tests read their answers."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coworks_async import TechMicroService, entry, request

Event = dict[str, Any]
Headers = Sequence[tuple[str, str]]

HOST = "abcdef123.execute-api.eu-west-1.amazonaws.com"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:shop"
METHOD_ARN = "arn:aws:execute-api:eu-west-1:123456789012:abcdef123/dev/GET/items/3"
MARK = f"{FUNCTION} dev"


@dataclass(frozen=True)
class Context:
    """What Lambda tells of an invocation, as far as it matters here."""

    invoked_function_arn: str = FUNCTION
    aws_request_id: str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    function_name: str = "shop"


@dataclass(frozen=True)
class Answer:
    """An answer of the handler's, as the client behind the gateway would see it."""

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
Ask = Callable[..., Answer]


def _lists(pairs: Headers) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists


def _body(body: bytes | str | None) -> tuple[str | None, bool]:
    if isinstance(body, bytes):
        return base64.b64encode(body).decode(), True
    return body, False


def rest(
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
    outer: str | None = None,
    authorizer: Any = None,
) -> Event:
    """A REST API's event; `outer` is the whole path, with the stage before it unless told."""
    headers = [("Host", host), ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"), *headers]
    text, encoded = _body(body)
    context: Event = {
        "domainName": host,
        "httpMethod": method,
        "identity": {"sourceIp": "203.0.113.9"},
        "path": f"/{stage}{path}" if outer is None else outer,
        "stage": stage,
    }
    if authorizer is not None:
        context["authorizer"] = authorizer
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": dict(headers),
        "multiValueHeaders": _lists(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _lists(query) or None,
        "pathParameters": {"proxy": path.strip("/")} if parameters is None else dict(parameters) or None,
        "stageVariables": None,
        "requestContext": context,
        "body": text,
        "isBase64Encoded": encoded,
    }


def http(
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
    """An HTTP API's event (2.0); `path` is the raw path, which holds a named stage."""
    headers = [("host", host), ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https"), *headers]
    text, encoded = _body(body)
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
        "headers": {name: ",".join(values) for name, values in _lists(headers).items()},
        "requestContext": context,
        "isBase64Encoded": encoded,
    }
    optional = {"body": text, "cookies": list(cookies)}
    return event | {name: value for name, value in optional.items() if value}


def url(method: str = "GET", path: str = "/", query: str = "", headers: Headers = (), **options: Any) -> Event:
    """A function URL's event; its path comes as it was sent."""
    return http(method, path, query, headers, host="abcdef.lambda-url.eu-west-1.on.aws", **options)


def alb(
    method: str = "GET",
    path: str = "/",
    query: Headers = (),
    headers: Headers = (),
    body: bytes | str | None = None,
    *,
    multi: bool = True,
) -> Event:
    """A load balancer's event; path and query come as they were sent."""
    own = [("host", "shop.example.com"), ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "http")]
    headers = [*own, *headers]
    text, encoded = _body(body)
    fields: Event = (
        {"multiValueHeaders": _lists(headers), "multiValueQueryStringParameters": _lists(query)}
        if multi
        else {"headers": dict(headers), "queryStringParameters": dict(query)}
    )
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/a/b"}},
        "httpMethod": method,
        "path": path,
        **fields,
        "body": text or "",
        "isBase64Encoded": encoded,
    }


def everywhere(method: str, path: str, headers: Headers = (), body: bytes | str | None = None) -> dict[str, Event]:
    """The same request in each format, by its name; it has no query."""
    return {
        "rest": rest(method, path, (), headers, body),
        "http": http(method, path, "", headers, body),
        "http-stage": http(method, f"/dev{path}", "", headers, body, stage="dev"),
        "url": url(method, path, "", headers, body=body),
        "alb": alb(method, path, (), headers, body),
        "alb-single": alb(method, path, (), headers, body, multi=False),
    }


class Echo(TechMicroService):
    """Tells what came of a request."""

    async def token_authorizer(self, token: str):
        return token == "token"

    @entry(no_auth=True)
    async def get(self, *path, **query):
        return _told(path, query)

    @entry(no_auth=True)
    async def post(self, *path, **names):
        return _told(path, names)

    @entry(no_auth=True)
    async def delete(self, *path, **names):
        return _told(path, names)


def _told(path: tuple[str, ...], names: Mapping[str, Any]) -> dict[str, Any]:
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
