"""Resources of an earlier deploy without a state are found by name and tag, and imported at their addresses."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coworks_async.deploy.aws.imports import (
    API_PREFIX,
    DOMAIN_PREFIX,
    ROUTES_PREFIX,
    find_untracked_resources,
    format_import_blocks,
)
from coworks_async.deploy.stack import Stack
from coworks_async.deploy.terraform.output import PlannedChange
from coworks_async.exceptions import DeployError
from coworks_async.gateway.routes import GatewayKind
from tests.deploy.accounts import (
    URI,
    create_session,
    create_tags,
    make_function,
    make_http_api,
    make_rest_api,
    make_role,
    make_staged_api,
    reject_operation,
    serve_response,
)
from tests.deploy.stacks import stack

FOREIGN = {"coworks:service": "shop", "coworks:stage": "prod"}


def find(session: Any, stack: Stack, *addresses: str) -> dict[str, str]:
    """Return the ids of existing resources when Terraform plans to create these."""
    return find_untracked_resources(session, stack, [PlannedChange("create", address) for address in addresses])


def fail_to_find(session: Any, stack: Stack) -> str:
    with pytest.raises(DeployError) as caught:
        find(session, stack, "aws_lambda_function.service")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_aws_is_not_called_if_nothing_would_be_created(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with serve_response(500, "") as url:
        session = create_session(url, "test", monkeypatch, tmp_path)
        assert (
            find_untracked_resources(session, stack(), [PlannedChange("update", "aws_lambda_function.service")]) == {}
        )
        with pytest.raises(DeployError, match=r"^Cannot look for resources of an earlier deploy: "):
            find(session, stack(), "aws_lambda_function.service")


def test_an_empty_account_has_no_resources(session: Any):
    addresses = ("aws_iam_role.service", "aws_lambda_function.service", f"{ROUTES_PREFIX}aws_api_gateway_rest_api.this")
    assert find(session, stack(domain="api.example.com"), *addresses) == {}
    http = stack(gateway="http", domain="api.example.com")
    assert find(session, http, *addresses) == {}


def test_a_resource_that_would_not_be_created_is_not_imported(session: Any):
    make_role(session, stack(), create_tags(stack()))
    make_function(session, stack())
    assert find(session, stack(), "aws_iam_role.service") == {"aws_iam_role.service": "shop-dev"}


@pytest.mark.parametrize(
    ("kind", "access"), [("rest", "/aws/apigateway/shop-dev"), ("http", "/aws/vendedlogs/apigateway/shop-dev")]
)
def test_the_function_with_its_role_logs_and_permissions_is_found(session: Any, kind: str, access: str):
    described = stack(gateway=kind)
    make_role(session, described, create_tags(described))
    make_function(session, described)
    logs = session.client("logs")
    # Two have only the prefix in common.
    for name in ("/aws/lambda/shop-dev", "/aws/lambda/shop-dev2", access, f"{access}-old"):
        logs.create_log_group(logGroupName=name)
    client = session.client("lambda")
    for sid in ("dev-invoke", "dev-authorize", "of-the-user"):
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
        f"{API_PREFIX}aws_cloudwatch_log_group.access[0]": access,
        f"{API_PREFIX}aws_lambda_permission.invoke": "shop-dev/dev-invoke",
        f"{API_PREFIX}aws_lambda_permission.authorize[0]": "shop-dev/dev-authorize",
    }
    assert find(session, described, *expected, "aws_lambda_alias.live") == expected


def make_alias(session: Any) -> None:
    """Create the alias of the function, with the permission of the gateway."""
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


def test_the_alias_is_found_with_its_permissions(session: Any):
    make_function(session, stack())
    make_alias(session)

    def reject_unqualified(params: Any, **details: object) -> Any:
        """Respond as AWS does to a request for the permissions of the function itself, which has none."""
        error = {"Error": {"Code": "ResourceNotFoundException", "Message": ""}}
        return None if "Qualifier" in params["query_string"] else (SimpleNamespace(status_code=404), error)

    session.events.register("before-call.lambda.GetPolicy", reject_unqualified)
    expected = {
        "aws_lambda_alias.live": "shop-dev/live",
        f"{API_PREFIX}aws_lambda_permission.invoke": "shop-dev:live/dev-invoke",
    }
    assert find(session, stack(), *expected) == expected


def test_a_function_url_is_found_with_its_permissions(session: Any):
    described = stack(function_url="none")
    make_function(session, described)
    make_alias(session)
    client = session.client("lambda")
    addresses = {
        "aws_lambda_function_url.service": "shop-dev/live",
        "aws_lambda_permission.url": "shop-dev/url",
        "aws_lambda_permission.url_invoke": "shop-dev/url-invoke",
    }
    assert find(session, described, *addresses) == {}
    client.create_function_url_config(FunctionName="shop-dev", Qualifier="live", AuthType="NONE")
    for sid, action in (("url", "lambda:InvokeFunctionUrl"), ("url-invoke", "lambda:InvokeFunction")):
        client.add_permission(FunctionName="shop-dev", Qualifier="live", StatementId=sid, Action=action, Principal="*")
    assert find(session, described, *addresses) == addresses
    assert find(session, stack(), *addresses) == {}


def test_a_permission_that_is_returned_without_its_alias_is_imported_without_it(session: Any):
    make_function(session, stack())
    make_alias(session)
    address = f"{API_PREFIX}aws_lambda_permission.invoke"
    assert find(session, stack(), address) == {address: "shop-dev/dev-invoke"}


def test_a_function_without_permissions_has_no_policy(session: Any):
    make_function(session, stack())
    reject_operation(session, "lambda.GetPolicy", 404, "ResourceNotFoundException")
    assert find(session, stack(), f"{API_PREFIX}aws_lambda_permission.invoke") == {}


def test_all_resources_of_a_rest_api_are_found(session: Any):
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
        for name in ("shop-dev", "of-the-user")
    )
    client.put_gateway_response(restApiId=api, responseType="DEFAULT_4XX")
    deployment = client.create_deployment(restApiId=api)["id"]
    client.create_stage(restApiId=api, stageName="dev", deploymentId=deployment)
    expected = {
        f"{ROUTES_PREFIX}aws_api_gateway_rest_api.this": api,
        f'{ROUTES_PREFIX}aws_api_gateway_resource.d1["items"]': f"{api}/{items}",
        f'{ROUTES_PREFIX}aws_api_gateway_resource.d2["items/{{}}"]': f"{api}/{item}",
        f'{ROUTES_PREFIX}aws_api_gateway_method.this["GET /items/{{}}"]': f"{api}/{item}/GET",
        f'{ROUTES_PREFIX}aws_api_gateway_method.this["HEAD /items/{{}}"]': f"{api}/{item}/HEAD",
        f'{ROUTES_PREFIX}aws_api_gateway_method.this["POST /"]': f"{api}/{root}/POST",
        f'{ROUTES_PREFIX}aws_api_gateway_integration.this["GET /items/{{}}"]': f"{api}/{item}/GET",
        f"{ROUTES_PREFIX}aws_api_gateway_authorizer.token[0]": f"{api}/{ours}",
        f'{ROUTES_PREFIX}aws_api_gateway_gateway_response.this["DEFAULT_4XX"]': f"{api}/DEFAULT_4XX",
        f"{API_PREFIX}aws_api_gateway_stage.this": f"{api}/dev",
    }
    missing = (
        f'{ROUTES_PREFIX}aws_api_gateway_integration.this["HEAD /items/{{}}"]',
        f'{ROUTES_PREFIX}aws_api_gateway_gateway_response.this["DEFAULT_5XX"]',
    )
    assert find(session, stack(), *expected, *missing) == expected


def test_all_resources_of_an_http_api_are_found(session: Any):
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
        for name in ("shop-dev", "of-the-user")
    )
    client.create_stage(ApiId=api, StageName="dev")
    expected = {
        f"{ROUTES_PREFIX}aws_apigatewayv2_api.this": api,
        f"{ROUTES_PREFIX}aws_apigatewayv2_integration.function": f"{api}/{ours}",
        f'{ROUTES_PREFIX}aws_apigatewayv2_route.this["GET /items/{{}}"]': f"{api}/{routes[0]}",
        f'{ROUTES_PREFIX}aws_apigatewayv2_route.this["ANY /files/{{+}}"]': f"{api}/{routes[1]}",
        f'{ROUTES_PREFIX}aws_apigatewayv2_route.this["$default"]': f"{api}/{routes[2]}",
        f"{ROUTES_PREFIX}aws_apigatewayv2_authorizer.token[0]": f"{api}/{token}",
        f"{API_PREFIX}aws_apigatewayv2_stage.this": f"{api}/dev",
    }
    assert find(session, described, *expected) == expected
    client.delete_stage(ApiId=api, StageName="dev")
    assert f"{API_PREFIX}aws_apigatewayv2_stage.this" not in find(session, described, *expected)


def test_a_rest_api_may_have_no_stage_yet(session: Any):
    make_rest_api(session, stack())
    assert find(session, stack(), f"{API_PREFIX}aws_api_gateway_stage.this") == {}


@pytest.mark.parametrize("path", ["", "v1", "shop/v1"])
@pytest.mark.parametrize("kind", ["rest", "http"])
def test_the_domain_of_an_api_is_found(session: Any, kind: GatewayKind, path: str):
    described = stack(gateway=kind, domain=f"api.example.com/{path}")
    api, other = make_staged_api(session, described), make_staged_api(session, stack(gateway=kind, stage="prod"))
    client = session.client("apigatewayv2")
    client.create_domain_name(DomainName="api.example.com", Tags=create_tags(described))
    client.create_api_mapping(DomainName="api.example.com", ApiId=other, Stage="prod", ApiMappingKey="v2")
    expected = {f"{DOMAIN_PREFIX}aws_apigatewayv2_domain_name.this": "api.example.com"}
    mapping = f"{DOMAIN_PREFIX}aws_apigatewayv2_api_mapping.this"
    assert find(session, described, *expected, mapping) == expected
    made = client.create_api_mapping(DomainName="api.example.com", ApiId=api, Stage="dev", ApiMappingKey=path)
    expected[mapping] = f"{made['ApiMappingId']}/api.example.com"
    assert find(session, described, *expected) == expected


def test_a_function_of_another_service_with_the_same_name_is_an_error(session: Any):
    make_function(session, stack(), FOREIGN)
    assert fail_to_find(session, stack()) == (
        "The function 'shop-dev' exists, but does not have the tags of stage 'dev' of 'shop'. Rename the service, or "
        "delete the function."
    )


def test_a_role_of_another_service_with_the_same_name_is_an_error(session: Any):
    make_role(session, stack(), {})
    assert fail_to_find(session, stack()).startswith(
        "The role 'shop-dev' exists, but does not have the tags of stage 'dev'"
    )


@pytest.mark.parametrize("kind", ["rest", "http"])
def test_a_domain_of_another_service_is_an_error(session: Any, kind: str):
    # Both kinds of APIs share the domains of an account.
    session.client("apigateway").create_domain_name(domainName="api.example.com", tags=FOREIGN)
    message = fail_to_find(session, stack(gateway=kind, domain="api.example.com"))
    assert message.startswith(
        "The domain 'api.example.com' exists, but does not have the tags of stage 'dev' of 'shop'"
    )


def test_two_apis_with_the_same_tags_are_an_error(session: Any):
    apis = {make_rest_api(session, stack()), make_rest_api(session, stack())}
    message = fail_to_find(session, stack())
    assert message.endswith(" all have the tags of stage 'dev' of 'shop'. Delete the unused ones, then deploy again.")
    assert set(message.removeprefix("The APIs ").partition(" all ")[0].split(", ")) == apis


def test_an_api_of_the_other_kind_is_an_error_unless_terraform_deletes_it(session: Any):
    api = make_http_api(session, stack(gateway="http"))
    assert fail_to_find(session, stack()) == (
        f"The API {api} serves stage 'dev' of 'shop', but is not in the state. Deploy with --gateway http, or delete "
        "it."
    )
    changes = [
        PlannedChange("create", f"{ROUTES_PREFIX}aws_api_gateway_rest_api.this"),
        PlannedChange("delete", f"{ROUTES_PREFIX}aws_apigatewayv2_api.this"),
    ]
    assert find_untracked_resources(session, stack(), changes) == {}


def test_the_addresses_become_format_import_blocks():
    assert json.loads(format_import_blocks({"aws_iam_role.service": "shop-dev"})) == {
        "import": [{"to": "aws_iam_role.service", "id": "shop-dev"}]
    }
