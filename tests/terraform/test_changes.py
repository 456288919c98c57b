"""Changes of a module's inputs: what they change in AWS, and what they leave."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.terraform.applied_module import STEP_ONE, AppliedModule, create_function
from tests.terraform.conftest import CreateRoot

pytestmark = pytest.mark.end_to_end

HANDLER = "def lambda_handler(event, context):\n    return {'statusCode': 200, 'body': 'ok'}\n"


def parse_routes(*lines: str) -> list[dict[str, Any]]:
    """Return routes such as `GET /items`; a final `!` means that the authorizer is used."""
    pairs = [line.rstrip("!").split(" ") for line in lines]
    return [
        {"method": method, "path": path, "authorized": line.endswith("!")}
        for (method, path), line in zip(pairs, lines, strict=True)
    ]


ROUTES = ("GET /", "GET /items/{id}!", "PUT /items/{id}!", "ANY /static/{proxy+}")


@pytest.fixture(scope="module", params=["rest_api", pytest.param("http_api", marks=pytest.mark.exhaustive)])
def api(request: pytest.FixtureRequest, create_root: CreateRoot, new_account: Callable[[], str]) -> AppliedModule:
    """An API that the tests change one after the other, each from where the one before left it."""
    account = new_account()
    root = create_root(request.param, account, name="shop", function_name="shop", routes=parse_routes(*ROUTES))
    create_function(root.url, account, "shop", HANDLER)
    root.deploy()
    return root


def is_rest(api: AppliedModule) -> bool:
    return api.kind == "rest_api"


def served_routes(api: AppliedModule) -> set[str]:
    """Return the routes that the stage serves; of a REST API those of its deployment, which is a snapshot."""
    api_id = api.outputs["id"]
    if not is_rest(api):
        routes = api.client("apigatewayv2").get_routes(ApiId=api_id)["Items"]
        return {route["RouteKey"] for route in routes}
    gateway = api.client("apigateway")
    stage = gateway.get_stage(restApiId=api_id, stageName="dev")
    deployment = gateway.get_deployment(restApiId=api_id, deploymentId=stage["deploymentId"], embed=["apisummary"])
    return {f"{method} {path}" for path, methods in deployment["apiSummary"].items() for method in methods}


def test_the_order_of_the_routes_does_not_matter(api: AppliedModule):
    assert api.plan() == {}
    api.write(routes=parse_routes(*reversed(ROUTES)))
    assert api.plan() == {}


def test_a_new_route_changes_only_its_own_resources_and_the_deployment(api: AppliedModule):
    api.write(routes=parse_routes(*ROUTES, "POST /items/{id}/parts!"))
    expected = {'aws_apigatewayv2_route.this["POST /items/{}/parts"]': "create"}
    if is_rest(api):
        expected = {
            'aws_api_gateway_resource.d3["items/{}/parts"]': "create",
            'aws_api_gateway_method.this["POST /items/{}/parts"]': "create",
            'aws_api_gateway_integration.this["POST /items/{}/parts"]': "create",
            "aws_api_gateway_deployment.this": "create, delete",
            "aws_api_gateway_stage.this": "update",
        }
    assert api.plan() == expected


def test_renaming_a_parameter_is_an_update_and_a_removed_route_is_gone_after_two_steps(api: AppliedModule):
    renamed = [line.replace("{id}", "{key}") for line in ROUTES]
    api.write(routes=parse_routes(*renamed))
    step_one = {
        'aws_apigatewayv2_route.this["GET /items/{}"]': "update",
        'aws_apigatewayv2_route.this["PUT /items/{}"]': "update",
    }
    if is_rest(api):
        step_one = {'aws_api_gateway_resource.d2["items/{}"]': "update"}
    assert api.plan(STEP_ONE) == step_one
    assert {"GET /items/{id}", "PUT /items/{id}"} < served_routes(api)
    api.write(routes=parse_routes(*(line for line in renamed if not line.startswith("PUT"))))
    api.deploy()
    assert "GET /items/{key}" in served_routes(api)
    assert not {"PUT /items/{id}", "PUT /items/{key}"} & served_routes(api)
    assert api.plan() == {}


def test_stage_options_are_applied(api: AppliedModule):
    options = {"throttling_rate_limit": 5, "token_header": "X-Token", "log_retention_days": 7}
    # The emulator cannot change the TTL and media types of a REST API.
    options |= {"xray_tracing": True} if is_rest(api) else {"authorizer_ttl": 60}
    api.write(**options)
    api.deploy()
    assert api.plan() == {}
    (group,) = api.client("logs").describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 7
    if is_rest(api):
        stage = api.client("apigateway").get_stage(restApiId=api.outputs["id"], stageName="dev")
        settings = stage["methodSettings"]["*/*"]
        assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (5, 5000)
        (authorizer,) = api.client("apigateway").get_authorizers(restApiId=api.outputs["id"])["items"]
        assert authorizer["identitySource"] == "method.request.header.X-Token"
    else:
        (stage,) = api.client("apigatewayv2").get_stages(ApiId=api.outputs["id"])["Items"]
        settings = stage["DefaultRouteSettings"]
        assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (5, 5000)
        (authorizer,) = api.client("apigatewayv2").get_authorizers(ApiId=api.outputs["id"])["Items"]
        assert authorizer["IdentitySource"] == ["$request.header.X-Token"]


def test_access_logs_contain_no_header_and_no_actual_path(api: AppliedModule):
    if is_rest(api):
        stage = api.client("apigateway").get_stage(restApiId=api.outputs["id"], stageName="dev")
        line = json.loads(stage["accessLogSettings"]["format"])
    else:
        (stage,) = api.client("apigatewayv2").get_stages(ApiId=api.outputs["id"])["Items"]
        line = json.loads(stage["AccessLogSettings"]["Format"])
    assert {"requestId", "route", "status", "responseLatency", "authorizerError", "integrationError"} <= set(line)
    # The lines of the function's log that belong to it.
    assert line["integrationRequestId"] == "$context.integration.requestId"
    assert ("authorizerRequestId" in line) is is_rest(api)
    text = json.dumps(line).lower()
    for word in ("header", "$context.path", "querystring", "sourceip", "authorization", "overrides"):
        assert word not in text


def test_without_authorized_routes_the_authorizer_is_deleted(api: AppliedModule):
    api.write(routes=parse_routes(*(line.rstrip("!") for line in ROUTES)))
    api.deploy()
    assert api.outputs["authorizer_id"] == ""
    policy = json.loads(api.client("lambda").get_policy(FunctionName="shop")["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["dev-invoke"]
    assert api.plan() == {}


def test_destroy_leaves_nothing(api: AppliedModule):
    api.terraform("destroy", "-auto-approve")
    assert api.client("apigateway").get_rest_apis()["items"] == []
    assert api.client("apigatewayv2").get_apis()["Items"] == []
    assert api.client("logs").describe_log_groups()["logGroups"] == []
    assert json.loads(api.client("lambda").get_policy(FunctionName="shop")["Policy"])["Statement"] == []


def test_a_private_api_is_open_to_its_vpc_endpoints_and_invokes_an_alias(create_root: CreateRoot, account: str):
    root = create_root(
        "rest_api",
        account,
        name="inner",
        function_name="inner",
        function_qualifier="live",
        routes=parse_routes("GET /!"),
        endpoint_type="PRIVATE",
        vpc_endpoint_ids=["vpce-0123456789abcdef0"],
        tags={"team": "shop"},
    )
    create_function(root.url, account, "inner", HANDLER)
    functions = root.client("lambda")
    functions.publish_version(FunctionName="inner")
    functions.create_alias(FunctionName="inner", Name="live", FunctionVersion="1")
    root.deploy()
    assert root.plan() == {}
    gateway, api_id = root.client("apigateway"), root.outputs["id"]
    (api,) = gateway.get_rest_apis()["items"]
    assert api["endpointConfiguration"]["types"] == ["PRIVATE"]
    assert api["tags"] == {"team": "shop"}
    (statement,) = json.loads(api["policy"].replace("\\", ""))["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceVpce": ["vpce-0123456789abcdef0"]}}
    policy = json.loads(functions.get_policy(FunctionName="inner", Qualifier="live")["Policy"])
    assert len(policy["Statement"]) == 2
    (resource,) = gateway.get_resources(restApiId=api_id)["items"]
    integration = gateway.get_integration(restApiId=api_id, resourceId=resource["id"], httpMethod="GET")
    assert integration["uri"].endswith(":function:inner:live/invocations")
