"""The simulated gateway: routing by data, authorizer calls and their cache, and its own responses."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from coworks_async import TechMicroService, entry, request
from coworks_async.gateway import VIAS, Gateway
from coworks_async.gateway.authorizer import allows, check_authorizer_result
from coworks_async.gateway.messages import HttpRequest, Via
from coworks_async.gateway.responses import MalformedResult, to_http_response
from coworks_async.gateway.routes import GatewayRoute, describe_gateway
from coworks_async.gateway.simulator import find_route

via_api = pytest.mark.parametrize("via", ["rest", "http", "http-stage"])


class Recording(TechMicroService):
    """A service that records its events and the tokens of its authorizer calls."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []
        self.authorized_tokens: list[str] = []

    @property
    def lambda_handler(self) -> Callable[[Any, Any], Any]:  # type: ignore[override]
        handler = self._handler = getattr(self, "_handler", None) or super().lambda_handler

        def record(event: Any, context: Any) -> Any:
            self.events.append(event)
            return handler(event, context)

        return record

    async def token_authorizer(self, token: str) -> Any:
        self.authorized_tokens.append(token)
        if token == "broken":
            raise RuntimeError("no database")
        return {"token": token} if token.startswith("good") else False

    @entry
    async def get(self):
        return request.auth

    @entry
    async def get_pens(self, key):
        return request.auth


def get(path: str = "/", token: str | None = "good", method: str = "GET") -> HttpRequest:
    return HttpRequest(method, path, headers=() if token is None else (("Authorization", token),))


# --- routing


ROUTES = tuple(
    GatewayRoute(method, path)
    for method, path in [
        ("GET", "/pets/dog/1"),
        ("GET", "/pets/dog/{id}"),
        ("GET", "/pets/{proxy+}"),
        ("ANY", "/{proxy+}"),
        ("ANY", "$default"),
        ("GET", "/"),
        ("POST", "/users/me"),
        ("ANY", "/users/{id}"),
        ("PUT", "/users/{id}"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        # From AWS's documentation: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
        ("GET", "/pets/dog/1", "GET /pets/dog/1", {}),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}", {"id": "2"}),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}", {"proxy": "cat/1"}),
        ("POST", "/test/5", "ANY /{proxy+}", {"proxy": "test/5"}),
        # A more specific path without the method is skipped.
        ("POST", "/users/me", "POST /users/me", {}),
        ("GET", "/users/me", "ANY /users/{id}", {"id": "me"}),
        ("PUT", "/users/me", "PUT /users/{id}", {"id": "me"}),
        ("DELETE", "/pets/dog/1", "ANY /{proxy+}", {"proxy": "pets/dog/1"}),
        ("GET", "/", "GET /", {}),
        ("POST", "/", "$default", {}),
        # A trailing slash is ignored.
        ("GET", "/pets/dog/1/", "GET /pets/dog/1", {}),
        ("GET", "/pets", "ANY /{proxy+}", {"proxy": "pets"}),
        ("GET", "/users//x", "ANY /{proxy+}", {"proxy": "users//x"}),
    ],
)
def test_the_most_specific_route_with_the_method_wins(method: str, path: str, key: str, parameters: dict[str, str]):
    found = find_route(ROUTES, method, path)
    assert found is not None
    assert (found[0].key, found[1]) == (key, parameters)


def test_an_empty_segment_does_not_match_a_parameter():
    assert find_route((GatewayRoute("GET", "/a/{b}/c"),), "GET", "/a//c") is None
    assert find_route((GatewayRoute("GET", "/a/{b}"),), "GET", "/a") is None


def test_an_unknown_gateway_is_an_error():
    with pytest.raises(ValueError, match="via must be one of rest, http, http-stage, alb, url, not 'v1'"):
        Gateway(Recording(), cast(Via, "v1"))


# --- authorizer


@via_api
def test_a_cached_result_saves_the_authorizer_invocation(via: Via):
    app = Recording()
    gateway = Gateway(app, via)
    for path in ("/", "/pens/a", "/pens/b", "/"):
        assert gateway.respond(get(path)).status == 200
    assert len(app.events) == 5
    assert app.authorized_tokens == ["good"]


@via_api
def test_allowed_and_denied_results_are_cached_by_token_for_300_seconds(via: Via):
    app, now = Recording(), 1000.0
    gateway = Gateway(app, via, clock=lambda: now)
    for token in ("good", "bad", "good 2", "bad", "good"):
        gateway.respond(get(token=token))
    assert app.authorized_tokens == ["good", "bad", "good 2"]
    now += 299
    assert gateway.respond(get()).status == 200
    assert app.authorized_tokens == ["good", "bad", "good 2"]
    now += 2
    assert gateway.respond(get()).status == 200
    assert app.authorized_tokens == ["good", "bad", "good 2", "good"]


@via_api
def test_a_failing_authorizer_is_a_500_and_not_cached(via: Via, capsys: pytest.CaptureFixture[str]):
    app = Recording()
    gateway = Gateway(app, via)
    assert [gateway.respond(get(token="broken")).status for _ in range(2)] == [500, 500]
    assert app.authorized_tokens == ["broken", "broken"]
    assert capsys.readouterr().err.count("[ERROR] AuthorizerError: token_authorizer failed; access denied\n") == 2


@via_api
def test_without_a_token_the_function_is_not_invoked(via: Via):
    app = Recording()
    gateway = Gateway(app, via)
    assert gateway.respond(get(token=None)).status == gateway.respond(get(token="")).status == 401
    assert app.events == []


def test_an_authorizer_error_unauthorized_is_a_401():
    class CustomHandler(Recording):
        @property
        def lambda_handler(self) -> Callable[[Any, Any], Any]:  # type: ignore[override]
            def handler(event: Any, context: Any) -> Any:
                raise RuntimeError("Unauthorized")

            return handler

    assert Gateway(CustomHandler(), "rest").respond(get()).status == 401


@pytest.mark.parametrize(
    ("resources", "allowed"),
    [
        ("arn:aws:execute-api:r:1:api/dev/*", True),
        (["x", "arn:aws:execute-api:r:1:api/dev/GET/pens/?"], True),
        ("arn:aws:execute-api:r:1:api/dev/GET/pens", False),
        ("arn:aws:execute-api:r:1:api/de./*", False),
    ],
)
def test_a_policy_applies_to_its_resources(resources: Any, allowed: bool):
    arn = "arn:aws:execute-api:r:1:api/dev/GET/pens/1"
    assert allows({"Statement": [{"Effect": "Allow", "Resource": resources}]}, arn) is allowed


def test_a_deny_wins_over_an_allow():
    statements = [{"Effect": effect, "Resource": "*"} for effect in ("Allow", "Deny")]
    assert allows({"Statement": statements}, "arn") is False


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("rest", None),
        ("rest", {"isAuthorized": True}),
        ("rest", {"principalId": "a", "policyDocument": {}, "context": {"a": {}}}),
        ("http", {"principalId": "a", "policyDocument": {}}),
    ],
)
def test_a_malformed_authorizer_result_is_an_error(kind: Any, result: Any):
    with pytest.raises(ValueError, match="authorizer"):
        check_authorizer_result(describe_gateway(Recording(), kind), result)


# --- responses


@pytest.mark.parametrize("via", VIAS)
def test_a_result_that_is_not_json_and_a_failing_event_are_502s(via: Via, capsys: pytest.CaptureFixture[str]):
    class CustomHandler(TechMicroService):
        returned: Any = None

        @entry(no_auth=True)
        async def get(self):
            return "never"

        @property
        def lambda_handler(self) -> Callable[[Any, Any], Any]:  # type: ignore[override]
            return lambda event, context: self.returned()

    app = CustomHandler()
    gateway = Gateway(app, via)
    app.returned = lambda: {"statusCode": 200, "body": b"no JSON"}
    assert gateway.respond(get()).status == 502
    app.returned = lambda: 1 / 0
    assert gateway.respond(get()).status == 502
    malformed = {"statusCode": 200, "body": "no base64!", "isBase64Encoded": True}
    app.returned = lambda: malformed
    response = gateway.respond(get())
    assert (response.status, response.raw) == (502, malformed)
    app.returned = lambda: {"statusCode": 200, "headers": {"x": 1}, "body": "ok"}
    response = gateway.respond(get())
    assert (response.status, dict(response.headers)["x"], response.body) == (200, "1", b"ok")
    errors = capsys.readouterr().err
    assert "[ERROR] ZeroDivisionError: division by zero\nTraceback" in errors
    assert "[ERROR] MalformedResult: the body is not valid base64\n" in errors
    assert "MalformedResult: the body is not valid base64\nTraceback" not in errors


@pytest.mark.parametrize("raw", [{"body": ""}, "text", {"statusCode": "200"}])
def test_a_rest_api_needs_a_status_code(raw: Any):
    with pytest.raises(MalformedResult, match="statusCode"):
        to_http_response("rest", "GET", raw)


@pytest.mark.parametrize(
    "raw",
    [{"statusCode": 200, "body": {}}, {"statusCode": 200, "headers": {"x": None}}],
)
def test_body_and_header_values_must_be_strings(raw: Any):
    with pytest.raises(MalformedResult, match="not a string"):
        to_http_response("alb", "GET", raw)


def test_an_http_api_takes_any_other_value_as_the_body():
    response = to_http_response("http", "GET", {"a": 1})
    assert (response.status, response.body) == (200, b'{"a": 1}')
    assert dict(response.headers)["content-type"] == "application/json"


def test_multi_value_headers_and_cookies_are_kept_apart():
    raw = {"statusCode": 200, "headers": {"A": "0", "b": "1"}, "multiValueHeaders": {"A": ["1", "2"]}, "body": ""}
    assert [pair for pair in to_http_response("alb", "GET", raw).headers if pair[0] in "ab"] == [
        ("a", "1"),
        ("a", "2"),
        ("b", "1"),
    ]
    cookies = to_http_response("url", "GET", {"statusCode": 200, "cookies": ["a=1", "b=2"], "body": ""}).headers
    assert [value for name, value in cookies if name == "set-cookie"] == ["a=1", "b=2"]


@pytest.mark.parametrize(("via", "expected"), [("http", []), ("rest", ["x-amzn-remapped-connection"])])
def test_connection_headers_are_dropped_or_renamed(via: Via, expected: list[str]):
    raw = {"statusCode": 204, "headers": {"connection": "close", "te": "trailers", "content-type": "a/b"}}
    assert [name for name, _ in to_http_response(via, "GET", raw).headers if name != "content-type"] == expected


def test_a_binary_body_is_decoded():
    raw = {"statusCode": 200, "body": base64.b64encode(b"\xff").decode(), "isBase64Encoded": True}
    assert to_http_response("rest", "GET", raw).body == b"\xff"


# --- size limits


@pytest.mark.parametrize(("via", "limit"), [("alb", 1024 * 1024), ("rest", 4 * 1024 * 1024), ("url", 4 * 1024 * 1024)])
def test_a_request_over_lambdas_limit_is_a_413_without_an_invocation(via: Via, limit: int):
    app = Recording()
    gateway = Gateway(app, via)
    large = replace(get(), body=b"\0" * limit)
    gateway.respond(large)
    count = len(app.events)
    response = gateway.respond(replace(large, body=b"\0" * (limit + 1024 * 1024)))
    assert response.status == 413
    assert (b"Content Too Large" if via == "rest" else b"Request Too Long") in response.body
    assert len(app.events) == count
