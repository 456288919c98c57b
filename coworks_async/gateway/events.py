"""The events that gateways send to a Lambda function for a request.

Tested key by key against AWS's samples:

- REST APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
- HTTP APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
- function URLs: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
- load balancers: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
- authorizers: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
  and https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

import base64
import re
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote

from coworks_async.aws.event_formats.base import HOP_BY_HOP_HEADERS
from coworks_async.gateway.messages import ACCOUNT, API, REGION, HttpRequest, RouteMatch
from coworks_async.gateway.routes import DEFAULT
from coworks_async.types import Event

TARGET_GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/local/0123456789abcdef"

# Media types that HTTP APIs, function URLs and load balancers send as text. Forms are sent as base64.
_TEXT = re.compile(r"text/.*|application/(json|javascript|xml)")

_HOP_BY_HOP = {name.decode() for name in HOP_BY_HOP_HEADERS}

# Members of a REST API's `identity` that a Lambda authorizer leaves empty.
_UNUSED_IDENTITY = (
    *("accessKey", "accountId", "caller", "clientCert", "cognitoAuthenticationProvider", "cognitoAuthenticationType"),
    *("cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "user", "userArn"),
)


def rest_event(request: HttpRequest, match: RouteMatch) -> Event:
    """Return the event of a REST API, which decodes the query but not the path."""
    headers = _forward_headers(request)
    query = parse_qsl(request.query, keep_blank_values=True)
    path = request.path or "/"
    return {
        "resource": match.resource,
        "path": match.service_path if match.is_default_host else path,
        "httpMethod": request.method,
        "headers": dict(headers) or None,
        "multiValueHeaders": _group(headers) or None,
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _group(query) or None,
        "pathParameters": dict(match.parameters or {}) or None,
        "stageVariables": None,
        "requestContext": _rest_context(request, match, path),
        # Every media type is declared as binary.
        "body": base64.b64encode(request.body).decode() if request.body else None,
        "isBase64Encoded": bool(request.body),
    }


def _rest_context(request: HttpRequest, match: RouteMatch, path: str) -> dict[str, Any]:
    context: dict[str, Any] = {
        "accountId": ACCOUNT,
        "apiId": API,
        "domainName": request.domain,
        "domainPrefix": request.domain.partition(".")[0],
        "extendedRequestId": f"{request.id[:15]}=",
        "httpMethod": request.method,
        "identity": {
            **dict.fromkeys(_UNUSED_IDENTITY),
            "sourceIp": request.source_ip,
            "userAgent": request.value("user-agent"),
        },
        "path": path,
        "protocol": "HTTP/1.1",
        "requestId": request.id,
        "requestTime": _format_time(request),
        "requestTimeEpoch": int(request.time * 1000),
        "resourceId": "local0",
        "resourcePath": match.resource,
        "stage": match.stage,
    }
    if match.authorizer is not None:
        # A REST API converts the values to strings.
        values = match.authorizer.items()
        texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values}
        context["authorizer"] = {**texts, "integrationLatency": 0}
    return context


def http_event(request: HttpRequest, match: RouteMatch) -> Event:
    """Return the event of an HTTP API (payload 2.0), which decodes the path and puts a named stage first."""
    sent = request.path if match.is_default_host else match.service_path
    # A decoded question mark is taken as the start of the query.
    path = unquote(sent or "/").partition("?")[0]
    if not match.is_default_host and match.stage != DEFAULT:
        # The stage replaces the base path (https://github.com/CodeGenieApp/serverless-express/issues/465).
        path = f"/{match.stage}{path}"
    route_key = DEFAULT if match.resource == DEFAULT else f"{match.method} {match.resource}"
    event = _payload_2_event(request, path, route_key, match.stage)
    event["requestContext"] |= {"accountId": ACCOUNT, "apiId": API, "authentication": None}
    if match.authorizer is not None:
        event["requestContext"]["authorizer"] = {"lambda": dict(match.authorizer)}
    parameters = {name: unquote(value) for name, value in (match.parameters or {}).items()}
    return event | {"pathParameters": parameters or None, "stageVariables": None}


def url_event(request: HttpRequest) -> Event:
    """Return the event of a function URL, which does not decode the path."""
    event = _payload_2_event(request, request.path or "/", DEFAULT, DEFAULT)
    # The handler recognizes a function URL by its domain, so the event has one whatever the request's host.
    domain = request.domain if ".lambda-url." in request.domain else f"{API}.lambda-url.{REGION}.on.aws"
    prefix = domain.partition(".")[0]
    event["requestContext"] |= {"accountId": "anonymous", "apiId": prefix, "domainName": domain, "domainPrefix": prefix}
    event["requestContext"] |= {"authentication": None, "authorizer": None}
    return event | {"pathParameters": None, "stageVariables": None}


def alb_event(request: HttpRequest) -> Event:
    """Return the event of a load balancer with multi-value headers, which decodes neither path nor query."""
    headers = [(name.lower(), value) for name, value in _forward_headers(request)]
    query = [pair.partition("=")[::2] for pair in request.query.split("&") if pair]
    body, is_base64 = _encode_body(request)
    return {
        "requestContext": {"elb": {"targetGroupArn": TARGET_GROUP}},
        "httpMethod": request.method,
        "path": request.path or "/",
        "multiValueQueryStringParameters": _group(query),
        "multiValueHeaders": _group(headers),
        "body": body,
        "isBase64Encoded": is_base64,
    }


def token_event(token: str, match: RouteMatch, method: str) -> Event:
    """Return the authorizer event of a REST API."""
    return {"type": "TOKEN", "authorizationToken": token, "methodArn": match.arn(method)}


def authorizer_event(request: HttpRequest, token: str, match: RouteMatch) -> Event:
    """Return the authorizer event of an HTTP API (payload 2.0)."""
    event = http_event(request, match)
    del event["isBase64Encoded"]
    event.pop("body", None)
    return event | {"type": "REQUEST", "routeArn": match.arn(request.method), "identitySource": [token]}


def _payload_2_event(request: HttpRequest, path: str, route_key: str, stage: str) -> Event:
    headers = [(name.lower(), value) for name, value in _forward_headers(request)]
    cookies = [cookie for name, value in headers if name == "cookie" for cookie in value.split("; ")]
    query = parse_qsl(request.query, keep_blank_values=True)
    body, is_base64 = _encode_body(request)
    event: Event = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": _join((name, value) for name, value in headers if name != "cookie"),
        "requestContext": {
            "domainName": request.domain,
            "domainPrefix": request.domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": request.value("user-agent"),
            },
            "requestId": request.id,
            "routeKey": route_key,
            "stage": stage,
            "time": _format_time(request),
            "timeEpoch": int(request.time * 1000),
        },
        "isBase64Encoded": is_base64,
    }
    # Empty members are omitted, not null.
    optional = {"cookies": cookies, "queryStringParameters": _join(query), "body": body}
    return event | {name: value for name, value in optional.items() if value}


def _forward_headers(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the headers as the gateway sends them: with `X-Forwarded-…`, without hop-by-hop headers."""
    port = request.host[len(request.domain) + 1 :] or ("443" if request.scheme == "https" else "80")
    added = {
        "X-Forwarded-For": ", ".join([*request.values("x-forwarded-for"), request.source_ip]),
        "X-Forwarded-Port": port,
        "X-Forwarded-Proto": request.scheme,
    }
    replaced = {name.lower() for name in added} | _HOP_BY_HOP
    return [*((name, value) for name, value in request.headers if name.lower() not in replaced), *added.items()]


def _encode_body(request: HttpRequest) -> tuple[str, bool]:
    """Return the body as gateways other than a REST API send it, and whether it is base64."""
    if not request.body:
        return "", False
    content_type = request.value("content-type").partition(";")[0].strip().lower()
    if _TEXT.fullmatch(content_type) and not request.value("content-encoding"):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass  # text in another charset
    return base64.b64encode(request.body).decode(), True


def _group(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists


def _join(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: ",".join(values) for name, values in _group(pairs).items()}


def _format_time(request: HttpRequest) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(request.time))
