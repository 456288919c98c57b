"""Both API modules with a service behind them, called by a client."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from coworks_async.gateway.routes import describe_gateway
from tests.terraform.applied_module import AppliedModule, create_function, create_http_client, to_inputs
from tests.terraform.conftest import CreateRoot
from tests.terraform.services import SOURCE, load_service

pytestmark = pytest.mark.end_to_end

TOKEN = {"Authorization": "token"}
CORS = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}


@pytest.fixture(scope="module", params=["rest_api", "http_api"])
def deployed(request: pytest.FixtureRequest, create_root: CreateRoot) -> AppliedModule:
    kind = request.param
    plan = describe_gateway(load_service(), "rest" if kind == "rest_api" else "http")
    name = f"live-{kind}".replace("_", "-")
    root = create_root(kind, name=name, function_name=name, **to_inputs(plan))
    create_function(root.url, root.account, name, SOURCE)
    root.deploy()
    return root


@pytest.fixture(scope="module")
def client(deployed: AppliedModule) -> Iterator[httpx.Client]:
    with create_http_client(deployed) as client:
        yield client


def is_rest(deployed: AppliedModule) -> bool:
    return deployed.kind == "rest_api"


def test_no_token_is_a_401(client: httpx.Client, deployed: AppliedModule):
    response = client.get("/")
    assert response.status_code == 401
    if is_rest(deployed):
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["www-authenticate"] == 'Token realm="shop"'
        assert response.json()["status"] == 401


def test_a_rejected_token_is_a_403(client: httpx.Client, deployed: AppliedModule):
    response = client.get("/", headers={"Authorization": "no"})
    assert response.status_code == 403
    if is_rest(deployed):
        assert response.json()["title"] == "Forbidden"


def test_responses_of_a_rest_api_itself_have_cors_headers(client: httpx.Client, deployed: AppliedModule):
    for headers in ({}, {"Authorization": "no"}):
        response = client.get("/", headers=headers)
        assert response.headers.get("access-control-allow-origin") == ("*" if is_rest(deployed) else None)


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
def test_each_entry_responds(
    client: httpx.Client, method: str, path: str, options: dict[str, Any], status: int, expected: object
):
    response = client.request(method, path, headers=TOKEN, **options)
    assert response.status_code == status
    if isinstance(expected, str):
        assert response.text == expected
    elif expected is not None:
        assert response.json() == expected


def test_binary_bodies_are_unchanged_in_both_directions(client: httpx.Client):
    content = bytes(range(256))
    assert client.get("/png", headers=TOKEN).content == content
    sent = client.post("/bytes", headers=TOKEN | {"Content-Type": "application/octet-stream"}, content=content)
    assert (sent.status_code, sent.content) == (200, content)
    assert sent.headers["content-type"] == "image/png"


@pytest.mark.parametrize("path", ["/open", "/static/a"])
def test_an_open_route_requires_no_token(client: httpx.Client, path: str):
    assert client.get(path).status_code == 200


def test_head_is_get_without_a_body(client: httpx.Client):
    response = client.head("/", headers=TOKEN)
    assert (response.status_code, response.content) == (200, b"")
    assert client.head("/").status_code == 401


@pytest.mark.parametrize("path", ["/", "/items/3", "/open"])
def test_options_requires_no_token(client: httpx.Client, deployed: AppliedModule, path: str):
    # The emulator's HTTP API responds to every OPTIONS itself; with AWS the open route `$default` does.
    assert client.options(path, headers=CORS).status_code == (204 if is_rest(deployed) else 403)


@pytest.mark.parametrize("headers", [{}, TOKEN])
def test_an_unknown_path_is_a_404_in_problem_json(client: httpx.Client, headers: dict[str, str]):
    response = client.get("/nowhere", headers=headers)
    assert (response.status_code, response.json()["title"]) == (404, "Not Found")
    assert response.headers["content-type"] == "application/problem+json"


def test_another_method_is_a_404_over_rest_and_a_405_over_http(client: httpx.Client, deployed: AppliedModule):
    assert client.delete("/items/3", headers=TOKEN).status_code == (404 if is_rest(deployed) else 405)


def test_an_authorizer_result_is_valid_for_every_route(client: httpx.Client):
    # The function may run in several processes, each of which counts its own calls.
    for path in ("/", "/items/1", "/files", "/admin/1"):
        assert client.get(path, headers=TOKEN).status_code == 200
    before = client.get("/calls").json()
    for path in ("/", "/items/2", "/files", "/admin/2"):
        assert client.get(path, headers=TOKEN).status_code == 200
    assert client.get("/calls").json() == before


def test_the_function_may_be_invoked_only_by_this_stage_and_its_authorizer(deployed: AppliedModule):
    name = deployed.inputs["function_name"]
    policy = json.loads(deployed.client("lambda").get_policy(FunctionName=name)["Policy"])
    outputs = deployed.outputs
    allowed = {each["Condition"]["ArnLike"]["AWS:SourceArn"]: each for each in policy["Statement"]}
    start = outputs["execution_arn"]
    assert set(allowed) == {f"{start}/dev/*", f"{start}/authorizers/{outputs['authorizer_id']}"}
    for statement in allowed.values():
        assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
        assert statement["Action"] == "lambda:InvokeFunction"
