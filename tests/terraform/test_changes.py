"""What a change of the routes changes in AWS, and what stays."""

import json
from typing import Any

import pytest

from tests.terraform.applying import STEP_ONE, Applied, create_function
from tests.terraform.conftest import NewRoot

pytestmark = pytest.mark.end_to_end

HANDLER = "def lambda_handler(event, context):\n    return {'statusCode': 200, 'body': 'ok'}\n"


def routes(*told: str) -> list[dict[str, Any]]:
    """Return routes by words such as `GET /items`, those with a `!` for the authorizer."""
    pairs = [each.rstrip("!").split(" ") for each in told]
    return [
        {"method": method, "path": path, "authorized": each.endswith("!")}
        for (method, path), each in zip(pairs, told, strict=True)
    ]


FIRST = ("GET /", "GET /items/{id}!", "PUT /items/{id}!", "ANY /static/{proxy+}")


@pytest.fixture(scope="module", params=["rest_api", "http_api"])
def deployed(request: pytest.FixtureRequest, new_root: NewRoot, new_account: Any) -> Applied:
    account = new_account()
    root = new_root(request.param, account, name="shop", function_name="shop", routes=routes(*FIRST))
    create_function(root.url, account, "shop", HANDLER)
    root.deploy()
    return root


@pytest.fixture
def at_first(deployed: Applied) -> Applied:
    """The API with the first routes, whatever a test made of it."""
    if deployed.inputs["routes"] != routes(*FIRST):
        deployed.write(routes=routes(*FIRST))
        deployed.deploy()
    return deployed


def is_rest(deployed: Applied) -> bool:
    return deployed.kind == "rest_api"


def snapshot(deployed: Applied) -> set[str]:
    """The methods in the deployment that the stage serves."""
    gateway, api = deployed.client("apigateway"), deployed.outputs["id"]
    stage = gateway.get_stage(restApiId=api, stageName="dev")
    found = gateway.get_deployment(restApiId=api, deploymentId=stage["deploymentId"], embed=["apisummary"])
    return {f"{method} {path}" for path, methods in found["apiSummary"].items() for method in methods}


def test_a_second_plan_is_empty(at_first: Applied):
    assert at_first.planned() == {}


def test_another_order_of_the_routes_is_no_change(at_first: Applied):
    at_first.write(routes=routes(*reversed(FIRST)))
    assert at_first.planned() == {}


def test_one_more_route_touches_its_own_resources_and_the_deployment(at_first: Applied):
    at_first.write(routes=routes(*FIRST, "POST /items/{id}/parts!"))
    expected = {'aws_apigatewayv2_route.this["POST /items/{}/parts"]': "create"}
    if is_rest(at_first):
        expected = {
            'aws_api_gateway_resource.d3["items/{}/parts"]': "create",
            'aws_api_gateway_method.this["POST /items/{}/parts"]': "create",
            'aws_api_gateway_integration.this["POST /items/{}/parts"]': "create",
            "aws_api_gateway_deployment.this": "create, delete",
            "aws_api_gateway_stage.this": "update",
        }
    assert at_first.planned() == expected


def test_another_name_of_a_parameter_is_an_update_in_place(at_first: Applied):
    renamed = [each.replace("{id}", "{key}") for each in FIRST]
    at_first.write(routes=routes(*renamed))
    step_one = {
        'aws_apigatewayv2_route.this["GET /items/{}"]': "update",
        'aws_apigatewayv2_route.this["PUT /items/{}"]': "update",
    }
    if is_rest(at_first):
        step_one = {'aws_api_gateway_resource.d2["items/{}"]': "update"}
    assert at_first.planned(STEP_ONE) == step_one
    at_first.deploy()
    if is_rest(at_first):
        assert "GET /items/{key}" in snapshot(at_first)
    assert at_first.planned() == {}


def test_a_route_that_is_removed_is_gone_after_two_steps(at_first: Applied):
    gone = "PUT /items/{id}"
    if is_rest(at_first):
        assert gone in snapshot(at_first)
    at_first.write(routes=routes(*(each for each in FIRST if not each.startswith(gone))))
    at_first.deploy()
    if is_rest(at_first):
        assert gone not in snapshot(at_first)
        assert "GET /items/{id}" in snapshot(at_first)
    else:
        found = at_first.client("apigatewayv2").get_routes(ApiId=at_first.outputs["id"])["Items"]
        assert gone not in {route["RouteKey"] for route in found}
    assert at_first.planned() == {}


def test_the_last_route_that_asks_takes_the_authorizer_with_it(at_first: Applied):
    at_first.write(routes=routes(*(each.rstrip("!") for each in FIRST)))
    at_first.deploy()
    assert at_first.outputs["authorizer_id"] == ""
    policy = json.loads(at_first.client("lambda").get_policy(FunctionName="shop")["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["dev-invoke"]
    assert at_first.planned() == {}


def test_the_options_of_a_stage_converge(at_first: Applied):
    options = {
        "throttling_rate_limit": 5,
        "token_header": "X-Token",
        "log_retention_days": 7,
    }
    # A REST API's TTL and media types cannot be changed in the emulator; AWS's can.
    options |= {"xray_tracing": True} if is_rest(at_first) else {"authorizer_ttl": 60}
    at_first.write(**options)
    at_first.deploy()
    assert at_first.planned() == {}
    (group,) = at_first.client("logs").describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 7
    if is_rest(at_first):
        stage = at_first.client("apigateway").get_stage(restApiId=at_first.outputs["id"], stageName="dev")
        settings = stage["methodSettings"]["*/*"]
        assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (5, 5000)
        (authorizer,) = at_first.client("apigateway").get_authorizers(restApiId=at_first.outputs["id"])["items"]
        assert authorizer["identitySource"] == "method.request.header.X-Token"
    else:
        (stage,) = at_first.client("apigatewayv2").get_stages(ApiId=at_first.outputs["id"])["Items"]
        settings = stage["DefaultRouteSettings"]
        assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (5, 5000)
        (authorizer,) = at_first.client("apigatewayv2").get_authorizers(ApiId=at_first.outputs["id"])["Items"]
        assert authorizer["IdentitySource"] == ["$request.header.X-Token"]


def test_access_logs_hold_no_header_and_no_path_as_it_came(at_first: Applied):
    if is_rest(at_first):
        stage = at_first.client("apigateway").get_stage(restApiId=at_first.outputs["id"], stageName="dev")
        told = json.loads(stage["accessLogSettings"]["format"])
    else:
        (stage,) = at_first.client("apigatewayv2").get_stages(ApiId=at_first.outputs["id"])["Items"]
        told = json.loads(stage["AccessLogSettings"]["Format"])
    assert {"requestId", "route", "status", "responseLatency", "authorizerError", "integrationError"} <= set(told)
    text = json.dumps(told).lower()
    for word in ("header", "$context.path", "querystring", "sourceip", "authorization", "overrides"):
        assert word not in text


def test_destroy_leaves_nothing(new_root: NewRoot, deployed: Applied, account: str):
    root = new_root(deployed.kind, account, name="gone", function_name="gone", routes=routes(*FIRST))
    create_function(root.url, account, "gone", HANDLER)
    root.deploy()
    root.terraform("destroy", "-auto-approve")
    assert root.client("apigateway").get_rest_apis()["items"] == []
    assert root.client("apigatewayv2").get_apis()["Items"] == []
    assert root.client("logs").describe_log_groups()["logGroups"] == []
    assert json.loads(root.client("lambda").get_policy(FunctionName="gone")["Policy"])["Statement"] == []


def test_a_private_api_lets_in_its_vpc_endpoints_alone(new_root: NewRoot, account: str):
    root = new_root(
        "rest_api",
        account,
        name="inner",
        function_name="inner",
        routes=routes("GET /"),
        endpoint_type="PRIVATE",
        vpc_endpoint_ids=["vpce-0123456789abcdef0"],
        tags={"team": "shop"},
    )
    create_function(root.url, account, "inner", HANDLER)
    root.deploy()
    assert root.planned() == {}
    (api,) = root.client("apigateway").get_rest_apis()["items"]
    assert api["endpointConfiguration"]["types"] == ["PRIVATE"]
    assert api["tags"] == {"team": "shop"}
    (statement,) = json.loads(api["policy"].replace("\\", ""))["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceVpce": ["vpce-0123456789abcdef0"]}}


def test_an_alias_is_what_the_gateway_calls(new_root: NewRoot, account: str):
    root = new_root(
        "rest_api", account, name="shop", function_name="shop", function_qualifier="live", routes=routes("GET /!")
    )
    create_function(root.url, account, "shop", HANDLER)
    functions = root.client("lambda")
    functions.publish_version(FunctionName="shop")
    functions.create_alias(FunctionName="shop", Name="live", FunctionVersion="1")
    root.deploy()
    assert root.planned() == {}
    policy = json.loads(functions.get_policy(FunctionName="shop", Qualifier="live")["Policy"])
    assert len(policy["Statement"]) == 2
    gateway, api = root.client("apigateway"), root.outputs["id"]
    (resource,) = gateway.get_resources(restApiId=api)["items"]
    integration = gateway.get_integration(restApiId=api, resourceId=resource["id"], httpMethod="GET")
    assert integration["uri"].endswith(":function:shop:live/invocations")
