"""What a function may do."""

from typing import Any

from coworks_async.deploy.terraform.root_module import root
from tests.deploy.stacks import Jobs, Shop, stack

LOGS = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "${aws_cloudwatch_log_group.service.arn}:*",
}


def statements(app: Any = None, **options: Any) -> list[dict[str, Any]]:
    content = root(stack(app, **options))
    assert content["resource"]["aws_iam_role_policy"]["service"]["policy"] == "${jsonencode(local.policy)}"
    policy: dict[str, Any] = content["locals"]["policy"]
    assert policy["Version"] == "2012-10-17"
    found: list[dict[str, Any]] = policy["Statement"]
    return found


def test_lambda_alone_may_take_the_role():
    content = root(stack())
    [statement] = content["locals"]["trust"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert content["resource"]["aws_iam_role"]["service"]["assume_role_policy"] == "${jsonencode(local.trust)}"


def test_a_service_may_write_to_the_streams_of_its_own_log_group_and_nothing_else():
    assert statements(Shop()) == [LOGS]
    group = root(stack())["resource"]["aws_cloudwatch_log_group"]["service"]
    assert group == {"name": "/aws/lambda/shop-dev", "retention_in_days": 30}


def test_a_service_with_asynchronous_calls_may_invoke_itself():
    logs, invoke, _ = statements(Jobs())
    assert logs == LOGS
    own = ["${local.function_arn}", "${local.function_arn}:*"]
    assert invoke == {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": own}
    content = root(stack(Jobs()))
    assert content["locals"]["function_arn"] == (
        "arn:${local.partition}:lambda:${data.aws_region.current.id}:"
        "${data.aws_caller_identity.current.account_id}:function:jobs-dev"
    )


def test_answers_may_be_put_below_the_allowed_prefixes_which_match_letter_by_letter():
    assert statements(Jobs())[2] == {
        "Effect": "Allow",
        "Action": ["s3:PutObject"],
        "Resource": [
            "arn:${local.partition}:s3:::other/*",
            "arn:${local.partition}:s3:::results/a$${*}$${?}$${$}b/*",
            "arn:${local.partition}:s3:::results/jobs/*",
        ],
    }


def test_lambda_may_make_interfaces_in_a_vpc_and_the_functions_code_may_not():
    _, allowed, denied = statements(subnets=("subnet-1",), security_groups=("sg-1",))
    assert (allowed["Effect"], denied["Effect"]) == ("Allow", "Deny")
    assert allowed["Action"] == denied["Action"]
    assert all(action.startswith("ec2:") for action in allowed["Action"])
    assert denied["Condition"] == {"ArnEquals": {"lambda:SourceFunctionArn": ["${local.function_arn}"]}}


def test_traces_may_be_sent_where_the_function_is_traced():
    _, traces = statements(tracing=True)
    assert traces["Action"] == ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
