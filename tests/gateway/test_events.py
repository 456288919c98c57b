"""Built events: exactly the keys of AWS's samples, and their values."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from coworks_async.gateway.events import alb_event, authorizer_event, http_event, rest_event, token_event, url_event
from coworks_async.gateway.messages import HttpRequest, RouteMatch, SimulatedContext

REQUEST = HttpRequest(
    method="POST",
    path="/dev/my/a%20b",
    query="parameter1=value1&parameter1=value+2&parameter2=%C3%A9&flag",
    headers=(
        ("Host", "id.execute-api.us-east-1.amazonaws.com"),
        ("User-Agent", "agent"),
        ("Header2", "value1"),
        ("Header2", "value2"),
        ("Cookie", "one=1; two=2"),
        ("Cookie", "three=3"),
        ("Content-Type", "text/plain"),
        ("Connection", "keep-alive"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Proto", "gopher"),
    ),
    body=b"Hello",
    source_ip="192.0.2.2",
    time=1583348638.39,
)
MATCH = RouteMatch(
    service_path="/my/a%20b",
    stage="dev",
    is_default_host=True,
    resource="/my/{name}",
    method="POST",
    parameters={"name": "a%20b"},
    authorizer={"marker": "us", "number": 1, "yes": True},
)

# The keys of each sample and of its nested objects.

# https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
REST = {
    "": {"resource", "path", "httpMethod", "headers", "multiValueHeaders", "queryStringParameters"}
    | {"multiValueQueryStringParameters", "requestContext", "pathParameters", "stageVariables", "body"}
    | {"isBase64Encoded"},
    "requestContext": {"accountId", "apiId", "authorizer", "domainName", "domainPrefix", "extendedRequestId"}
    | {"httpMethod", "identity", "path", "protocol", "requestId", "requestTime", "requestTimeEpoch", "resourceId"}
    | {"resourcePath", "stage"},
    "requestContext.identity": {"accessKey", "accountId", "caller", "cognitoAuthenticationProvider"}
    | {"cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "sourceIp"}
    | {"user", "userAgent", "userArn", "clientCert"},
}

_CONTEXT_2 = {"accountId", "apiId", "authentication", "authorizer", "domainName", "domainPrefix", "http", "requestId"}
_CONTEXT_2 |= {"routeKey", "stage", "time", "timeEpoch"}
_EVENT_2 = {"version", "routeKey", "rawPath", "rawQueryString", "cookies", "headers", "queryStringParameters"}
_EVENT_2 |= {"requestContext", "body", "pathParameters", "isBase64Encoded", "stageVariables"}
_HTTP = {"method", "path", "protocol", "sourceIp", "userAgent"}

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
HTTP = {"": _EVENT_2, "requestContext": _CONTEXT_2, "requestContext.http": _HTTP}

# https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
URL = HTTP

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
ALB = {
    "": {"requestContext", "httpMethod", "path", "multiValueQueryStringParameters", "multiValueHeaders"}
    | {"isBase64Encoded", "body"},
    "requestContext": {"elb"},
    "requestContext.elb": {"targetGroupArn"},
}

# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
TOKEN = {"": {"type", "authorizationToken", "methodArn"}}

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
AUTHORIZER = {
    "": _EVENT_2 - {"body", "isBase64Encoded"} | {"type", "routeArn", "identitySource"},
    "requestContext": _CONTEXT_2 - {"authorizer"},
    "requestContext.http": _HTTP,
}


@pytest.mark.parametrize(
    ("event", "sample"),
    [
        (rest_event(REQUEST, MATCH), REST),
        (http_event(REQUEST, MATCH), HTTP),
        (url_event(REQUEST), URL),
        (alb_event(REQUEST), ALB),
        (token_event("token", MATCH, "GET"), TOKEN),
        (authorizer_event(REQUEST, "token", replace(MATCH, authorizer=None)), AUTHORIZER),
    ],
    ids=["rest", "http", "url", "alb", "token", "http authorizer"],
)
def test_an_event_has_the_keys_of_awss_sample(event: dict[str, Any], sample: Mapping[str, set[str]]):
    for path, keys in sample.items():
        found: Any = event
        for name in filter(None, path.split(".")):
            found = found[name]
        assert set(found) == keys, path


def test_a_rest_api_sends_the_encoded_path_without_the_stage_and_decodes_the_query():
    event = rest_event(REQUEST, MATCH)
    assert (event["path"], event["requestContext"]["path"]) == ("/my/a%20b", "/dev/my/a%20b")
    assert (event["resource"], event["pathParameters"]) == ("/my/{name}", {"name": "a%20b"})
    assert event["queryStringParameters"] == {"parameter1": "value 2", "parameter2": "é", "flag": ""}
    assert event["multiValueQueryStringParameters"]["parameter1"] == ["value1", "value 2"]
    assert (event["headers"]["Header2"], event["multiValueHeaders"]["Header2"]) == ("value2", ["value1", "value2"])
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"Hello", True)
    assert event["requestContext"]["authorizer"] == {
        "marker": "us",
        "number": "1",
        "yes": "true",
        "integrationLatency": 0,
    }
    assert event["requestContext"]["requestTime"] == "04/Mar/2020:19:03:58 +0000"
    assert event["requestContext"]["requestTimeEpoch"] == 1583348638390


def test_a_rest_api_on_a_custom_domain_sends_the_base_path():
    event = rest_event(replace(REQUEST, path="/shop/my"), RouteMatch("/my", "dev"))
    assert (event["path"], event["requestContext"]["path"]) == ("/shop/my", "/shop/my")


def test_empty_members_of_a_rest_event_are_null():
    event = rest_event(HttpRequest("GET", ""), RouteMatch("/", "dev"))
    names = ["queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "body"]
    assert [event[name] for name in names] == [None] * 4
    assert (event["path"], event["isBase64Encoded"]) == ("/", False)
    assert "authorizer" not in event["requestContext"]


def test_an_http_api_sends_the_decoded_path_after_a_named_stage():
    event = http_event(REQUEST, MATCH)
    assert (event["rawPath"], event["requestContext"]["http"]["path"]) == ("/dev/my/a b", "/dev/my/a b")
    assert event["pathParameters"] == {"name": "a b"}
    assert event["rawQueryString"] == REQUEST.query
    assert event["queryStringParameters"]["parameter1"] == "value1,value 2"
    assert event["headers"]["header2"] == "value1,value2"
    assert event["cookies"] == ["one=1", "two=2", "three=3"]
    assert event["requestContext"]["authorizer"] == {"lambda": {"marker": "us", "number": 1, "yes": True}}
    assert (event["routeKey"], event["body"], event["isBase64Encoded"]) == ("POST /my/{name}", "Hello", False)


@pytest.mark.parametrize(("stage", "path"), [("dev", "/dev/my"), ("$default", "/my")])
def test_an_http_api_on_a_custom_domain_sends_the_stage_but_not_the_base_path(stage: str, path: str):
    event = http_event(replace(REQUEST, path="/shop/my"), RouteMatch("/my", stage, resource="$default"))
    assert (event["rawPath"], event["requestContext"]["http"]["path"]) == (path, path)
    assert "/shop" not in str(event)
    assert (event["routeKey"], event["pathParameters"]) == ("$default", None)


def test_empty_members_of_an_http_event_are_omitted():
    event = http_event(HttpRequest("GET", "/"), RouteMatch("/", "$default"))
    assert not {"cookies", "queryStringParameters", "body"} & set(event)
    assert "authorizer" not in event["requestContext"]


def test_a_function_url_event_always_has_a_function_url_domain():
    event = url_event(REQUEST)
    assert ".lambda-url." in event["requestContext"]["domainName"]
    assert event["rawPath"] == "/dev/my/a%20b"
    own = url_event(replace(REQUEST, path="", headers=(("host", "abc.lambda-url.eu-west-1.on.aws:443"),)))
    assert own["requestContext"]["domainName"] == "abc.lambda-url.eu-west-1.on.aws"
    assert own["requestContext"]["apiId"] == "abc"
    assert own["rawPath"] == "/"


def test_a_load_balancer_sends_encoded_path_and_query():
    event = alb_event(replace(REQUEST, query="a=%20&a=2&flag&"))
    assert event["path"] == "/dev/my/a%20b"
    assert event["multiValueQueryStringParameters"] == {"a": ["%20", "2"], "flag": [""]}
    assert event["multiValueHeaders"]["header2"] == ["value1", "value2"]
    assert alb_event(replace(REQUEST, path=""))["path"] == "/"


def test_a_gateway_sets_forwarded_headers_and_drops_hop_by_hop_headers():
    headers = http_event(replace(REQUEST, scheme="http"), MATCH)["headers"]
    assert headers["x-forwarded-for"] == "192.0.2.1, 192.0.2.2"
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("http", "80")
    assert "connection" not in headers
    own = http_event(replace(REQUEST, headers=(("host", "localhost:5000"),)), MATCH)
    assert own["headers"]["x-forwarded-port"] == "5000"
    assert own["requestContext"]["domainName"] == "localhost"


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("application/json; charset=utf-8", b"{}", "{}"),
        ("Text/HTML", "é".encode(), "é"),
        ("application/xml", b"<a/>", "<a/>"),
        ("application/x-www-form-urlencoded", b"a=1", None),
        ("application/problem+json", b"{}", None),
        ("text/plain", b"\xe9", None),
        ("", b"a", None),
    ],
)
def test_a_body_is_text_for_a_few_media_types_and_base64_otherwise(content_type: str, body: bytes, text: str | None):
    event = url_event(HttpRequest("POST", "/", headers=(("content-type", content_type),), body=body))
    expected = (text, False) if text is not None else (base64.b64encode(body).decode(), True)
    assert (event["body"], event["isBase64Encoded"]) == expected


def test_a_compressed_body_is_base64():
    headers = (("content-type", "text/plain"), ("content-encoding", "identity"))
    assert url_event(HttpRequest("POST", "/", headers=headers, body=b"a"))["isBase64Encoded"] is True


def test_an_authorizer_event_contains_the_method_arn():
    arn = "arn:aws:execute-api:eu-west-1:123456789012:local00api/dev/GET/my/a%20b"
    assert token_event("abc", MATCH, "GET") == {"type": "TOKEN", "authorizationToken": "abc", "methodArn": arn}
    event = authorizer_event(REQUEST, "abc", MATCH)
    assert (event["type"], event["version"], event["identitySource"]) == ("REQUEST", "2.0", ["abc"])
    assert event["routeArn"] == arn.replace("GET", "POST")


def test_the_context_has_lambdas_attributes():
    context = SimulatedContext("shop", "an-id")
    assert context.invoked_function_arn == "arn:aws:lambda:eu-west-1:123456789012:function:shop"
    assert (context.aws_request_id, context.log_group_name) == ("an-id", "/aws/lambda/shop")
    assert 0 < context.get_remaining_time_in_millis() <= 30_000
    assert replace(context, deadline=0).get_remaining_time_in_millis() == 0
