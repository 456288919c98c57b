"""What a function may do: the least that the service needs, as statements of IAM."""

from typing import Any

from coworks_async.deploy.stack import Stack
from coworks_async.deploy.terraform.tf_json import Expression, Template

Statement = dict[str, Any]

_FUNCTION = Expression("local.function_arn")

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
_INTERFACES = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]

# https://docs.aws.amazon.com/xray/latest/devguide/security_iam_service-with-iam.html
_TRACES = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


def trust() -> dict[str, Any]:
    """Return who may take the role: Lambda.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
    """
    principal = {"Service": "lambda.amazonaws.com"}
    return _policy([{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}])


def policy(stack: Stack) -> dict[str, Any]:
    """Return the policy of a stage's role; each right but that to log is there only where the service needs it."""
    streams = Template((Expression("aws_cloudwatch_log_group.service.arn"), ":*"))
    statements = [_allow(["logs:CreateLogStream", "logs:PutLogEvents"], streams)]
    if stack.background:
        # The alias or the version that was called is what is called again.
        statements.append(_allow(["lambda:InvokeFunction"], [_FUNCTION, Template((_FUNCTION, ":*"))]))
    allowed = _objects(stack)
    if allowed:
        statements.append(_allow(["s3:PutObject"], allowed))
    if stack.function.subnets:
        statements += _interfaces()
    if stack.function.tracing:
        # Neither of the two knows resources.
        statements.append(_allow(_TRACES, "*"))
    return _policy(statements)


def _objects(stack: Stack) -> list[Template]:
    places = sorted({(bucket, prefix) for bucket, prefixes in stack.store_in for prefix in prefixes})
    arn = ("arn:", Expression("local.partition"), ":s3:::")
    return [Template((*arn, f"{bucket}/{_verbatim(prefix)}*")) for bucket, prefix in places]


def _verbatim(text: str) -> str:
    """Return a text that a resource of IAM's matches letter by letter.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
    """
    return "".join(f"${{{each}}}" if each in "$*?" else each for each in text)


def _interfaces() -> list[Statement]:
    """Return what Lambda needs to reach a VPC by the function's role, and what keeps the function's own code from it.

    `DescribeNetworkInterfaces` works for all resources or none, and so does, says AWS, `DeleteNetworkInterface`; the
    interfaces are no single function's. The denial holds for calls that come from the function's code:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-best-practice
    """
    code = {"ArnEquals": {"lambda:SourceFunctionArn": [_FUNCTION]}}
    denied = {"Effect": "Deny", "Action": _INTERFACES, "Resource": "*", "Condition": code}
    return [_allow(_INTERFACES, "*"), denied]


def _allow(actions: list[str], resource: Any) -> Statement:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def _policy(statements: list[Statement]) -> dict[str, Any]:
    # The version that knows variables.
    return {"Version": "2012-10-17", "Statement": statements}
