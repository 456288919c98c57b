"""The options of a deployment, checked before anything is built."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from coworks_async.exceptions import CommandError
from coworks_async.gateway.routes import AUTHORIZER_TTL, GatewayKind

Architecture = Literal["arm64", "x86_64"]

Runtime = Literal["buffered", "native"]
"""The program that runs the function: AWS's Python runtime, or the native runtime of CoWorks."""

RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)

UrlAuthorization = Literal["none", "iam"]
"""Whether a function URL accepts all requests, or those signed with AWS credentials only."""

MAX_LAYERS = 5

# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html#id_tags_naming_best_practices
TAG = re.compile(r"[\w .:/=+@-]*")
TAG_CHARACTERS = "letters, digits, spaces and . _ : / = + @ -"

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
# https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html
_RANGES = {
    "memory_size": (128, 10_240),
    "timeout": (1, 900),
    "authorizer_ttl": (0, 3600),
    "reserved_concurrency": (0, 100_000),
    "keep": (1, 1000),
    "canary": (1, 99),
    "bake": (1, 86_400),
    # 0 would reject all requests.
    "rate": (1, 1_000_000),
    "burst": (1, 1_000_000),
    # https://docs.aws.amazon.com/lambda/latest/api/API_LambdaManagedInstancesCapacityProviderConfig.html
    "max_concurrency": (1, 1600),
}

_MAX_TTL = 365 * 86_400

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
_RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

# It accepts more than the message lists: old buckets may contain capitals and underscores.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = (
    re.compile(r"[A-Za-z0-9._-]{3,255}"),
    "a valid bucket name (3-63 lowercase letters, digits, '.' and '-')",
)

# The pattern of each option, and what a message calls a value that matches it.
_PATTERNS = {
    "bucket": _BUCKET,
    "tf_bucket": _BUCKET,
    "key": (re.compile(r"[^/\s][^\s]{0,900}"), "a valid object key (no spaces, no '/' at the start)"),
    "region": (re.compile(r"[a-z]{2}(-[a-z]+)+-\d+"), "an AWS region such as eu-west-1"),
    "certificate": (
        re.compile(r"arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/\S+"),
        "a certificate ARN (arn:aws:acm:REGION:ACCOUNT:certificate/ID)",
    ),
    "layers": (
        re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:layer:[A-Za-z0-9_-]+(:\d+)?"),
        "a layer ARN (arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION)",
    ),
    "subnets": (re.compile(r"subnet-[0-9a-f]+"), "a subnet id such as subnet-0123abcd"),
    "failure_destination": (
        re.compile(r"arn:[a-z-]+:(sqs|sns|lambda|events):[a-z0-9-]+:\d{12}:\S+"),
        "the ARN of an SQS queue, an SNS topic, a function or an event bus",
    ),
    "kms_key": (
        re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/\S+"),
        "the ARN of a KMS key (arn:aws:kms:REGION:ACCOUNT:key/ID)",
    ),
    "waf": (
        re.compile(r"arn:[a-z-]+:wafv2:[a-z0-9-]+:\d{12}:regional/webacl/\S+"),
        "the ARN of a regional web ACL (arn:aws:wafv2:REGION:ACCOUNT:regional/webacl/NAME/ID)",
    ),
    "capacity_provider": (
        re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:capacity-provider:[A-Za-z0-9_-]+"),
        "the ARN of a capacity provider (arn:aws:lambda:REGION:ACCOUNT:capacity-provider:NAME)",
    ),
    "vpc_endpoints": (re.compile(r"vpce-[0-9a-f]+"), "a VPC endpoint id such as vpce-0123abcd"),
    "security_groups": (re.compile(r"sg-[0-9a-f]+"), "a security group id such as sg-0123abcd"),
}

# Options without an effect unless another one is set.
_REQUIRED = {
    "alarm": "canary",
    "bake": "canary",
    "certificate": "domain",
    "max_concurrency": "capacity_provider",
    "workspace": "terraform_cloud",
}

# https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
_WITHOUT_SNAP_START = ("3.11",)

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-runtimes.html
_WITHOUT_MANAGED_INSTANCES = ("3.11", "3.12")

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-best-practices.html
_MANAGED_INSTANCES_MEMORY = 2048


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """Options of a deployment. None or empty selects the default.

    The profile, the emulator and Terraform's program are not included.
    """

    bucket: str
    key: str | None = None  # Key of the archive; its content hash is inserted before the extension.
    region: str | None = None
    gateway: GatewayKind = "rest"
    python: str = "3.13"
    architecture: Architecture = "arm64"
    runtime: Runtime = "buffered"
    stream: bool = False  # Whether a REST API and the function URL send responses as they are produced.
    function_url: UrlAuthorization | None = None  # None for no URL.
    capacity_provider: str | None = None  # ARN of the Managed Instances that run the function.
    max_concurrency: int | None = None  # Concurrent requests of an execution environment on them.
    memory_size: int | None = None  # MB.
    timeout: int | None = None  # Seconds.
    layers: Sequence[str] = ()  # ARNs; one without a version means the newest version.
    reserved_concurrency: int | None = None
    subnets: Sequence[str] = ()
    security_groups: Sequence[str] = ()
    snap_start: bool = False
    tracing: bool = False
    rate: int | None = None  # Requests per second of the whole stage.
    burst: int | None = None  # Requests above the rate.
    failure_destination: str | None = None  # ARN that receives asynchronous calls which fail.
    kms_key: str | None = None  # ARN of the key that encrypts variables and logs.
    waf: str | None = None  # ARN of the web ACL in front of a REST API.
    vpc_endpoints: Sequence[str] = ()  # A REST API is then private: only these may call it.
    disable_execute_api_endpoint: bool = False  # The API is then reachable by its domain only.
    log_source_ip: bool = False
    access_logs: bool = True
    log_retention: int = 30  # Days.
    ttl: int | None = None  # Seconds from now on, after which `cws prune` may destroy the stage.
    keep: int = 5  # Newest versions of the function that a deploy does not delete.
    canary: int | None = None  # Percentage of the requests that a new version gets before it is live.
    bake: int | None = None  # Seconds of the canary.
    alarm: Sequence[str] = ()  # CloudWatch alarms that end the canary.
    authorizer_ttl: int = AUTHORIZER_TTL  # Seconds for which the gateway caches an authorizer result.
    domain: str | None = None  # `api.example.com` or, with a base path, `api.example.com/v1`.
    certificate: str | None = None  # ARN; by default the newest certificate issued for the domain.
    tf_bucket: str | None = None  # S3 bucket of Terraform's state.
    terraform_cloud: str | None = None  # Organization that stores the state instead, in `workspace`.
    workspace: str | None = None
    tags: Sequence[tuple[str, str]] = ()  # Names and values.


def check_options(options: DeployOptions) -> None:
    """Check every option but the domain, which `create_stack` parses."""
    for name, (low, high) in _RANGES.items():
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            raise CommandError(f"{_flag(name)}: {value} is out of range ({low} to {high}).")
    if options.ttl is not None and not 1 <= options.ttl <= _MAX_TTL:
        raise CommandError(f"--ttl: {options.ttl} seconds is out of range (1s to 365d).")
    for name, (pattern, expected) in _PATTERNS.items():
        value = getattr(options, name)
        for each in [value] if isinstance(value, str) else value or ():
            if not pattern.fullmatch(each):
                raise CommandError(f"{_flag(name)}: {each!r} is not {expected}.")
    if options.log_retention not in _RETENTIONS:
        allowed = ", ".join(map(str, _RETENTIONS))
        raise CommandError(f"--log-retention: CloudWatch does not support {options.log_retention} days. Use {allowed}.")
    if len(options.layers) > MAX_LAYERS:
        raise CommandError(f"--layers: {len(options.layers)} layers; Lambda's maximum is {MAX_LAYERS}.")
    _check_combinations(options)
    for key, value in options.tags:
        if not key or not TAG.fullmatch(key) or not TAG.fullmatch(value):
            raise CommandError(f"--tags: {f'{key}={value}'!r} is not a valid tag. Use {TAG_CHARACTERS}")
        if key.lower().startswith(("aws:", "coworks:")):
            raise CommandError(f"--tags: {key!r} is reserved. A name must not start with 'aws:' or 'coworks:'.")


def _check_combinations(options: DeployOptions) -> None:
    for name, required in _REQUIRED.items():
        if getattr(options, name) and getattr(options, required) is None:
            raise CommandError(f"{_flag(name)} requires {_flag(required)}.")
    if bool(options.subnets) != bool(options.security_groups):
        raise CommandError("--subnets and --security-groups must be used together: a function in a VPC needs both.")
    if options.tf_bucket and options.terraform_cloud:
        raise CommandError("--tf-bucket and --terraform-cloud cannot be combined: there is only one state.")
    _check_gateway(options)
    if options.stream:
        _check_stream(options)
    if options.capacity_provider is not None:
        _check_managed_instances(options)
    if options.snap_start and options.python in _WITHOUT_SNAP_START:
        raise CommandError(f"--snap-start requires Python 3.12 or later, not {options.python} (--python).")


def _check_gateway(options: DeployOptions) -> None:
    if options.disable_execute_api_endpoint and options.domain is None:
        raise CommandError("--disable-execute-api-endpoint requires --domain: the API would have no address.")
    if options.log_source_ip and not options.access_logs:
        raise CommandError("--log-source-ip requires --access-logs.")
    if options.waf is not None and options.gateway == "http":
        raise CommandError("--waf requires --gateway rest: AWS WAF does not support HTTP APIs.")
    if options.vpc_endpoints and options.gateway == "http":
        raise CommandError("--vpc-endpoints requires --gateway rest: an HTTP API cannot be private.")
    if options.vpc_endpoints and options.domain is not None:
        raise CommandError("--vpc-endpoints and --domain cannot be combined: the domain is public.")
    if options.vpc_endpoints and options.function_url is not None:
        raise CommandError("--vpc-endpoints and --function-url cannot be combined: the URL is public.")


def _check_stream(options: DeployOptions) -> None:
    if options.runtime != "native":
        raise CommandError("--stream requires --runtime native: AWS's Python runtime cannot stream.")
    if options.gateway == "http" and options.function_url is None:
        raise CommandError(
            "--stream requires --gateway rest or --function-url: an HTTP API sends each response as a whole."
        )
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
    if options.function_url is not None and options.subnets:
        raise CommandError(
            "--stream, --function-url and --subnets cannot be combined: the URL of a function in a VPC does not "
            "stream. Stream through a REST API without --function-url."
        )


def _check_managed_instances(options: DeployOptions) -> None:
    if options.runtime != "native":
        raise CommandError("--capacity-provider requires --runtime native, which handles requests concurrently.")
    if options.python in _WITHOUT_MANAGED_INSTANCES:
        raise CommandError(f"--capacity-provider requires Python 3.13 or later, not {options.python} (--python).")
    if (options.memory_size or 0) < _MANAGED_INSTANCES_MEMORY:
        raise CommandError(
            f"--capacity-provider requires --memory-size {_MANAGED_INSTANCES_MEMORY} or more, the minimum of Managed "
            "Instances."
        )
    if options.subnets:
        raise CommandError("--capacity-provider and --subnets cannot be combined: the provider has its subnets.")
    if options.snap_start:
        raise CommandError(
            "--capacity-provider and --snap-start cannot be combined: Managed Instances start before the requests come."
        )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
