"""The events that gateways make of requests: the other side of the classes that read them.

Held to AWS's own samples, key by key:

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
from coworks_async.types import Event

TARGET_GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/local/0123456789abcdef"

# What HTTP APIs, function URLs and load balancers send as text; a form is not among them.
_TEXT = re.compile(r"text/.*|application/(json|javascript|xml)")

_HOP_BY_HOP = {name.decode() for name in HOP_BY_HOP_HEADERS}


def rest_event(request: HttpRequest, matched: RouteMatch) -> Event:
    """Return the event of a REST API, whose path comes as it was sent and whose query comes decoded."""
    headers = _with_forwarded(request)
    query = parse_qsl(request.query, keep_blank_values=True)
    path = request.path or "/"
    return {
        "resource": matched.resource,
        "path": matched.own_path if matched.own_host else path,
        "httpMethod": request.method,
        "headers": dict(headers) or None,
        "multiValueHeaders": _lists(headers) or None,
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _lists(query) or None,
        "pathParameters": dict(matched.parameters) if matched.parameters else None,
        "stageVariables": None,
        "requestContext": _rest_context(request, matched, path),
        # All media types are binary to the APIs of a deploy.
        "body": base64.b64encode(request.body).decode() if request.body else None,
        "isBase64Encoded": bool(request.body),
    }


def _rest_context(request: HttpRequest, matched: RouteMatch, path: str) -> dict[str, Any]:
    context: dict[str, Any] = {
        "accountId": ACCOUNT,
        "apiId": API,
        "domainName": request.domain,
        "domainPrefix": request.domain.partition(".")[0],
        "extendedRequestId": f"{request.id[:15]}=",
        "httpMethod": request.method,
        "identity": {
            "accessKey": None,
            "accountId": None,
            "caller": None,
            "clientCert": None,
            "cognitoAuthenticationProvider": None,
            "cognitoAuthenticationType": None,
            "cognitoIdentityId": None,
            "cognitoIdentityPoolId": None,
            "principalOrgId": None,
            "sourceIp": request.source_ip,
            "user": None,
            "userAgent": _agent(request),
            "userArn": None,
        },
        "path": path,
        "protocol": "HTTP/1.1",
        "requestId": request.id,
        "requestTime": _clock(request),
        "requestTimeEpoch": int(request.time * 1000),
        "resourceId": "local0",
        "resourcePath": matched.resource,
        "stage": matched.stage,
    }
    if matched.authorizer is not None:
        # To a REST API all of an authorizer's context is text.
        told = {name: _as_text(value) for name, value in matched.authorizer.items()}
        context["authorizer"] = {**told, "integrationLatency": 0}
    return context


def http_event(request: HttpRequest, matched: RouteMatch) -> Event:
    """Return the event of an HTTP API (payload 2.0), whose paths come decoded, after a named stage.

    On a custom domain as well: the stage stands there in the place of the base path, which no event tells (seen on AWS
    by others: https://github.com/CodeGenieApp/serverless-express/issues/465).
    """
    stage = "" if matched.stage == "$default" else f"/{matched.stage}"
    path = _decoded(request.path) if matched.own_host else stage + _decoded(matched.own_path)
    event = _event_2(request, path, _route_key(matched), matched.stage)
    event["requestContext"] |= {"accountId": ACCOUNT, "apiId": API, "authentication": None}
    if matched.authorizer is not None:
        event["requestContext"]["authorizer"] = {"lambda": dict(matched.authorizer)}
    return event | {
        "pathParameters": {name: unquote(value) for name, value in (matched.parameters or {}).items()} or None,
        "stageVariables": None,
    }


def url_event(request: HttpRequest) -> Event:
    """Return the event of a function URL, whose path comes as it was sent."""
    event = _event_2(request, request.path or "/", "$default", "$default")
    # By its domain a function's URL is told from an HTTP API, whatever this one was called by.
    domain = request.domain if ".lambda-url." in request.domain else f"{API}.lambda-url.{REGION}.on.aws"
    prefix = domain.partition(".")[0]
    event["requestContext"] |= {"accountId": "anonymous", "apiId": prefix, "domainName": domain, "domainPrefix": prefix}
    event["requestContext"] |= {"authentication": None, "authorizer": None}
    return event | {"pathParameters": None, "stageVariables": None}


def alb_event(request: HttpRequest, *, multi_value: bool = True) -> Event:
    """Return the event of a load balancer, whose path and query come as they were sent.

    Parameters:
        multi_value: as the target group's `lambda.multi_value_headers.enabled`; without, the last value counts.
    """
    headers = [(name.lower(), value) for name, value in _with_forwarded(request)]
    query = [pair.partition("=")[::2] for pair in request.query.split("&") if pair]
    body, encoded = _body(request)
    fields: dict[str, Any] = (
        {"multiValueQueryStringParameters": _lists(query), "multiValueHeaders": _lists(headers)}
        if multi_value
        else {"queryStringParameters": dict(query), "headers": dict(headers)}
    )
    return {
        "requestContext": {"elb": {"targetGroupArn": TARGET_GROUP}},
        "httpMethod": request.method,
        "path": request.path or "/",
        **fields,
        "body": body,
        "isBase64Encoded": encoded,
    }


def token_event(token: str, matched: RouteMatch, method: str) -> Event:
    """Return what a REST API asks its authorizer about a token."""
    return {"type": "TOKEN", "authorizationToken": token, "methodArn": matched.arn(method)}


def authorizer_event(request: HttpRequest, token: str, matched: RouteMatch) -> Event:
    """Return what an HTTP API asks its authorizer (payload 2.0) about a request."""
    event = http_event(request, matched)
    for name in ("body", "isBase64Encoded"):
        event.pop(name, None)
    return {
        **event,
        "type": "REQUEST",
        "routeArn": matched.arn(request.method),
        "identitySource": [token],
    }


def _event_2(request: HttpRequest, path: str, route_key: str, stage: str) -> Event:
    headers = [(name.lower(), value) for name, value in _with_forwarded(request)]
    cookies = [cookie for name, value in headers if name == "cookie" for cookie in value.split("; ")]
    query = parse_qsl(request.query, keep_blank_values=True)
    body, encoded = _body(request)
    event: Event = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": _joined((name, value) for name, value in headers if name != "cookie"),
        "requestContext": {
            "domainName": request.domain,
            "domainPrefix": request.domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": _agent(request),
            },
            "requestId": request.id,
            "routeKey": route_key,
            "stage": stage,
            "time": _clock(request),
            "timeEpoch": int(request.time * 1000),
        },
        "isBase64Encoded": encoded,
    }
    # What a request does not have is not in its event.
    optional = {"cookies": cookies, "queryStringParameters": _joined(query), "body": body}
    return event | {name: value for name, value in optional.items() if value}


def _route_key(matched: RouteMatch) -> str:
    return matched.resource if matched.resource == "$default" else f"{matched.method} {matched.resource}"


def _with_forwarded(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the headers with those that a gateway sets of its own."""
    scheme = request.scheme
    port = request.host[len(request.domain) + 1 :] or ("443" if scheme == "https" else "80")
    forwarded = ", ".join([*request.values("x-forwarded-for"), request.source_ip])
    own = {"X-Forwarded-For": forwarded, "X-Forwarded-Port": port, "X-Forwarded-Proto": scheme}
    replaced = {name.lower() for name in own} | _HOP_BY_HOP
    return [*((name, value) for name, value in request.headers if name.lower() not in replaced), *own.items()]


def _body(request: HttpRequest) -> tuple[str, bool]:
    """Return a body as all but REST APIs send it, and whether it is base64."""
    content_type = next(iter(request.values("content-type")), "").partition(";")[0].strip().lower()
    if not request.body:
        return "", False
    if _TEXT.fullmatch(content_type) and not request.values("content-encoding"):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass  # text of another charset
    return base64.b64encode(request.body).decode(), True


def _decoded(path: str) -> str:
    # An HTTP API takes a decoded question mark for the one that starts the query.
    return unquote(path or "/").partition("?")[0]


def _lists(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return lists


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: ",".join(values) for name, values in _lists(pairs).items()}


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _agent(request: HttpRequest) -> str:
    return next(iter(request.values("user-agent")), "")


def _clock(request: HttpRequest) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(request.time))
