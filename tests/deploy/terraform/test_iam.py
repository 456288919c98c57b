"""The role of a function has the least privileges that its service needs."""

from typing import Any

import pytest

from coworks_async.deploy.options import DeployOptions
from coworks_async.deploy.stack import create_stack
from coworks_async.deploy.terraform.root_module import create_root
from tests.deploy.stacks import KEY, Jobs, Shop, stack

LOGS = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "${aws_cloudwatch_log_group.service.arn}:*",
}


def statements(app: Any = None, **options: Any) -> list[dict[str, Any]]:
    root = create_root(stack(app, **options))
    assert root["resource"]["aws_iam_role_policy"]["service"]["policy"] == "${jsonencode(local.policy)}"
    policy: dict[str, Any] = root["locals"]["policy"]
    assert policy["Version"] == "2012-10-17"
    found: list[dict[str, Any]] = policy["Statement"]
    return found


def test_only_lambda_may_assume_the_role():
    root = create_root(stack())
    [statement] = root["locals"]["trust"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert root["resource"]["aws_iam_role"]["service"]["assume_role_policy"] == "${jsonencode(local.trust)}"


def test_a_service_may_only_write_to_its_own_log_group():
    assert statements(Shop()) == [LOGS]
    group = create_root(stack())["resource"]["aws_cloudwatch_log_group"]["service"]
    assert group == {"name": "/aws/lambda/shop-dev", "retention_in_days": 30}


def test_a_service_with_asynchronous_calls_may_invoke_itself():
    logs, invoke, _ = statements(Jobs())
    assert logs == LOGS
    own = ["${local.function_arn}", "${local.function_arn}:*"]
    assert invoke == {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": own}
    root = create_root(stack(Jobs()))
    assert root["locals"]["function_arn"] == (
        "arn:${local.partition}:lambda:${data.aws_region.current.id}:"
        "${data.aws_caller_identity.current.account_id}:function:jobs-dev"
    )


def test_responses_may_be_stored_below_the_allowed_prefixes_which_are_escaped():
    assert statements(Jobs())[2] == {
        "Effect": "Allow",
        "Action": ["s3:PutObject"],
        "Resource": [
            "arn:${local.partition}:s3:::other/*",
            "arn:${local.partition}:s3:::results/a$${*}$${?}$${$}b/*",
            "arn:${local.partition}:s3:::results/jobs/*",
        ],
    }


def test_in_a_vpc_lambda_may_manage_interfaces_and_the_functions_code_may_not():
    _, allowed, denied = statements(subnets=("subnet-1",), security_groups=("sg-1",))
    assert (allowed["Effect"], denied["Effect"]) == ("Allow", "Deny")
    assert allowed["Action"] == denied["Action"]
    assert all(action.startswith("ec2:") for action in allowed["Action"])
    # The function runs as one of its versions.
    arns = ["${local.function_arn}", "${local.function_arn}:*"]
    assert denied["Condition"] == {"ArnEquals": {"lambda:SourceFunctionArn": arns}}


def test_a_traced_function_may_send_traces():
    _, traces = statements(tracing=True)
    assert traces["Action"] == ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


@pytest.mark.parametrize(
    ("arn", "action"),
    [
        ("arn:aws:sqs:eu-west-1:123456789012:failed", "sqs:SendMessage"),
        ("arn:aws:sns:eu-west-1:123456789012:failed", "sns:Publish"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:failed", "lambda:InvokeFunction"),
        ("arn:aws:events:eu-west-1:123456789012:event-bus/failed", "events:PutEvents"),
    ],
)
def test_failed_calls_may_be_sent_to_exactly_their_destination(arn: str, action: str):
    _, sending = statements(failure_destination=arn)
    assert sending == {"Effect": "Allow", "Action": [action], "Resource": arn}


def test_a_function_whose_variables_are_encrypted_may_decrypt_with_exactly_this_key():
    _, decrypting = statements(kms_key=KEY)
    assert decrypting == {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": KEY}


def test_a_function_may_read_exactly_the_parameters_and_secrets_that_its_variables_name():
    variables = {"A": "ssm:/shop/b", "B": "ssm:/shop/a", "C": "ssm:/shop/a", "D": "secret:shop/db", "E": "plain"}
    root = create_root(create_stack(Shop(), "dev", DeployOptions("archives"), variables))
    assert root["data"].keys() == {"aws_caller_identity", "aws_region"}
    region, account = "${data.aws_region.current.id}", "${data.aws_caller_identity.current.account_id}"
    _, parameters, secrets, batch = root["locals"]["policy"]["Statement"]
    ssm = f"arn:${{local.partition}}:ssm:{region}:{account}:parameter"
    assert (parameters["Action"], parameters["Resource"]) == (["ssm:GetParameters"], [f"{ssm}/shop/a", f"{ssm}/shop/b"])
    assert secrets["Action"] == ["secretsmanager:GetSecretValue"]
    assert secrets["Resource"] == [f"arn:${{local.partition}}:secretsmanager:{region}:{account}:secret:shop/db-??????"]
    assert (batch["Action"], batch["Resource"]) == (["secretsmanager:BatchGetSecretValue"], "*")


def test_a_function_that_names_no_secret_has_no_right_for_secrets():
    root = create_root(create_stack(Shop(), "dev", DeployOptions("archives"), {"A": "ssm:/a"}))
    actions = [action for each in root["locals"]["policy"]["Statement"] for action in each["Action"]]
    assert actions == ["logs:CreateLogStream", "logs:PutLogEvents", "ssm:GetParameters"]
