"""The root module of a stage, as Terraform's JSON: the gateway's module, the domain's, the function, and its needs.

https://developer.hashicorp.com/terraform/language/syntax/json
"""

from collections.abc import Mapping
from typing import Any

from coworks_async.deploy.aws.account import ARCHIVE_TAG, SERVICE_TAG, STAGE_TAG
from coworks_async.deploy.environment import VARIABLE, own_variables
from coworks_async.deploy.stack import CloudBackend, Domain, S3Backend, Stack
from coworks_async.deploy.terraform.iam import policy, trust
from coworks_async.deploy.terraform.tf_json import Expression, Template, rendered

TERRAFORM_VERSION = ">= 1.10"
PROVIDER_VERSION = ">= 6.0, < 7.0"
ALIAS = "live"
"""The name of the alias that the gateway calls where the function has published versions."""

_LOOKED_UP = ("aws_acm_certificate", "aws_lambda_layer_version")
_NO_CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/none"

Block = dict[str, Any]


def root(stack: Stack) -> Block:
    """Return what `main.tf.json` says of a stage.

    The routes are one value, `locals.routes`: services that differ in their entries alone differ in nothing else.
    Nothing that the module's routes are told is an attribute of the function: they can be made before it.

    Example:
        >>> root(stack)["output"]["shop_id"]["value"]
        '${module.api.id}'
    """
    blocks: Block = {
        "terraform": _terraform(stack),
        "provider": {"aws": _provider(stack)},
        "variable": {VARIABLE: _variable(stack)},
        "locals": _locals(stack),
        "data": _data(stack),
        "resource": _resources(stack),
        "module": _modules(stack),
        "output": _outputs(stack),
    }
    content: Block = rendered({name: block for name, block in blocks.items() if block})
    return content


def state_key(stack: Stack) -> str:
    """Return where a stage's state lies in the bucket of its S3 backend."""
    return f"{stack.slug}/{stack.stage}/terraform.tfstate"


def backend_of(content: Block) -> S3Backend | CloudBackend | None:
    """Return where a root that was written by a deploy has Terraform keep the state."""
    told = content["terraform"]
    if "backend" in told:
        return S3Backend(told["backend"]["s3"]["bucket"])
    if "cloud" in told:
        return CloudBackend(told["cloud"]["organization"], told["cloud"]["workspaces"]["name"])
    return None


def without_lookups(content: Block) -> Block:
    """Return a root that looks for no certificate and no layer: a stage whose own are gone can be deleted all the same.

    To delete it alone: nothing can be made of it.
    """
    data = {name: block for name, block in content.get("data", {}).items() if name not in _LOOKED_UP}
    told = content["resource"]["aws_lambda_function"]["service"]
    function = {name: value for name, value in told.items() if name != "layers"}
    resources = content["resource"] | {"aws_lambda_function": {"service": function}}
    modules = content["module"]
    if "domain" in modules:
        modules = modules | {"domain": modules["domain"] | {"certificate_arn": _NO_CERTIFICATE}}
    rest = {name: block for name, block in content.items() if name != "data"}
    return rest | {"resource": resources, "module": modules} | ({"data": data} if data else {})


def output_name(stack: Stack, name: str) -> str:
    """Return the name of an output: the service's, as far as Terraform takes it, and what it tells."""
    start = "" if stack.slug[0].isalpha() or stack.slug[0] == "_" else "_"
    return f"{start}{stack.slug}_{name}"


def _terraform(stack: Stack) -> Block:
    block: Block = {
        "required_version": TERRAFORM_VERSION,
        "required_providers": {"aws": {"source": "hashicorp/aws", "version": PROVIDER_VERSION}},
    }
    match stack.backend:
        case S3Backend(bucket):
            s3 = {"bucket": bucket, "key": state_key(stack), "encrypt": True, "use_lockfile": True}
            block["backend"] = {"s3": _set(s3 | {"region": stack.region})}
        case CloudBackend(organization, workspace):
            block["cloud"] = {"organization": organization, "workspaces": {"name": workspace}}
    return block


def _provider(stack: Stack) -> Block:
    tags = dict(stack.tags) | {SERVICE_TAG: stack.service, STAGE_TAG: stack.stage}
    return _set({"region": stack.region, "default_tags": {"tags": tags}})


def _variable(stack: Stack) -> Block:
    # Without a default: an apply by hand that lacks the values must not take them away.
    return {
        "description": f"What the environment files set for the stage {stack.stage}: a JSON object of strings.",
        "type": "string",
        "sensitive": True,
    }


def _locals(stack: Stack) -> Block:
    gateway = stack.gateway
    routes = [{"method": each.method, "path": each.path, "authorized": each.authorized} for each in gateway.routes]
    block: Block = {"routes": routes, "policy": policy(stack), "trust": trust(), "variables": own_variables(stack)}
    if gateway.kind == "rest":
        block["gateway_responses"] = [
            {
                "type": each.type,
                "status": "" if each.status is None else str(each.status),
                "headers": dict(each.headers),
                "body": each.body,
            }
            for each in gateway.responses
        ]
    if _names_arns(stack):
        # The function comes after its role, which cannot name it by reference therefore.
        caller = "data.aws_caller_identity.current"
        region = Expression("data.aws_region.current.id")
        place = (":lambda:", region, ":", Expression(f"{caller}.account_id"), f":function:{stack.function.name}")
        block["partition"] = Expression(f'split(":", {caller}.arn)[1]')
        block["function_arn"] = Template(("arn:", Expression("local.partition"), *place))
    return block


def _names_arns(stack: Stack) -> bool:
    """Tell whether the policy names what is not made yet, or not by Terraform."""
    return stack.background or bool(stack.function.subnets)


def _data(stack: Stack) -> Block:
    block: Block = {}
    if _names_arns(stack):
        block |= {"aws_caller_identity": {"current": {}}, "aws_region": {"current": {}}}
    layers = stack.function.unversioned_layers
    if layers:
        block["aws_lambda_layer_version"] = {name: {"layer_name": arn} for name, arn in layers.items()}
    if stack.domain is not None and stack.domain.certificate is None:
        found = {"domain": stack.domain.name, "statuses": ["ISSUED"], "most_recent": True}
        block["aws_acm_certificate"] = {"domain": found}
    return block


def _resources(stack: Stack) -> Block:
    function = stack.function
    block: Block = {
        "aws_cloudwatch_log_group": {
            "service": {"name": f"/aws/lambda/{function.name}", "retention_in_days": function.log_retention}
        },
        "aws_iam_role": {
            "service": {
                "name": function.name,
                "description": f"What the function {function.name} may do.",
                "assume_role_policy": Expression("jsonencode(local.trust)"),
            }
        },
        "aws_iam_role_policy": {
            "service": {
                "name": function.name,
                "role": Expression("aws_iam_role.service.id"),
                "policy": Expression("jsonencode(local.policy)"),
            }
        },
        "aws_lambda_function": {"service": _function(stack)},
    }
    if function.snap_start:
        block["aws_lambda_alias"] = {
            ALIAS: {
                "name": ALIAS,
                "function_name": Expression("aws_lambda_function.service.function_name"),
                "function_version": Expression("aws_lambda_function.service.version"),
            }
        }
    return block


def _function(stack: Stack) -> Block:
    function = stack.function
    newest = {arn: name for name, arn in function.unversioned_layers.items()}
    layers = [
        Expression(f"data.aws_lambda_layer_version.{newest[arn]}.arn") if arn in newest else arn
        for arn in function.layers
    ]
    block: Block = {
        "function_name": function.name,
        "role": Expression("aws_iam_role.service.arn"),
        "s3_bucket": function.bucket,
        "s3_key": function.key,
        "handler": function.handler,
        "runtime": function.runtime,
        "architectures": [function.architecture],
        "memory_size": function.memory_size,
        "timeout": function.timeout,
        "layers": layers or None,
        "reserved_concurrent_executions": function.reserved_concurrency,
        "environment": {"variables": Expression(f"merge(jsondecode(var.{VARIABLE}), local.variables)")},
        "tags": {ARCHIVE_TAG: function.archive},
        # Its rights, and the log group, which Lambda would make by itself.
        "depends_on": ["aws_iam_role_policy.service"],
    }
    if function.subnets:
        block["vpc_config"] = {
            "subnet_ids": list(function.subnets),
            "security_group_ids": list(function.security_groups),
        }
    if function.snap_start:
        block |= {"publish": True, "snap_start": {"apply_on": "PublishedVersions"}}
    if function.tracing:
        block["tracing_config"] = {"mode": "Active"}
    return _set(block)


def _modules(stack: Stack) -> Block:
    block: Block = {"api": _api(stack)}
    if stack.domain is not None:
        block["domain"] = _domain(stack.domain)
    return block


def _api(stack: Stack) -> Block:
    gateway, function = stack.gateway, stack.function
    block: Block = {
        "source": f"./modules/{gateway.kind}_api",
        "name": function.name,
        "stage_name": stack.stage,
        "function_name": function.name,
        "function_arn": Expression("aws_lambda_function.service.arn"),
        "routes": Expression("local.routes"),
        "token_header": gateway.token_key,
        "authorizer_ttl": gateway.authorizer_ttl,
        "access_logs": stack.access_logs,
        "log_retention_days": function.log_retention,
    }
    if gateway.kind == "rest":
        block["gateway_responses"] = Expression("local.gateway_responses")
        block["binary_media_types"] = list(gateway.binary_media_types)
        block["xray_tracing"] = function.tracing
    if function.snap_start:
        # The function's ARN by way of the alias, for which the permission has to wait.
        block["function_arn"] = Expression(f'trimsuffix(aws_lambda_alias.{ALIAS}.arn, ":{ALIAS}")')
        block["function_qualifier"] = ALIAS
    return block


def _domain(domain: Domain) -> Block:
    return {
        "source": "./modules/custom_domain",
        "domain_name": domain.name,
        "certificate_arn": domain.certificate or Expression("data.aws_acm_certificate.domain.arn"),
        "api_id": Expression("module.api.id"),
        "stage_name": Expression("module.api.stage_name"),
        "base_path": domain.base_path,
    }


def _outputs(stack: Stack) -> Block:
    told = {
        "id": ("The API's id.", "module.api.id"),
        "url": ("The stage's URL.", "module.api.url"),
        "function": ("The function's name.", "aws_lambda_function.service.function_name"),
    }
    if stack.domain is not None:
        told["domain_target"] = ("Where the domain's DNS record has to lead.", "module.domain.target")
        told["domain_zone_id"] = ("The Route 53 zone of that host.", "module.domain.zone_id")
    block: Block = {
        output_name(stack, name): {"description": description, "value": Expression(value)}
        for name, (description, value) in told.items()
    }
    block[output_name(stack, "archive")] = {"description": "The archive's hash.", "value": stack.function.archive}
    return block


def _set(block: Mapping[str, Any]) -> Block:
    return {name: value for name, value in block.items() if value is not None}
