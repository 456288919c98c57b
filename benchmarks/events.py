"""The measured requests as events of a REST API and of an HTTP API, with the headers that a regional API adds."""

import time
from typing import Any
from urllib.parse import parse_qsl

from benchmarks.cases import Case

Event = dict[str, Any]

HOST = "abcdef123.execute-api.eu-west-1.amazonaws.com"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:bench"
METHOD_ARN = "arn:aws:execute-api:eu-west-1:123456789012:abcdef123/dev/GET/"

# Requests that the service's own authorizer in the gateway has allowed.
AUTHORIZED = "authorized by the gateway"

GATEWAY_HEADERS = {
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
    """The context that the runtime passes with an event."""

    function_name = "bench"
    invoked_function_arn = FUNCTION
    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    deadline = time.time() * 1000 + 900_000

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(self.deadline - time.time() * 1000))


def create_rest_event(case: Case, *, authorizer: dict[str, str] | None = None) -> Event:
    """Create an event of a REST API, behind its own authorizer if the result of that is given."""
    path, _, query = case.target.partition("?")
    headers = GATEWAY_HEADERS | case.headers
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
    if authorizer is not None:
        context["authorizer"] = authorizer
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


def create_http_event(case: Case) -> Event:
    """Create an event of an HTTP API (payload 2.0) with the stage $default."""
    path, _, query = case.target.partition("?")
    headers = {name.lower(): value for name, value in (GATEWAY_HEADERS | case.headers).items()}
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
