"""Options of a deployment are checked before anything is built."""

from typing import Any

import pytest

from coworks_async.deploy.options import DeployOptions, check_options
from coworks_async.exceptions import CommandError
from tests.deploy.stacks import CAPACITY_PROVIDER, EVERY_OPTION, LAYER, WEB_ACL

CAPACITY = "--capacity-provider"
INSTANCES = {"capacity_provider": CAPACITY_PROVIDER, "runtime": "native", "memory_size": 2048}


def test_options_have_the_documented_defaults():
    options = DeployOptions("archives")
    assert (options.python, options.architecture, options.gateway) == ("3.13", "arm64", "rest")
    assert options.authorizer_ttl == 300


@pytest.mark.parametrize("options", [DeployOptions("archives"), EVERY_OPTION, DeployOptions("Old_Bucket")])
def test_valid_options_pass(options: DeployOptions):
    check_options(options)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("memory_size", 64, "--memory-size: 64 is out of range (128 to 10240)."),
        ("timeout", 901, "--timeout: 901 is out of range (1 to 900)."),
        ("authorizer_ttl", 3601, "--authorizer-ttl: 3601 is out of range (0 to 3600)."),
        ("reserved_concurrency", -1, "--reserved-concurrency: -1 is out of range (0 to 100000)."),
        ("ttl", 0, "--ttl: 0 seconds is out of range (1s to 365d)."),
        ("ttl", 366 * 86_400, "--ttl: 31622400 seconds is out of range (1s to 365d)."),
        ("keep", 0, "--keep: 0 is out of range (1 to 1000)."),
        ("canary", 100, "--canary: 100 is out of range (1 to 99)."),
        ("bake", 0, "--bake: 0 is out of range (1 to 86400)."),
        ("bake", 60, "--bake requires --canary."),
        ("alarm", ("errors",), "--alarm requires --canary."),
        ("layers", ("coworks",), "--layers: 'coworks' is not a layer ARN (arn:aws:lambda:REGION:ACCOUNT:layer:"),
        ("layers", (LAYER,) * 6, "--layers: 6 layers; Lambda's maximum is 5."),
        ("subnets", ("subnet-1",), "--subnets and --security-groups must be used together"),
        ("security_groups", ("sg-1",), "--subnets and --security-groups must be used together"),
        ("subnets", ("a",), "--subnets: 'a' is not a subnet id such as subnet-0123abcd."),
        (
            "bucket",
            "b",
            "--bucket: 'b' is not a valid bucket name (3-63 lowercase letters, digits, '.' and '-').",
        ),
        ("tf_bucket", "", "--tf-bucket: '' is not a valid bucket name"),
        ("key", "", "--key: '' is not a valid object key"),
        ("region", "x y", "--region: 'x y' is not an AWS region such as eu-west-1."),
        ("certificate", "x", "--certificate: 'x' is not a certificate ARN"),
        ("certificate", "arn:aws:acm:eu-west-1:123456789012:certificate/1", "--certificate requires --domain."),
        ("workspace", "mine", "--workspace requires --terraform-cloud."),
        ("rate", 0, "--rate: 0 is out of range (1 to 1000000)."),
        ("burst", 0, "--burst: 0 is out of range (1 to 1000000)."),
        ("failure_destination", "queue", "--failure-destination: 'queue' is not the ARN of an SQS queue, an SNS topic"),
        ("kms_key", "alias/shop", "--kms-key: 'alias/shop' is not the ARN of a KMS key (arn:aws:kms:REGION:"),
        ("waf", WEB_ACL.replace("regional", "global"), "is not the ARN of a regional web ACL (arn:aws:wafv2:"),
        (
            "capacity_provider",
            "shop",
            "--capacity-provider: 'shop' is not the ARN of a capacity provider (arn:aws:lambda",
        ),
        ("max_concurrency", 0, "--max-concurrency: 0 is out of range (1 to 1600)."),
        ("max_concurrency", 8, "--max-concurrency requires --capacity-provider."),
        ("vpc_endpoints", ("vpc-1",), "--vpc-endpoints: 'vpc-1' is not a VPC endpoint id such as vpce-0123abcd."),
        ("disable_execute_api_endpoint", True, "--disable-execute-api-endpoint requires --domain: the API would have"),
        ("log_retention", 31, "--log-retention: CloudWatch does not support 31 days. Use 1, 3, 5"),
        ("tags", (("a!", "b"),), "--tags: 'a!=b' is not a valid tag. Use letters"),
        ("tags", (("a", "!"),), "--tags: 'a=!' is not a valid tag. Use letters"),
        ("tags", (("", "b"),), "--tags: '=b' is not a valid tag. Use letters"),
        ("tags", (("aws:x", "b"),), "--tags: 'aws:x' is reserved."),
        ("tags", (("coworks:stage", "b"),), "--tags: 'coworks:stage' is reserved."),
    ],
)
def test_an_invalid_option_is_named(option: str, value: Any, message: str):
    with pytest.raises(CommandError) as caught:
        check_options(DeployOptions(**{"bucket": "archives", option: value}))
    assert message in str(caught.value)


def test_the_state_is_stored_in_s3_or_in_terraform_cloud():
    with pytest.raises(CommandError, match="--tf-bucket and --terraform-cloud cannot be combined"):
        check_options(DeployOptions("archives", tf_bucket="states", terraform_cloud="acme"))


def test_snap_start_requires_a_python_that_supports_it():
    with pytest.raises(CommandError, match=r"--snap-start requires Python 3\.12 or later, not 3\.11"):
        check_options(DeployOptions("archives", snap_start=True, python="3.11"))
    check_options(DeployOptions("archives", snap_start=True, python="3.12"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"waf": WEB_ACL, "gateway": "http"}, "--waf requires --gateway rest: AWS WAF does not support HTTP APIs."),
        (
            {"vpc_endpoints": ("vpce-1",), "gateway": "http"},
            "--vpc-endpoints requires --gateway rest: an HTTP API cannot be private.",
        ),
        (
            {"vpc_endpoints": ("vpce-1",), "domain": "api.example.com"},
            "--vpc-endpoints and --domain cannot be combined: the domain is public.",
        ),
        (
            {"vpc_endpoints": ("vpce-1",), "function_url": "iam"},
            "--vpc-endpoints and --function-url cannot be combined: the URL is public.",
        ),
        ({"stream": True}, "--stream requires --runtime native: AWS's Python runtime cannot stream."),
        (
            {"stream": True, "runtime": "native", "gateway": "http"},
            "--stream requires --gateway rest or --function-url: an HTTP API sends each response as a whole.",
        ),
        (
            {"stream": True, "runtime": "native", "function_url": "none", "subnets": ("subnet-1",)}
            | {"security_groups": ("sg-1",)},
            "--stream, --function-url and --subnets cannot be combined: the URL of a function in a VPC does not "
            "stream. Stream through a REST API without --function-url.",
        ),
        (
            INSTANCES | {"runtime": "buffered"},
            f"{CAPACITY} requires --runtime native, which handles requests concurrently.",
        ),
        (INSTANCES | {"python": "3.12"}, f"{CAPACITY} requires Python 3.13 or later, not 3.12 (--python)."),
        (
            INSTANCES | {"memory_size": None},
            f"{CAPACITY} requires --memory-size 2048 or more, the minimum of Managed Instances.",
        ),
        (
            INSTANCES | {"memory_size": 1024},
            f"{CAPACITY} requires --memory-size 2048 or more, the minimum of Managed Instances.",
        ),
        (
            INSTANCES | {"subnets": ("subnet-1",), "security_groups": ("sg-1",)},
            f"{CAPACITY} and --subnets cannot be combined: the provider has its subnets.",
        ),
        (
            INSTANCES | {"snap_start": True},
            f"{CAPACITY} and --snap-start cannot be combined: Managed Instances start before the requests come.",
        ),
        ({"log_source_ip": True, "access_logs": False}, "--log-source-ip requires --access-logs."),
    ],
)
def test_options_that_exclude_each_other_are_named(options: dict[str, Any], message: str):
    with pytest.raises(CommandError) as caught:
        check_options(DeployOptions("archives", **options))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sqs:eu-west-1:123456789012:failed",
        "arn:aws:sns:eu-west-1:123456789012:failed",
        "arn:aws:lambda:eu-west-1:123456789012:function:failed",
        "arn:aws-cn:events:cn-north-1:123456789012:event-bus/default",
    ],
)
def test_a_failure_destination_is_a_queue_a_topic_a_function_or_a_bus(arn: str):
    check_options(DeployOptions("archives", failure_destination=arn))
