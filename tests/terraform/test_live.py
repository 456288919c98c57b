"""The modules of both kinds of API with a service behind them, called as its clients call it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from coworks_async.gateway.routes import describe_gateway
from tests.terraform.applying import Applied, create_function, inputs_of, live
from tests.terraform.conftest import NewRoot
from tests.terraform.services import SOURCE, service

pytestmark = pytest.mark.end_to_end

TOKEN = {"Authorization": "token"}
CORS = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}


@pytest.fixture(scope="module", params=["rest_api", "http_api"])
def deployed(request: pytest.FixtureRequest, new_root: NewRoot) -> Applied:
    kind = request.param
    plan = describe_gateway(service(), "rest" if kind == "rest_api" else "http")
    name = f"live-{kind}".replace("_", "-")
    root = new_root(kind, name=name, function_name=name, **inputs_of(plan))
    create_function(root.url, root.account, name, SOURCE)
    root.deploy()
    return root


@pytest.fixture(scope="module")
def client(deployed: Applied) -> Iterator[httpx.Client]:
    with live(deployed) as client:
        yield client


def is_rest(deployed: Applied) -> bool:
    return deployed.kind == "rest_api"


def test_no_token_is_a_401(client: httpx.Client, deployed: Applied):
    answer = client.get("/")
    assert answer.status_code == 401
    if is_rest(deployed):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == 'Token realm="shop"'
        assert answer.json()["status"] == 401


def test_a_refused_token_is_a_403(client: httpx.Client, deployed: Applied):
    answer = client.get("/", headers={"Authorization": "no"})
    assert answer.status_code == 403
    if is_rest(deployed):
        assert answer.json()["title"] == "Forbidden"


def test_a_rest_api_s_own_answers_can_be_read_by_a_browser(client: httpx.Client, deployed: Applied):
    for headers in ({}, {"Authorization": "no"}):
        answer = client.get("/", headers=headers)
        assert answer.headers.get("access-control-allow-origin") == ("*" if is_rest(deployed) else None)


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "expected"),
    [
        ("GET", "/", {}, 200, "home"),
        ("POST", "/", {"json": {"value": 3, "note": "ça"}}, 200, {"value": 3, "note": "ça"}),
        ("POST", "/", {"json": {"value": "x"}}, 422, None),
        ("GET", "/items/3", {}, 200, {"id": "3"}),
        ("GET", "/items/a%20b", {}, 200, {"id": "a b"}),
        ("GET", "/admin/3", {}, 200, {"admin": 3}),
        ("GET", "/files", {}, 200, {"path": [], "query": {}}),
        (
            "GET",
            "/files/a/b/c",
            {"params": {"n": ["1", "2"]}},
            200,
            {"path": ["a", "b", "c"], "query": {"n": ["1", "2"]}},
        ),
        ("GET", "/failing", {}, 500, None),
        ("GET", "/open", {}, 200, "open"),
        ("GET", "/static/a/b", {}, 200, "mounted /static/a/b"),
    ],
)
def test_each_entry_answers(
    client: httpx.Client, method: str, path: str, options: dict[str, Any], status: int, expected: object
):
    answer = client.request(method, path, headers=TOKEN, **options)
    assert answer.status_code == status
    if isinstance(expected, str):
        assert answer.text == expected
    elif expected is not None:
        assert answer.json() == expected


def test_bytes_survive_both_ways(client: httpx.Client):
    content = bytes(range(256))
    assert client.get("/png", headers=TOKEN).content == content
    sent = client.post("/bytes", headers=TOKEN | {"Content-Type": "application/octet-stream"}, content=content)
    assert (sent.status_code, sent.content) == (200, content)
    assert sent.headers["content-type"] == "image/png"


@pytest.mark.parametrize("path", ["/open", "/static/a"])
def test_an_open_route_asks_for_no_token(client: httpx.Client, path: str):
    assert client.get(path).status_code == 200


def test_head_is_get_without_a_body(client: httpx.Client):
    answer = client.head("/", headers=TOKEN)
    assert (answer.status_code, answer.content) == (200, b"")
    assert client.head("/").status_code == 401


@pytest.mark.parametrize("path", ["/", "/items/3", "/open"])
def test_options_asks_for_no_token(client: httpx.Client, deployed: Applied, path: str):
    # An HTTP API of the emulator answers every OPTIONS itself; AWS has it answered by the open route `$default`.
    assert client.options(path, headers=CORS).status_code == (204 if is_rest(deployed) else 403)


@pytest.mark.parametrize("headers", [{}, TOKEN])
def test_an_unknown_path_is_a_404_in_problem_json(client: httpx.Client, headers: dict[str, str]):
    answer = client.get("/nowhere", headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_method_that_a_path_lacks_is_a_404_over_rest_and_a_405_over_http(client: httpx.Client, deployed: Applied):
    assert client.delete("/items/3", headers=TOKEN).status_code == (404 if is_rest(deployed) else 405)


def test_the_authorizer_s_answer_serves_every_route(client: httpx.Client):
    # The function is called by more than one process perhaps: each counts the calls of its rule alone.
    for path in ("/", "/items/1", "/files", "/admin/1"):
        assert client.get(path, headers=TOKEN).status_code == 200
    before = client.get("/calls").json()
    for path in ("/", "/items/2", "/files", "/admin/2"):
        assert client.get(path, headers=TOKEN).status_code == 200
    assert client.get("/calls").json() == before


def test_the_gateway_may_call_the_function_for_this_stage_and_this_authorizer_alone(deployed: Applied):
    name = deployed.inputs["function_name"]
    policy = json.loads(deployed.client("lambda").get_policy(FunctionName=name)["Policy"])
    outputs = deployed.outputs
    allowed = {each["Condition"]["ArnLike"]["AWS:SourceArn"]: each for each in policy["Statement"]}
    start = outputs["execution_arn"]
    assert set(allowed) == {f"{start}/dev/*", f"{start}/authorizers/{outputs['authorizer_id']}"}
    for statement in allowed.values():
        assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
        assert statement["Action"] == "lambda:InvokeFunction"
