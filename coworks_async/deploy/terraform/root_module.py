"""Create the root module of a stage in Terraform's JSON syntax: API, domain, function, role and logs.

https://developer.hashicorp.com/terraform/language/syntax/json
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from coworks_async.deploy.stack import (
    ALIAS,
    ARCHIVE_TAG,
    ENTRY_MODULE,
    EXPIRES_TAG,
    SERVICE_TAG,
    STAGE_TAG,
    CloudBackend,
    Domain,
    S3Backend,
    Stack,
    function_log_group,
)
from coworks_async.deploy.terraform.function_url import FUNCTION_URL, create_function_url
from coworks_async.deploy.terraform.iam import create_role_policy, create_trust_policy
from coworks_async.deploy.terraform.tf_json import Block, Template, escape_template, render

TERRAFORM_VERSION = ">= 1.10"
PROVIDER_MAJOR = 6

# The first one with everything that some options need.
_NEW_PROVIDER_MINOR = 29

ROUTES_TARGET = "module.api.module.routes"
"""Address of the API with its routes, which needs no function."""

# The input variable for the values of the environment files.
_VARIABLE = "environment"

_LOOKUPS = ("aws_acm_certificate", "aws_lambda_layer_version")
_NO_CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/none"


def create_root(stack: Stack) -> Block:
    """Return the content of `main.tf.json`.

    Routes are one value, `locals.routes`: services that differ only in their entries have otherwise equal root modules.
    The routes refer to no attribute of the function, so they can be created first.
    """
    tags = dict(stack.options.tags) | {SERVICE_TAG: stack.service, STAGE_TAG: stack.stage}
    if stack.expires is not None:
        tags[EXPIRES_TAG] = stack.expires
    blocks: Block = {
        "terraform": _terraform(stack),
        "provider": {"aws": _omit_none({"region": stack.options.region, "default_tags": {"tags": tags}})},
        "variable": {
            # No default: an apply by hand without the values would remove the variables from the function.
            _VARIABLE: {
                "description": f"Environment variables of the stage {stack.stage}: a JSON object of strings.",
                "type": "string",
                "sensitive": True,
            }
        },
        "locals": _locals(stack),
        "data": _data(stack),
        "resource": _resources(stack),
        "module": {"api": _api(stack)} | ({"domain": _domain(stack.domain)} if stack.domain is not None else {}),
        "output": _outputs(stack),
    }
    root: Block = render({name: block for name, block in blocks.items() if block})
    return root


def encode_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that passes variables to Terraform, as one JSON string, without writing them to a file.

    A Terraform variable of type map would be parsed as HCL, in which `${` and `%{` have a meaning.
    """
    return {f"TF_VAR_{_VARIABLE}": json.dumps(dict(variables), sort_keys=True)}


def list_resources(stack: Stack) -> list[str]:
    """Return a line for each route, for the domain, and for each resource of the root module."""
    kind = "REST API" if stack.gateway.kind == "rest" else "HTTP API"
    lines = [f"{kind} {stack.function_name}, stage {stack.stage}, {len(stack.gateway.routes)} routes:"]
    lines += [f"  {route.key}{' (token required)' if route.authorized else ''}" for route in stack.gateway.routes]
    if stack.domain is not None:
        lines.append(f"domain {stack.domain.name}, base path /{stack.domain.base_path}")
    resources = _resources(stack)
    return lines + [f"{kind}.{name}" for kind in sorted(resources) for name in sorted(resources[kind])]


def output_name(stack: Stack, name: str) -> str:
    """Return the name of an output, which starts with the service name. (Terraform allows no digit at the start.)"""
    start = "" if stack.slug[0].isalpha() or stack.slug[0] == "_" else "_"
    return f"{start}{stack.slug}_{name}"


def parse_backend(root: Block) -> S3Backend | CloudBackend | None:
    """Return the backend of a root module that a deploy wrote."""
    block = root["terraform"]
    if "backend" in block:
        return S3Backend(block["backend"]["s3"]["bucket"])
    if "cloud" in block:
        return CloudBackend(block["cloud"]["organization"], block["cloud"]["workspaces"]["name"])
    return None


def remove_lookups(root: Block) -> None:
    """Remove the lookups of certificate and layers, which may no longer exist, from a root module.

    Afterwards it only serves to destroy a stage: nothing can be created with it.
    """
    root["data"] = {name: block for name, block in root.get("data", {}).items() if name not in _LOOKUPS}
    if not root["data"]:
        del root["data"]
    root["resource"]["aws_lambda_function"]["service"].pop("layers", None)
    if "domain" in root["module"]:
        root["module"]["domain"]["certificate_arn"] = _NO_CERTIFICATE


def _terraform(stack: Stack) -> Block:
    options = stack.options
    is_new = options.stream or options.function_url is not None or options.capacity_provider is not None
    minor = _NEW_PROVIDER_MINOR if is_new else 0
    version = f">= {PROVIDER_MAJOR}.{minor}, < {PROVIDER_MAJOR + 1}.0"
    block: Block = {
        "required_version": TERRAFORM_VERSION,
        "required_providers": {"aws": {"source": "hashicorp/aws", "version": version}},
    }
    match stack.backend:
        case S3Backend(bucket):
            key = f"{stack.slug}/{stack.stage}/terraform.tfstate"
            s3 = {"bucket": bucket, "key": key, "encrypt": True, "use_lockfile": True}
            block["backend"] = {"s3": _omit_none(s3 | {"region": stack.options.region})}
        case CloudBackend(organization, workspace):
            block["cloud"] = {"organization": organization, "workspaces": {"name": workspace}}
    return block


def _locals(stack: Stack) -> Block:
    gateway = stack.gateway
    block: Block = {
        "routes": [asdict(route) for route in gateway.routes],
        "policy": Template(create_role_policy(stack)),
        "trust": Template(create_trust_policy()),
        "variables": stack.built_in_variables,
    }
    if gateway.kind == "rest":
        block["gateway_responses"] = [
            asdict(response) | {"status": str(response.status or ""), "headers": dict(response.headers)}
            for response in gateway.responses
        ]
    if _needs_account(stack):
        # Not by reference: the function is created after its role, whose policy names it.
        account, region = "${data.aws_caller_identity.current.account_id}", "${data.aws_region.current.id}"
        name = escape_template(stack.function_name)
        block["partition"] = Template('${split(":", data.aws_caller_identity.current.arn)[1]}')
        block["function_arn"] = Template(f"arn:${{local.partition}}:lambda:{region}:{account}:function:{name}")
    return block


def _needs_account(stack: Stack) -> bool:
    """Return whether the policy of the role contains an ARN with the account."""
    return stack.background or bool(stack.options.subnets) or bool(stack.references)


def _data(stack: Stack) -> Block:
    block: Block = {}
    if _needs_account(stack):
        block |= {"aws_caller_identity": {"current": {}}, "aws_region": {"current": {}}}
    layers = stack.unversioned_layers
    if layers:
        block["aws_lambda_layer_version"] = {name: {"layer_name": arn} for name, arn in layers.items()}
    if stack.domain is not None and stack.domain.certificate is None:
        certificate = {"domain": stack.domain.name, "statuses": ["ISSUED"], "most_recent": True}
        block["aws_acm_certificate"] = {"domain": certificate}
    return block


def _resources(stack: Stack) -> Block:
    name = stack.function_name
    resources: Block = {
        "aws_cloudwatch_log_group": {
            "name": function_log_group(name),
            "retention_in_days": stack.options.log_retention,
        }
        | _omit_none({"kms_key_id": stack.options.kms_key}),
        "aws_iam_role": {
            "name": name,
            "description": f"Permissions of the function {name}.",
            "assume_role_policy": Template("${jsonencode(local.trust)}"),
            # A killed deploy may have left its policy outside the state.
            "force_detach_policies": True,
        },
        "aws_iam_role_policy": {
            "name": name,
            "role": Template("${aws_iam_role.service.id}"),
            "policy": Template("${jsonencode(local.policy)}"),
        },
        "aws_lambda_function": _function(stack),
    }
    blocks: Block = {kind: {"service": resource} for kind, resource in resources.items()}
    blocks["aws_lambda_alias"] = {ALIAS: _alias()}
    if stack.options.failure_destination is not None:
        blocks["aws_lambda_function_event_invoke_config"] = {"service": _failure_destination(stack)}
    if stack.options.function_url is not None:
        blocks |= create_function_url(stack.options.function_url, stream=stack.options.stream)
    return blocks


def _alias() -> Block:
    """Return the alias, which Terraform creates and deletes. Deploys and rollbacks move it from version to version."""
    return {
        "name": ALIAS,
        "function_name": Template("${aws_lambda_function.service.function_name}"),
        # Only until the first deploy has published a version.
        "function_version": "$LATEST",
        "lifecycle": {"ignore_changes": ["description", "function_version", "routing_config"]},
    }


def _failure_destination(stack: Stack) -> Block:
    return {
        "function_name": Template("${aws_lambda_function.service.function_name}"),
        # The second invocation of an asynchronous call uses the alias of the first.
        "qualifier": Template(f"${{aws_lambda_alias.{ALIAS}.name}}"),
        "destination_config": {"on_failure": {"destination": stack.options.failure_destination}},
        # Lambda's defaults, explicit so that a plan without changes is empty.
        "maximum_event_age_in_seconds": 21_600,
        "maximum_retry_attempts": 2,
        # AWS checks that the role may send to the destination.
        "depends_on": ["aws_iam_role_policy.service"],
    }


def _function(stack: Stack) -> Block:
    options = stack.options
    data_sources = {arn: name for name, arn in stack.unversioned_layers.items()}
    layers = [
        Template(f"${{data.aws_lambda_layer_version.{data_sources[arn]}.arn}}") if arn in data_sources else arn
        for arn in options.layers
    ]
    block: Block = {
        "function_name": stack.function_name,
        "role": Template("${aws_iam_role.service.arn}"),
        "s3_bucket": options.bucket,
        "s3_key": stack.archive_key,
        "handler": f"{ENTRY_MODULE}.lambda_handler",
        "runtime": f"python{options.python}",
        "architectures": [options.architecture],
        "memory_size": options.memory_size,
        "timeout": options.timeout,
        "layers": layers or None,
        "reserved_concurrent_executions": options.reserved_concurrency,
        "kms_key_arn": options.kms_key,
        "environment": {"variables": Template(f"${{merge(jsondecode(var.{_VARIABLE}), local.variables)}}")},
        "tags": {ARCHIVE_TAG: stack.archive_hash},
        # The policy depends on the log group, which Lambda would otherwise create itself.
        "depends_on": ["aws_iam_role_policy.service"],
    }
    if options.subnets:
        block["vpc_config"] = {
            "subnet_ids": list(options.subnets),
            "security_group_ids": list(options.security_groups),
        }
    if options.snap_start:
        block["snap_start"] = {"apply_on": "PublishedVersions"}
    if options.capacity_provider is not None:
        instances = {
            "capacity_provider_arn": options.capacity_provider,
            "per_execution_environment_max_concurrency": options.max_concurrency,
        }
        block["capacity_provider_config"] = {"lambda_managed_instances_capacity_provider_config": _omit_none(instances)}
    if options.tracing:
        block["tracing_config"] = {"mode": "Active"}
    return _omit_none(block)


def _api(stack: Stack) -> Block:
    gateway, options = stack.gateway, stack.options
    block: Block = {
        "source": f"./modules/{gateway.kind}_api",
        "name": stack.function_name,
        "stage_name": stack.stage,
        "function_name": stack.function_name,
        # The function's ARN, taken from the alias so that the permission waits for it.
        "function_arn": Template(f'${{trimsuffix(aws_lambda_alias.{ALIAS}.arn, ":{ALIAS}")}}'),
        "function_qualifier": ALIAS,
        "routes": Template("${local.routes}"),
        "token_header": gateway.token_key,
        "authorizer_ttl": gateway.authorizer_ttl,
        "access_logs": options.access_logs,
        "log_retention_days": options.log_retention,
    }
    block |= _omit_none(
        {
            "throttling_rate_limit": options.rate,
            "throttling_burst_limit": options.burst,
            "kms_key_arn": options.kms_key,
            # None, like False, is the module's default.
            "disable_execute_api_endpoint": options.disable_execute_api_endpoint or None,
            "log_source_ip": options.log_source_ip or None,
        }
    )
    if gateway.kind == "rest":
        # False is the module's default.
        block |= _omit_none({"web_acl_arn": options.waf, "stream": options.stream or None})
        if options.vpc_endpoints:
            block |= {"endpoint_type": "PRIVATE", "vpc_endpoint_ids": list(options.vpc_endpoints)}
        block["gateway_responses"] = Template("${local.gateway_responses}")
        block["binary_media_types"] = list(gateway.binary_media_types)
        block["xray_tracing"] = options.tracing
    return block


def _domain(domain: Domain) -> Block:
    return {
        "source": "./modules/custom_domain",
        "domain_name": domain.name,
        "certificate_arn": domain.certificate or Template("${data.aws_acm_certificate.domain.arn}"),
        "api_id": Template("${module.api.id}"),
        "stage_name": Template("${module.api.stage_name}"),
        "base_path": domain.base_path,
    }


def _outputs(stack: Stack) -> Block:
    url: Any = Template("${module.api.url}")
    if stack.domain is not None and stack.options.disable_execute_api_endpoint:
        url = f"https://{stack.domain.name}/{stack.domain.base_path}".removesuffix("/")
    outputs: dict[str, tuple[str, Any]] = {
        "id": ("ID of the API.", Template("${module.api.id}")),
        "url": ("URL of the stage.", url),
        "function": ("Name of the function.", Template("${aws_lambda_function.service.function_name}")),
        "archive": ("Content hash of the archive.", stack.archive_hash),
    }
    if stack.options.function_url is not None:
        outputs["function_url"] = ("URL of the function.", Template(FUNCTION_URL))
    if stack.domain is not None:
        outputs["domain_target"] = ("Host that the domain's DNS record points to.", Template("${module.domain.target}"))
        outputs["domain_zone_id"] = ("Route 53 zone of that host.", Template("${module.domain.zone_id}"))
    return {
        output_name(stack, name): {"description": description, "value": value}
        for name, (description, value) in outputs.items()
    }


def _omit_none(block: Mapping[str, Any]) -> Block:
    return {name: value for name, value in block.items() if value is not None}
