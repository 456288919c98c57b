"""What a killed deploy left in AWS without its state: found by name and tag, so that it is taken over, not made twice.

What is there is listed by the addresses that the root has for it; those that Terraform plans to create go into `import`
blocks: https://developer.hashicorp.com/terraform/language/import
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from coworks_async.deploy.aws.account import SERVICE_TAG, STAGE_TAG, apis_of, aws_errors
from coworks_async.deploy.stack import Domain, Stack
from coworks_async.deploy.terraform.events import Change
from coworks_async.exceptions import DeployError

API = "module.api."
DOMAIN = "module.domain."
ROUTES = f"{API}module.routes."

Remains = Iterator[tuple[str, str]]
"""Addresses in the root, each with the id by which Terraform imports what is there."""

_GATEWAYS = {"rest": f"{ROUTES}aws_api_gateway_rest_api.this", "http": f"{ROUTES}aws_apigatewayv2_api.this"}
_ACCESS_LOGS = {"rest": "/aws/apigateway", "http": "/aws/vendedlogs/apigateway"}
_PARAMETER = re.compile(r"\{\w+")
_PAGE = {"PageSize": 500}


def left_behind(session: Any, stack: Stack, changes: Iterable[Change]) -> dict[str, str]:
    """Return what AWS has already of what Terraform would create: the ids to import, by address.

    Nothing is asked where nothing would be created. An API's deployments are not taken over: the new one is put in
    their place.

    Parameters:
        changes: what Terraform plans.

    Raises:
        DeployError: a name is taken by something that is not this service's stage, or another API is this stage's.
    """
    planned = {change.address: change.action for change in changes}
    if "create" not in planned.values():
        return {}
    with aws_errors("What an earlier deploy left cannot be read"):
        remains = dict(_function(session, stack))
        api = _api(session, stack, planned)
        listing = _rest if stack.gateway.kind == "rest" else _http
        if api is not None:
            remains.update(listing(session, api, stack))
        if stack.domain is not None:
            remains.update(_domain(session, api, stack, stack.domain))
    return {address: name for address, name in sorted(remains.items()) if planned.get(address) == "create"}


def import_blocks(found: Mapping[str, str]) -> str:
    """Return the text of a `.tf.json` file that has Terraform take over what was found."""
    return json.dumps({"import": [{"to": address, "id": name} for address, name in found.items()]}, indent=2) + "\n"


def _api(session: Any, stack: Stack, planned: Mapping[str, str]) -> str | None:
    kind = stack.gateway.kind
    apis = [api for api in apis_of(session, stack.service) if api.stage == stack.stage]
    found = [api.id for api in apis if api.kind == kind]
    if len(found) > 1:
        raise DeployError(
            f"The APIs {', '.join(found)} all carry the tags of the stage {stack.stage!r} of {stack.service!r}: "
            "delete those that are not in use, then deploy again."
        )
    others = [api for api in apis if api.kind != kind and planned.get(_GATEWAYS[api.kind]) != "delete"]
    if others:
        raise DeployError(
            f"The API {others[0].id} is the stage {stack.stage!r} of {stack.service!r} already, and no state here "
            f"knows it: deploy with --gateway {others[0].kind}, or delete it."
        )
    return found[0] if found else None


def _function(session: Any, stack: Stack) -> Remains:
    name = stack.function.name
    client, iam = session.client("lambda"), session.client("iam")
    try:
        tags = {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]}
        yield "aws_iam_role.service", _ours(stack, "role", name, tags)
    except iam.exceptions.NoSuchEntityException:
        pass
    yield from _log_group(session, "aws_cloudwatch_log_group.service", f"/aws/lambda/{name}")
    yield from _log_group(
        session, f"{API}aws_cloudwatch_log_group.access[0]", f"{_ACCESS_LOGS[stack.gateway.kind]}/{name}"
    )
    try:
        tags = client.get_function(FunctionName=name).get("Tags", {})
    except client.exceptions.ResourceNotFoundException:
        return
    yield "aws_lambda_function.service", _ours(stack, "function", name, tags)
    aliases = [alias["Name"] for alias in client.list_aliases(FunctionName=name)["Aliases"]]
    for alias in aliases:
        yield f"aws_lambda_alias.{alias}", f"{name}/{alias}"
    for qualifier in (None, *aliases):
        yield from _permissions(client, name, qualifier, stack.stage)


def _permissions(client: Any, name: str, qualifier: str | None, stage: str) -> Remains:
    qualified = {} if qualifier is None else {"Qualifier": qualifier}
    try:
        policy = json.loads(client.get_policy(FunctionName=name, **qualified)["Policy"])
    except client.exceptions.ResourceNotFoundException:
        return
    statements = {statement["Sid"] for statement in policy["Statement"]}
    target = name if qualifier is None else f"{name}:{qualifier}"
    for purpose, index in (("invoke", ""), ("authorize", "[0]")):
        if f"{stage}-{purpose}" in statements:
            yield f"{API}aws_lambda_permission.{purpose}{index}", f"{target}/{stage}-{purpose}"


def _log_group(session: Any, address: str, name: str) -> Remains:
    told = session.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    if any(group["logGroupName"] == name for group in told):
        yield address, name


def _rest(session: Any, api: str, stack: Stack) -> Remains:
    client = session.client("apigateway")
    yield _GATEWAYS["rest"], api
    paginator = client.get_paginator("get_resources")
    for page in paginator.paginate(restApiId=api, embed=["methods"], PaginationConfig=_PAGE):
        for resource in page["items"]:
            yield from _resource(api, resource)
    for authorizer in client.get_authorizers(restApiId=api)["items"]:
        # The author's own files may have added others.
        if authorizer["name"] == stack.function.name:
            yield f"{ROUTES}aws_api_gateway_authorizer.token[0]", f"{api}/{authorizer['id']}"
    for response in client.get_gateway_responses(restApiId=api, limit=500)["items"]:
        if not response.get("defaultResponse"):
            kind = response["responseType"]
            yield f"{ROUTES}aws_api_gateway_gateway_response.this{_key(kind)}", f"{api}/{kind}"
    if any(each["stageName"] == stack.stage for each in client.get_stages(restApiId=api)["item"]):
        yield f"{API}aws_api_gateway_stage.this", f"{api}/{stack.stage}"


def _resource(api: str, resource: Any) -> Remains:
    path = _PARAMETER.sub("{", resource["path"])
    key = path.strip("/")
    if key:
        yield f"{ROUTES}aws_api_gateway_resource.d{key.count('/') + 1}{_key(key)}", f"{api}/{resource['id']}"
    for method, told in resource.get("resourceMethods", {}).items():
        identity = f"{api}/{resource['id']}/{method}"
        yield f"{ROUTES}aws_api_gateway_method.this{_key(f'{method} {path}')}", identity
        if "methodIntegration" in told:
            yield f"{ROUTES}aws_api_gateway_integration.this{_key(f'{method} {path}')}", identity


def _http(session: Any, api: str, stack: Stack) -> Remains:
    client, name = session.client("apigatewayv2"), stack.function.name
    yield _GATEWAYS["http"], api
    for page in client.get_paginator("get_routes").paginate(ApiId=api):
        for route in page["Items"]:
            key = _PARAMETER.sub("{", route["RouteKey"])
            yield f"{ROUTES}aws_apigatewayv2_route.this{_key(key)}", f"{api}/{route['RouteId']}"
    for integration in client.get_integrations(ApiId=api)["Items"]:
        if re.search(rf":function:{name}(:\w+)?$", integration.get("IntegrationUri", "")):
            yield f"{ROUTES}aws_apigatewayv2_integration.function", f"{api}/{integration['IntegrationId']}"
    for authorizer in client.get_authorizers(ApiId=api)["Items"]:
        if authorizer["Name"] == name:
            yield f"{ROUTES}aws_apigatewayv2_authorizer.token[0]", f"{api}/{authorizer['AuthorizerId']}"
    if any(each["StageName"] == stack.stage for each in client.get_stages(ApiId=api)["Items"]):
        yield f"{API}aws_apigatewayv2_stage.this", f"{api}/{stack.stage}"


def _domain(session: Any, api: str | None, stack: Stack, domain: Domain) -> Remains:
    client = session.client("apigatewayv2")
    try:
        tags = client.get_domain_name(DomainName=domain.name).get("Tags", {})
    except client.exceptions.NotFoundException:
        return
    yield f"{DOMAIN}aws_apigatewayv2_domain_name.this", _ours(stack, "domain", domain.name, tags)
    for mapping in client.get_api_mappings(DomainName=domain.name)["Items"]:
        if (mapping["ApiId"], mapping.get("ApiMappingKey", "")) == (api, domain.base_path):
            yield f"{DOMAIN}aws_apigatewayv2_api_mapping.this", f"{mapping['ApiMappingId']}/{domain.name}"


def _key(text: str) -> str:
    return f"[{json.dumps(text)}]"


def _ours(stack: Stack, what: str, name: str, tags: Mapping[str, str]) -> str:
    if tags.get(SERVICE_TAG) != stack.service or tags.get(STAGE_TAG) != stack.stage:
        raise DeployError(
            f"There is a {what} {name!r} already that is not the stage {stack.stage!r} of {stack.service!r}: "
            "give the service another name, or delete it."
        )
    return name
