"""The IAM policies of a function: the least privileges that its service needs.

Their strings are Terraform templates: `${…}` is an expression that Terraform evaluates.
"""

from typing import Any

from coworks_async.deploy.stack import Stack
from coworks_async.deploy.terraform.tf_json import escape_template

Statement = dict[str, Any]

_FUNCTION = "${local.function_arn}"

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
_VPC_ACTIONS = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]

# By service: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
_DESTINATION_ACTIONS = {
    "events": "events:PutEvents",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
}

# https://docs.aws.amazon.com/xray/latest/devguide/security_iam_service-with-iam.html
_TRACE_ACTIONS = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


# https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
def create_trust_policy() -> dict[str, Any]:
    """Return the policy that lets Lambda assume the role."""
    principal = {"Service": "lambda.amazonaws.com"}
    return _create_policy([{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}])


def create_role_policy(stack: Stack) -> dict[str, Any]:
    """Return the policy of a stage's role. Except for logging, it grants only what the service uses."""
    logs = ["logs:CreateLogStream", "logs:PutLogEvents"]
    statements = [_allow(logs, "${aws_cloudwatch_log_group.service.arn}:*")]
    if stack.background:
        # With `:*`, because the second invocation uses the alias or version of the first.
        statements.append(_allow(["lambda:InvokeFunction"], [_FUNCTION, f"{_FUNCTION}:*"]))
    if objects := _response_objects(stack):
        statements.append(_allow(["s3:PutObject"], objects))
    statements += _reference_statements(stack)
    if stack.options.failure_destination is not None:
        statements.append(_allow_destination(stack.options.failure_destination))
    if stack.options.kms_key is not None:
        # To read the variables.
        statements.append(_allow(["kms:Decrypt"], escape_template(stack.options.kms_key)))
    if stack.options.subnets:
        statements += _vpc_statements()
    if stack.options.tracing:
        # These actions do not support resources.
        statements.append(_allow(_TRACE_ACTIONS, "*"))
    return _create_policy(statements)


def _response_objects(stack: Stack) -> list[str]:
    locations = sorted({(bucket, prefix) for bucket, prefixes in stack.store_in for prefix in prefixes})
    names = [escape_template(f"{bucket}/{_escape_wildcards(prefix)}*") for bucket, prefix in locations]
    return [f"arn:${{local.partition}}:s3:::{name}" for name in names]


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
def _escape_wildcards(text: str) -> str:
    """Escape text in a resource ARN."""
    return "".join(f"${{{each}}}" if each in "$*?" else each for each in text)


def _reference_statements(stack: Stack) -> list[Statement]:
    """Allow to read exactly the parameters and secrets that the variables name.

    Names contain no character that Terraform or IAM interprets.
    """
    parameters = sorted({each.name for each in stack.references if each.kind == "ssm"})
    secrets = sorted({each.name for each in stack.references if each.kind == "secret"})
    statements = []
    if parameters:
        arns = [_regional_arn("ssm", f"parameter{name}") for name in parameters]
        statements.append(_allow(["ssm:GetParameters"], arns))
    if secrets:
        # A secret's ARN ends in six random characters.
        arns = [_regional_arn("secretsmanager", f"secret:{name}-??????") for name in secrets]
        statements.append(_allow(["secretsmanager:GetSecretValue"], arns))
        # This action does not support resources. Each value also requires the right above.
        statements.append(_allow(["secretsmanager:BatchGetSecretValue"], "*"))
    return statements


def _allow_destination(arn: str) -> Statement:
    """Allow Lambda to send a failed asynchronous call to a destination."""
    return _allow([_DESTINATION_ACTIONS[arn.split(":")[2]]], escape_template(arn))


def _regional_arn(service: str, resource: str) -> str:
    account, region = "${data.aws_caller_identity.current.account_id}", "${data.aws_region.current.id}"
    return f"arn:${{local.partition}}:{service}:{region}:{account}:{resource}"


def _vpc_statements() -> list[Statement]:
    """Allow Lambda to manage network interfaces with the function's role, but not the function's own code.

    The actions cannot be limited to one function's interfaces, so the second statement denies them to calls that come
    from its code: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-best-practice
    """
    from_code = {"ArnEquals": {"lambda:SourceFunctionArn": [_FUNCTION, f"{_FUNCTION}:*"]}}
    denied = {"Effect": "Deny", "Action": _VPC_ACTIONS, "Resource": "*", "Condition": from_code}
    return [_allow(_VPC_ACTIONS, "*"), denied]


def _allow(actions: list[str], resource: Any) -> Statement:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def _create_policy(statements: list[Statement]) -> dict[str, Any]:
    # This version supports policy variables.
    return {"Version": "2012-10-17", "Statement": statements}
