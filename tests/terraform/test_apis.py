"""Both API modules with a service behind them and a custom domain in front, called by a client."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from coworks_async.gateway.routes import GatewayKind, describe_gateway
from tests.terraform.applied_module import (
    STEP_ONE,
    AppliedModule,
    create_client,
    create_function,
    create_http_client,
    to_inputs,
)
from tests.terraform.conftest import CreateRoot
from tests.terraform.services import SOURCE, load_service
from tests.tools import PATIENCE

pytestmark = pytest.mark.end_to_end

TOKEN = {"Authorization": "token"}
CORS = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}

MAPPING = "module.domain.aws_apigatewayv2_api_mapping.this"
DOMAIN = "module.domain.aws_apigatewayv2_domain_name.this"
ACCOUNT = "000000000000"  # the only one whose APIs can be called


@pytest.fixture(scope="module", params=["rest", "http"])
def kind(request: pytest.FixtureRequest) -> GatewayKind:
    kind: GatewayKind = request.param
    return kind


@pytest.fixture(scope="module")
def api(kind: GatewayKind, emulator: str, create_root: CreateRoot) -> AppliedModule:
    """An API with a domain that the tests change one after the other, each from where the one before left it."""
    host, name = f"api.{kind}.example", f"live-{kind}"
    certificate = create_client(emulator, ACCOUNT, "acm").request_certificate(DomainName=host)["CertificateArn"]
    domain = {"domain_name": host, "certificate_arn": certificate, "base_path": "shop/v1", "tags": {"team": "shop"}}
    inputs = to_inputs(describe_gateway(load_service(), kind))
    root = create_root(f"{kind}_api", ACCOUNT, domain, name=name, function_name=name, **inputs)
    create_function(root.url, ACCOUNT, name, SOURCE)
    # The routes do not depend on the domain.
    assert not {MAPPING, DOMAIN} & root.plan(STEP_ONE).keys()
    assert {MAPPING, DOMAIN} <= root.plan().keys()
    root.deploy()
    return root


@pytest.fixture(scope="module")
def client(api: AppliedModule) -> Iterator[httpx.Client]:
    with create_http_client(api) as client:
        yield client


def is_rest(api: AppliedModule) -> bool:
    return api.kind == "rest_api"


def test_no_token_is_a_401(client: httpx.Client, api: AppliedModule):
    response = client.get("/")
    assert response.status_code == 401
    if is_rest(api):
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["www-authenticate"] == 'Token realm="shop"'
        assert response.json()["status"] == 401


def test_a_rejected_token_is_a_403(client: httpx.Client, api: AppliedModule):
    response = client.get("/", headers={"Authorization": "no"})
    assert response.status_code == 403
    if is_rest(api):
        assert response.json()["title"] == "Forbidden"


def test_responses_of_a_rest_api_itself_have_cors_headers(client: httpx.Client, api: AppliedModule):
    for headers in ({}, {"Authorization": "no"}):
        response = client.get("/", headers=headers)
        assert response.headers.get("access-control-allow-origin") == ("*" if is_rest(api) else None)


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
def test_options_requires_no_token(client: httpx.Client, api: AppliedModule, path: str):
    # The emulator's HTTP API responds to every OPTIONS itself; with AWS the open route `$default` does.
    assert client.options(path, headers=CORS).status_code == (204 if is_rest(api) else 403)


@pytest.mark.parametrize("headers", [{}, TOKEN])
def test_an_unknown_path_is_a_404_in_problem_json(client: httpx.Client, headers: dict[str, str]):
    response = client.get("/nowhere", headers=headers)
    assert (response.status_code, response.json()["title"]) == (404, "Not Found")
    assert response.headers["content-type"] == "application/problem+json"


def test_another_method_is_a_404_over_rest_and_a_405_over_http(client: httpx.Client, api: AppliedModule):
    assert client.delete("/items/3", headers=TOKEN).status_code == (404 if is_rest(api) else 405)


def test_an_authorizer_result_is_valid_for_every_route(client: httpx.Client):
    # The function may run in several processes, each of which counts its own calls.
    for path in ("/", "/items/1", "/files", "/admin/1"):
        assert client.get(path, headers=TOKEN).status_code == 200
    before = client.get("/calls").json()
    for path in ("/", "/items/2", "/files", "/admin/2"):
        assert client.get(path, headers=TOKEN).status_code == 200
    assert client.get("/calls").json() == before


def test_the_function_may_be_invoked_only_by_this_stage_and_its_authorizer(api: AppliedModule):
    name = api.inputs["function_name"]
    policy = json.loads(api.client("lambda").get_policy(FunctionName=name)["Policy"])
    outputs = api.outputs
    allowed = {each["Condition"]["ArnLike"]["AWS:SourceArn"]: each for each in policy["Statement"]}
    start = outputs["execution_arn"]
    assert set(allowed) == {f"{start}/dev/*", f"{start}/authorizers/{outputs['authorizer_id']}"}
    for statement in allowed.values():
        assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
        assert statement["Action"] == "lambda:InvokeFunction"


def get_from_domain(api: AppliedModule, path: str) -> httpx.Response:
    """Send a request to the domain."""
    headers = {"Host": api.domain["domain_name"], "Authorization": "token"}
    return httpx.get(f"{api.url}{path}", headers=headers, timeout=PATIENCE)


def read_mappings(api: AppliedModule) -> list[dict[str, Any]]:
    found = api.client("apigatewayv2").get_api_mappings(DomainName=api.domain["domain_name"])["Items"]
    return [{name: value for name, value in each.items() if name != "ApiMappingId"} for each in found]


def test_the_service_responds_below_a_base_path_of_several_segments(api: AppliedModule):
    assert get_from_domain(api, "/shop/v1/items/3").json() == {"id": "3"}
    assert get_from_domain(api, "/shop/v1").text == "home"


def test_the_stage_is_mapped_and_the_next_plan_is_empty(api: AppliedModule):
    assert api.plan() == {}
    assert read_mappings(api) == [{"ApiId": api.outputs["id"], "Stage": "dev", "ApiMappingKey": "shop/v1"}]


def test_the_domain_is_regional_with_tls_1_2_and_its_outputs_are_for_a_dns_record(api: AppliedModule):
    name = api.domain["domain_name"]
    domain = api.client("apigatewayv2").get_domain_name(DomainName=name)
    (configuration,) = domain["DomainNameConfigurations"]
    assert (configuration["EndpointType"], configuration["SecurityPolicy"]) == ("REGIONAL", "TLS_1_2")
    assert domain["Tags"] == {"team": "shop"}
    assert api.read_outputs("domain") == {
        "target": configuration["ApiGatewayDomainName"],
        "zone_id": configuration["HostedZoneId"],
        "url": f"https://{name}/shop/v1",
    }


@pytest.mark.parametrize(("base_path", "previous"), [("v2", "/shop/v1/items/3"), ("", "/v2/items/3")])
def test_a_new_base_path_updates_only_the_mapping(api: AppliedModule, base_path: str, previous: str):
    api.domain["base_path"] = base_path
    api.write()
    assert api.plan() == {MAPPING: "update"}
    api.apply()
    prefix = f"/{base_path}".rstrip("/")
    assert get_from_domain(api, f"{prefix}/items/3").json() == {"id": "3"}
    assert get_from_domain(api, previous).status_code in (403, 404)
    assert api.read_outputs("domain")["url"] == f"https://{api.domain['domain_name']}{prefix}"
    assert api.plan() == {}


def test_removing_the_domain_keeps_the_api(api: AppliedModule):
    name, api.domain = api.domain["domain_name"], {}
    api.write()
    assert api.plan() == {MAPPING: "delete", DOMAIN: "delete"}
    api.apply()
    assert api.plan() == {}
    domains = api.client("apigatewayv2").get_domain_names()["Items"]
    assert name not in {each["DomainName"] for each in domains}
