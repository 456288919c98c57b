"""Import resources of an earlier deploy whose state was lost, so that they are not created twice.

Resources are found by name and tag, and listed by their address in the root module. Those that Terraform plans to
create become `import` blocks: https://developer.hashicorp.com/terraform/language/import
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from coworks_async.deploy.aws.account import aws_errors, find_apis, find_function_url
from coworks_async.deploy.stack import (
    ALIAS,
    SERVICE_TAG,
    STAGE_TAG,
    Domain,
    Stack,
    access_log_group,
    function_log_group,
)
from coworks_async.deploy.terraform.output import PlannedChange
from coworks_async.exceptions import DeployError

API_PREFIX = "module.api."
DOMAIN_PREFIX = "module.domain."
ROUTES_PREFIX = f"{API_PREFIX}module.routes."

ImportIds = Iterator[tuple[str, str]]
"""Pairs of an address in the root module and the id that Terraform imports the resource by."""

_API_ADDRESSES = {
    "rest": f"{ROUTES_PREFIX}aws_api_gateway_rest_api.this",
    "http": f"{ROUTES_PREFIX}aws_apigatewayv2_api.this",
}
_PARAMETER = re.compile(r"\{\w+")


# The resources that contain the others: deleting these deletes all.
_OWNERS = (
    *("aws_iam_role.service", "aws_lambda_function.service", *_API_ADDRESSES.values()),
    *("aws_cloudwatch_log_group.service", f"{API_PREFIX}aws_cloudwatch_log_group.access[0]"),
)


def find_untracked_resources(session: Any, stack: Stack, changes: Iterable[PlannedChange]) -> dict[str, str]:
    """Return the ids of existing resources that Terraform plans to create, by address.

    AWS is called only if Terraform plans to create anything. Deployments of an API are not imported: a new one
    replaces them.
    """
    planned = {change.address: change.action for change in changes}
    if "create" not in planned.values():
        return {}
    found = _find_ids(session, stack, planned)
    return {address: id_ for address, id_ in sorted(found.items()) if planned.get(address) == "create"}


def find_orphans(session: Any, stack: Stack, changes: Iterable[PlannedChange]) -> dict[str, str]:
    """Return the ids of existing resources that a plan to delete the stage does not contain, by address."""
    planned = {change.address: change.action for change in changes}
    found = _find_ids(session, stack, planned)
    return {address: found[address] for address in _OWNERS if address in found and address not in planned}


def _find_ids(session: Any, stack: Stack, planned: Mapping[str, str]) -> dict[str, str]:
    """Return the ids of the resources of a stage that exist, by address."""
    with aws_errors("Cannot look for resources of an earlier deploy"):
        found = dict(_find_function_ids(session, stack))
        api = _find_api(session, stack, planned)
        if api is not None:
            find_api_ids = _find_rest_ids if stack.gateway.kind == "rest" else _find_http_ids
            found.update(find_api_ids(session, api, stack))
        if stack.domain is not None:
            found.update(_find_domain_ids(session, api, stack, stack.domain))
    return found


def format_import_blocks(ids: Mapping[str, str]) -> str:
    """Return the text of a `.tf.json` file that imports resources."""
    return json.dumps({"import": [{"to": address, "id": id_} for address, id_ in ids.items()]}, indent=2) + "\n"


def _find_api(session: Any, stack: Stack, planned: Mapping[str, str]) -> str | None:
    kind = stack.gateway.kind
    apis = [api for api in find_apis(session, stack.service) if api.stage == stack.stage]
    found = [api.id for api in apis if api.kind == kind]
    if len(found) > 1:
        raise DeployError(
            f"The APIs {', '.join(found)} all have the tags of stage {stack.stage!r} of {stack.service!r}. Delete the "
            "unused ones, then deploy again."
        )
    others = [api for api in apis if api.kind != kind and planned.get(_API_ADDRESSES[api.kind]) != "delete"]
    if others:
        raise DeployError(
            f"The API {others[0].id} serves stage {stack.stage!r} of {stack.service!r}, but is not in the state. "
            f"Deploy with --gateway {others[0].kind}, or delete it."
        )
    return found[0] if found else None


def _find_function_ids(session: Any, stack: Stack) -> ImportIds:
    name = stack.function_name
    client, iam = session.client("lambda"), session.client("iam")
    try:
        tags = {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]}
    except iam.exceptions.NoSuchEntityException:
        pass
    else:
        _check_owner(stack, "role", name, tags)
        yield "aws_iam_role.service", name
    access_logs = access_log_group(stack.gateway.kind, name)
    yield from _find_log_group_id(session, "aws_cloudwatch_log_group.service", function_log_group(name))
    yield from _find_log_group_id(session, f"{API_PREFIX}aws_cloudwatch_log_group.access[0]", access_logs)
    try:
        tags = client.get_function(FunctionName=name).get("Tags", {})
    except client.exceptions.ResourceNotFoundException:
        return
    _check_owner(stack, "function", name, tags)
    yield "aws_lambda_function.service", name
    aliases = [alias["Name"] for alias in client.list_aliases(FunctionName=name)["Aliases"]]
    for alias in aliases:
        yield f"aws_lambda_alias.{alias}", f"{name}/{alias}"
    # Terraform replaces those of an earlier release, which have no qualifier. An emulator returns those of the alias
    # without a qualifier too, and Terraform cannot import them there with it.
    permissions = _list_permissions(stack)
    for qualifier in (ALIAS, None):
        yield from _find_permission_ids(client, name, qualifier, permissions)
    if stack.options.function_url is not None and find_function_url(session, name) is not None:
        yield "aws_lambda_function_url.service", f"{name}/{ALIAS}"


def _list_permissions(stack: Stack) -> dict[str, str]:
    """Return the addresses of the permissions to invoke the function, by the ids of their statements."""
    permissions = {
        f"{stack.stage}-invoke": f"{API_PREFIX}aws_lambda_permission.invoke",
        f"{stack.stage}-authorize": f"{API_PREFIX}aws_lambda_permission.authorize[0]",
    }
    if stack.options.function_url is not None:
        permissions |= {"url": "aws_lambda_permission.url", "url-invoke": "aws_lambda_permission.url_invoke"}
    return permissions


def _find_permission_ids(client: Any, name: str, qualifier: str | None, permissions: Mapping[str, str]) -> ImportIds:
    qualified = {} if qualifier is None else {"Qualifier": qualifier}
    try:
        policy = json.loads(client.get_policy(FunctionName=name, **qualified)["Policy"])
    except client.exceptions.ResourceNotFoundException:
        return
    statements = {statement["Sid"] for statement in policy["Statement"]}
    target = name if qualifier is None else f"{name}:{qualifier}"
    for statement, address in permissions.items():
        if statement in statements:
            yield address, f"{target}/{statement}"


def _find_log_group_id(session: Any, address: str, name: str) -> ImportIds:
    groups = session.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    if any(group["logGroupName"] == name for group in groups):
        yield address, name


def _find_rest_ids(session: Any, api: str, stack: Stack) -> ImportIds:
    client = session.client("apigateway")
    yield _API_ADDRESSES["rest"], api
    paginator = client.get_paginator("get_resources")
    for page in paginator.paginate(restApiId=api, embed=["methods"], PaginationConfig={"PageSize": 500}):
        for resource in page["items"]:
            yield from _create_resource_ids(api, resource)
    for authorizer in client.get_authorizers(restApiId=api)["items"]:
        # The user's own Terraform files may add others.
        if authorizer["name"] == stack.function_name:
            yield f"{ROUTES_PREFIX}aws_api_gateway_authorizer.token[0]", f"{api}/{authorizer['id']}"
    for response in client.get_gateway_responses(restApiId=api, limit=500)["items"]:
        if not response.get("defaultResponse"):
            kind = response["responseType"]
            yield f"{ROUTES_PREFIX}aws_api_gateway_gateway_response.this{_format_key(kind)}", f"{api}/{kind}"
    if any(each["stageName"] == stack.stage for each in client.get_stages(restApiId=api)["item"]):
        yield f"{API_PREFIX}aws_api_gateway_stage.this", f"{api}/{stack.stage}"


def _create_resource_ids(api: str, resource: Any) -> ImportIds:
    path = _PARAMETER.sub("{", resource["path"])
    key = path.strip("/")
    if key:
        level = f"d{key.count('/') + 1}"
        yield f"{ROUTES_PREFIX}aws_api_gateway_resource.{level}{_format_key(key)}", f"{api}/{resource['id']}"
    for method, settings in resource.get("resourceMethods", {}).items():
        route, import_id = _format_key(f"{method} {path}"), f"{api}/{resource['id']}/{method}"
        yield f"{ROUTES_PREFIX}aws_api_gateway_method.this{route}", import_id
        if "methodIntegration" in settings:
            yield f"{ROUTES_PREFIX}aws_api_gateway_integration.this{route}", import_id


def _find_http_ids(session: Any, api: str, stack: Stack) -> ImportIds:
    client, name = session.client("apigatewayv2"), stack.function_name
    yield _API_ADDRESSES["http"], api
    for page in client.get_paginator("get_routes").paginate(ApiId=api):
        for route in page["Items"]:
            key = _PARAMETER.sub("{", route["RouteKey"])
            yield f"{ROUTES_PREFIX}aws_apigatewayv2_route.this{_format_key(key)}", f"{api}/{route['RouteId']}"
    for integration in client.get_integrations(ApiId=api)["Items"]:
        if re.search(rf":function:{name}(:\w+)?$", integration.get("IntegrationUri", "")):
            yield f"{ROUTES_PREFIX}aws_apigatewayv2_integration.function", f"{api}/{integration['IntegrationId']}"
    for authorizer in client.get_authorizers(ApiId=api)["Items"]:
        if authorizer["Name"] == name:
            yield f"{ROUTES_PREFIX}aws_apigatewayv2_authorizer.token[0]", f"{api}/{authorizer['AuthorizerId']}"
    if any(each["StageName"] == stack.stage for each in client.get_stages(ApiId=api)["Items"]):
        yield f"{API_PREFIX}aws_apigatewayv2_stage.this", f"{api}/{stack.stage}"


def _find_domain_ids(session: Any, api: str | None, stack: Stack, domain: Domain) -> ImportIds:
    client = session.client("apigatewayv2")
    try:
        tags = client.get_domain_name(DomainName=domain.name).get("Tags", {})
    except client.exceptions.NotFoundException:
        return
    _check_owner(stack, "domain", domain.name, tags)
    yield f"{DOMAIN_PREFIX}aws_apigatewayv2_domain_name.this", domain.name
    for mapping in client.get_api_mappings(DomainName=domain.name)["Items"]:
        if (mapping["ApiId"], mapping.get("ApiMappingKey", "")) == (api, domain.base_path):
            yield f"{DOMAIN_PREFIX}aws_apigatewayv2_api_mapping.this", f"{mapping['ApiMappingId']}/{domain.name}"


def _format_key(text: str) -> str:
    return f"[{json.dumps(text)}]"


def _check_owner(stack: Stack, kind: str, name: str, tags: Mapping[str, str]) -> None:
    if tags.get(SERVICE_TAG) != stack.service or tags.get(STAGE_TAG) != stack.stage:
        raise DeployError(
            f"The {kind} {name!r} exists, but does not have the tags of stage {stack.stage!r} of {stack.service!r}. "
            f"Rename the service, or delete the {kind}."
        )
