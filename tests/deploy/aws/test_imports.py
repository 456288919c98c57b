"""What a deploy left in AWS without its state is found by name and tag, at the addresses of the root."""

import json
from pathlib import Path
from typing import Any

import pytest

from coworks_async.deploy.aws.imports import API, DOMAIN, ROUTES, import_blocks, left_behind
from coworks_async.deploy.stack import Stack
from coworks_async.deploy.terraform.events import Change
from coworks_async.exceptions import DeployError
from coworks_async.gateway.routes import GatewayKind
from tests.deploy.accounts import (
    URI,
    answering,
    make_function,
    make_http_api,
    make_rest_api,
    make_role,
    make_staged_api,
    refuse,
    session_of,
    tags,
)
from tests.deploy.stacks import stack

FOREIGN = {"coworks:service": "shop", "coworks:stage": "prod"}


@pytest.fixture
def session(emulator: str, account: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    return session_of(emulator, account, monkeypatch, tmp_path)


def found(session: Any, stack: Stack, *addresses: str) -> dict[str, str]:
    """What is left of these resources, if Terraform planned to create them."""
    return left_behind(session, stack, [Change("create", address) for address in addresses])


def refusal(session: Any, stack: Stack) -> str:
    with pytest.raises(DeployError) as caught:
        found(session, stack, "aws_lambda_function.service")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_is_asked_where_nothing_would_be_created(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with answering(500, "") as url:
        session = session_of(url, "test", monkeypatch, tmp_path)
        assert left_behind(session, stack(), [Change("update", "aws_lambda_function.service")]) == {}
        with pytest.raises(DeployError, match=r"^What an earlier deploy left cannot be read: "):
            found(session, stack(), "aws_lambda_function.service")


def test_nothing_is_found_in_an_empty_account(session: Any):
    addresses = ("aws_iam_role.service", "aws_lambda_function.service", f"{ROUTES}aws_api_gateway_rest_api.this")
    assert found(session, stack(domain="api.example.com"), *addresses) == {}
    http = stack(gateway="http", domain="api.example.com")
    assert found(session, http, *addresses) == {}


def test_what_is_not_to_be_created_is_not_taken_over(session: Any):
    make_role(session, stack(), tags(stack()))
    make_function(session, stack())
    assert found(session, stack(), "aws_iam_role.service") == {"aws_iam_role.service": "shop-dev"}


@pytest.mark.parametrize(
    ("kind", "access"), [("rest", "/aws/apigateway/shop-dev"), ("http", "/aws/vendedlogs/apigateway/shop-dev")]
)
def test_the_function_and_what_it_needs(session: Any, kind: str, access: str):
    described = stack(gateway=kind)
    make_role(session, described, tags(described))
    make_function(session, described)
    logs = session.client("logs")
    # Two that only begin like ours.
    for name in ("/aws/lambda/shop-dev", "/aws/lambda/shop-dev2", access, f"{access}-old"):
        logs.create_log_group(logGroupName=name)
    client = session.client("lambda")
    for sid in ("dev-invoke", "dev-authorize", "of-the-author"):
        client.add_permission(
            FunctionName="shop-dev",
            StatementId=sid,
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
    expected = {
        "aws_iam_role.service": "shop-dev",
        "aws_lambda_function.service": "shop-dev",
        "aws_cloudwatch_log_group.service": "/aws/lambda/shop-dev",
        f"{API}aws_cloudwatch_log_group.access[0]": access,
        f"{API}aws_lambda_permission.invoke": "shop-dev/dev-invoke",
        f"{API}aws_lambda_permission.authorize[0]": "shop-dev/dev-authorize",
    }
    assert found(session, described, *expected, "aws_lambda_alias.live") == expected


def test_a_function_that_starts_from_a_snapshot_has_an_alias_and_the_permissions_are_the_aliases(session: Any):
    described = stack(snap_start=True)
    make_function(session, described)
    client = session.client("lambda")
    version = client.publish_version(FunctionName="shop-dev")["Version"]
    client.create_alias(FunctionName="shop-dev", Name="live", FunctionVersion=version)
    client.add_permission(
        FunctionName="shop-dev",
        Qualifier="live",
        StatementId="dev-invoke",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    expected = {
        "aws_lambda_alias.live": "shop-dev/live",
        f"{API}aws_lambda_permission.invoke": "shop-dev:live/dev-invoke",
    }
    assert found(session, described, *expected) == expected


def test_a_function_without_a_permission_has_no_policy_in_aws(session: Any):
    make_function(session, stack())
    refuse(session, "lambda.GetPolicy", 404, "ResourceNotFoundException")
    assert found(session, stack(), f"{API}aws_lambda_permission.invoke") == {}


def test_a_rest_api_with_all_that_is_in_it(session: Any):
    api = make_rest_api(session, stack())
    client = session.client("apigateway")
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    items = client.create_resource(restApiId=api, parentId=root, pathPart="items")["id"]
    item = client.create_resource(restApiId=api, parentId=items, pathPart="{id}")["id"]
    rest = {"restApiId": api, "resourceId": item}
    for method in ("GET", "HEAD"):
        client.put_method(**rest, httpMethod=method, authorizationType="NONE")
    client.put_method(restApiId=api, resourceId=root, httpMethod="POST", authorizationType="NONE")
    client.put_integration(**rest, httpMethod="GET", type="AWS_PROXY", integrationHttpMethod="POST", uri=URI)
    ours, _ = (
        client.create_authorizer(restApiId=api, name=name, type="TOKEN", authorizerUri=URI, identitySource="x")["id"]
        for name in ("shop-dev", "of-the-author")
    )
    client.put_gateway_response(restApiId=api, responseType="DEFAULT_4XX")
    deployment = client.create_deployment(restApiId=api)["id"]
    client.create_stage(restApiId=api, stageName="dev", deploymentId=deployment)
    expected = {
        f"{ROUTES}aws_api_gateway_rest_api.this": api,
        f'{ROUTES}aws_api_gateway_resource.d1["items"]': f"{api}/{items}",
        f'{ROUTES}aws_api_gateway_resource.d2["items/{{}}"]': f"{api}/{item}",
        f'{ROUTES}aws_api_gateway_method.this["GET /items/{{}}"]': f"{api}/{item}/GET",
        f'{ROUTES}aws_api_gateway_method.this["HEAD /items/{{}}"]': f"{api}/{item}/HEAD",
        f'{ROUTES}aws_api_gateway_method.this["POST /"]': f"{api}/{root}/POST",
        f'{ROUTES}aws_api_gateway_integration.this["GET /items/{{}}"]': f"{api}/{item}/GET",
        f"{ROUTES}aws_api_gateway_authorizer.token[0]": f"{api}/{ours}",
        f'{ROUTES}aws_api_gateway_gateway_response.this["DEFAULT_4XX"]': f"{api}/DEFAULT_4XX",
        f"{API}aws_api_gateway_stage.this": f"{api}/dev",
    }
    missing = (
        f'{ROUTES}aws_api_gateway_integration.this["HEAD /items/{{}}"]',
        f'{ROUTES}aws_api_gateway_gateway_response.this["DEFAULT_5XX"]',
    )
    assert found(session, stack(), *expected, *missing) == expected


def test_an_http_api_with_all_that_is_in_it(session: Any):
    described = stack(gateway="http")
    api = make_http_api(session, described)
    client = session.client("apigatewayv2")
    proxy = {"ApiId": api, "IntegrationType": "AWS_PROXY", "PayloadFormatVersion": "2.0"}
    uris = (f"{URI}:shop-dev", f"{URI}:shop-dev2")
    ours, _ = (client.create_integration(**proxy, IntegrationUri=uri)["IntegrationId"] for uri in uris)
    keys = ("GET /items/{id}", "ANY /files/{path+}", "$default")
    routes = [client.create_route(ApiId=api, RouteKey=key)["RouteId"] for key in keys]
    token, _ = (
        client.create_authorizer(ApiId=api, Name=name, AuthorizerType="REQUEST", IdentitySource=["x"])["AuthorizerId"]
        for name in ("shop-dev", "of-the-author")
    )
    client.create_stage(ApiId=api, StageName="dev")
    expected = {
        f"{ROUTES}aws_apigatewayv2_api.this": api,
        f"{ROUTES}aws_apigatewayv2_integration.function": f"{api}/{ours}",
        f'{ROUTES}aws_apigatewayv2_route.this["GET /items/{{}}"]': f"{api}/{routes[0]}",
        f'{ROUTES}aws_apigatewayv2_route.this["ANY /files/{{+}}"]': f"{api}/{routes[1]}",
        f'{ROUTES}aws_apigatewayv2_route.this["$default"]': f"{api}/{routes[2]}",
        f"{ROUTES}aws_apigatewayv2_authorizer.token[0]": f"{api}/{token}",
        f"{API}aws_apigatewayv2_stage.this": f"{api}/dev",
    }
    assert found(session, described, *expected) == expected
    client.delete_stage(ApiId=api, StageName="dev")
    assert f"{API}aws_apigatewayv2_stage.this" not in found(session, described, *expected)


def test_a_rest_api_whose_stage_is_not_made_yet(session: Any):
    make_rest_api(session, stack())
    assert found(session, stack(), f"{API}aws_api_gateway_stage.this") == {}


@pytest.mark.parametrize("path", ["", "v1", "shop/v1"])
@pytest.mark.parametrize("kind", ["rest", "http"])
def test_the_domain_of_an_api_of_either_kind(session: Any, kind: GatewayKind, path: str):
    described = stack(gateway=kind, domain=f"api.example.com/{path}")
    api, other = make_staged_api(session, described), make_staged_api(session, stack(gateway=kind, stage="prod"))
    client = session.client("apigatewayv2")
    client.create_domain_name(DomainName="api.example.com", Tags=tags(described))
    client.create_api_mapping(DomainName="api.example.com", ApiId=other, Stage="prod", ApiMappingKey="v2")
    expected = {f"{DOMAIN}aws_apigatewayv2_domain_name.this": "api.example.com"}
    mapping = f"{DOMAIN}aws_apigatewayv2_api_mapping.this"
    assert found(session, described, *expected, mapping) == expected
    made = client.create_api_mapping(DomainName="api.example.com", ApiId=api, Stage="dev", ApiMappingKey=path)
    expected[mapping] = f"{made['ApiMappingId']}/api.example.com"
    assert found(session, described, *expected) == expected


def test_a_function_of_the_same_name_that_is_not_ours_is_refused_by_its_name(session: Any):
    make_function(session, stack(), FOREIGN)
    assert refusal(session, stack()) == (
        "There is a function 'shop-dev' already that is not the stage 'dev' of 'shop': give the service another name, "
        "or delete it."
    )


def test_a_role_of_the_same_name_that_is_not_ours_is_refused_by_its_name(session: Any):
    make_role(session, stack(), {})
    assert refusal(session, stack()).startswith("There is a role 'shop-dev' already that is not the stage 'dev'")


@pytest.mark.parametrize("kind", ["rest", "http"])
def test_a_domain_that_is_not_ours_is_refused_by_its_name(session: Any, kind: str):
    # Both kinds of APIs share the domains of an account.
    session.client("apigateway").create_domain_name(domainName="api.example.com", tags=FOREIGN)
    told = refusal(session, stack(gateway=kind, domain="api.example.com"))
    assert told.startswith("There is a domain 'api.example.com' already that is not the stage 'dev' of 'shop'")


def test_two_apis_of_the_same_tags_are_named_and_nothing_is_taken_over(session: Any):
    apis = {make_rest_api(session, stack()), make_rest_api(session, stack())}
    told = refusal(session, stack())
    assert told.endswith(
        " all carry the tags of the stage 'dev' of 'shop': delete those that are not in use, then deploy again."
    )
    assert set(told.removeprefix("The APIs ").partition(" all ")[0].split(", ")) == apis


def test_an_api_of_the_other_kind_is_named_unless_it_goes_away(session: Any):
    api = make_http_api(session, stack(gateway="http"))
    assert refusal(session, stack()) == (
        f"The API {api} is the stage 'dev' of 'shop' already, and no state here knows it: deploy with --gateway http, "
        "or delete it."
    )
    changes = [
        Change("create", f"{ROUTES}aws_api_gateway_rest_api.this"),
        Change("delete", f"{ROUTES}aws_apigatewayv2_api.this"),
    ]
    assert left_behind(session, stack(), changes) == {}


def test_the_addresses_become_import_blocks():
    assert json.loads(import_blocks({"aws_iam_role.service": "shop-dev"})) == {
        "import": [{"to": "aws_iam_role.service", "id": "shop-dev"}]
    }
