"""The measured requests as gateway events, with the headers that a regional API adds."""

import json
from typing import Any
from urllib.parse import parse_qsl

from benchmarks.cases import Case

Event = dict[str, Any]

HOST = "abcdef123.execute-api.eu-west-1.amazonaws.com"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:bench"

# Name of Starlette under Mangum with its default lifespan mode.
WITH_LIFESPAN = "starlette, lifespan"

_ADDED = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "Host": HOST,
    "User-Agent": "python-httpx/0.28.1",
    "X-Amzn-Trace-Id": "Root=1-65f1c2d3-0123456789abcdef01234567",
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Proto": "https",
}


class Context:
    """The Lambda context."""

    function_name = "bench"
    invoked_function_arn = FUNCTION
    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"


def rest_event(case: Case, *, marked: bool = False) -> Event:
    """Return a REST API's event; if `marked`, with the result of the service's own authorizer."""
    path, _, query = case.target.partition("?")
    headers = _ADDED | case.headers
    pairs = dict(parse_qsl(query))
    context: Event = {
        "accountId": "123456789012",
        "apiId": "abcdef123",
        "domainName": HOST,
        "domainPrefix": "abcdef123",
        "httpMethod": case.method,
        "identity": {"sourceIp": "203.0.113.9", "userAgent": headers["User-Agent"], "userArn": None},
        "path": f"/dev{path}",
        "protocol": "HTTP/1.1",
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "requestTimeEpoch": 1700000000000,
        "resourcePath": "/{proxy+}",
        "stage": "dev",
    }
    if marked:
        context["authorizer"] = {"coworks": f"{FUNCTION} dev", "principal": "{}", "principalId": "coworks"}
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": case.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": pairs or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in pairs.items()} or None,
        "pathParameters": {"proxy": path[1:]},
        "stageVariables": None,
        "requestContext": context,
        "body": case.body.decode() or None,
        "isBase64Encoded": False,
    }


def http_event(case: Case) -> Event:
    """Return an HTTP API's event (payload 2.0) with the stage $default."""
    path, _, query = case.target.partition("?")
    headers = {name.lower(): value for name, value in (_ADDED | case.headers).items()}
    http = {"method": case.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9"}
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdef123",
            "domainName": HOST,
            "domainPrefix": "abcdef123",
            "http": http,
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": 1700000000000,
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = dict(parse_qsl(query))
    return event | ({"body": case.body.decode()} if case.body else {})


def copies(event: Event, number: int) -> list[Event]:
    """Return copies of an event, each parsed from JSON as a runtime does, so that no string is shared."""
    text = json.dumps(event)
    return [json.loads(text) for _ in range(number)]
