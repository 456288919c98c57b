"""From a service and the options of a deploy to the stack: names, defaults, and what is refused of either."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from coworks_async.deploy.stack import Architecture, CloudBackend, Domain, Function, S3Backend, Stack, slug
from coworks_async.exceptions import CommandError
from coworks_async.gateway.routes import AUTHORIZER_TTL, GatewayKind, describe_gateway
from coworks_async.service import TechMicroService

# https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
_MAX_NAME = 64
_MAX_LAYERS = 5
_LAYER = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:layer:[A-Za-z0-9_-]+(:\d+)?")

# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html#id_tags_naming_best_practices
_TAG = re.compile(r"[\w .:/=+@-]*")

_DOMAIN = re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}")
# Of both kinds of API: https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-mappings.html
_BASE_PATH = re.compile(r"[A-Za-z0-9$_.+!*'()-]+")
_MAX_BASE_PATH = 300

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, and for the authorizer
# https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html
_RANGES = {
    "memory_size": (128, 10_240),
    "timeout": (1, 900),
    "authorizer_ttl": (0, 3600),
    "reserved_concurrency": (0, 100_000),
}

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
_RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

# What each may look like, and an example. Old buckets may have capitals and underscores:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_SHAPES = {
    "bucket": (re.compile(r"[A-Za-z0-9._-]{3,255}"), "my-archives"),
    "tf_bucket": (re.compile(r"[A-Za-z0-9._-]{3,255}"), "my-states"),
    "key": (re.compile(r"[^/\s][^\s]{0,900}"), "releases/shop.zip"),
    "region": (re.compile(r"[a-z]{2}(-[a-z]+)+-\d+"), "eu-west-1"),
    "certificate": (re.compile(r"arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/\S+"), "arn:aws:acm:…:certificate/…"),
    "subnets": (re.compile(r"subnet-[0-9a-f]+"), "subnet-0123abcd"),
    "security_groups": (re.compile(r"sg-[0-9a-f]+"), "sg-0123abcd"),
}

# https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
_WITHOUT_SNAP_START = ("3.11",)


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """What the options of a deploy say of a stage. What is None or empty is left to its default.

    How AWS and Terraform are reached (profile, emulator, program) is none of it.

    Attributes:
        bucket: where the archive goes.
        key: under which name; the archive's hash goes before its ending.
        layers: ARNs; one without a version stands for the newest.
        domain: `api.example.com`, or with a base path `api.example.com/v1`; `certificate` is an ARN.
        tf_bucket: the bucket of Terraform's state.
        terraform_cloud: the organization in Terraform Cloud that keeps the state instead, in `workspace`.
        tags: names and values.
    """

    bucket: str
    key: str | None = None
    region: str | None = None
    gateway: GatewayKind = "rest"
    python: str = "3.13"
    architecture: Architecture = "arm64"
    memory_size: int | None = None
    timeout: int | None = None
    layers: Sequence[str] = ()
    reserved_concurrency: int | None = None
    subnets: Sequence[str] = ()
    security_groups: Sequence[str] = ()
    snap_start: bool = False
    tracing: bool = False
    access_logs: bool = True
    log_retention: int = 30
    authorizer_ttl: int = AUTHORIZER_TTL
    domain: str | None = None
    certificate: str | None = None
    tf_bucket: str | None = None
    terraform_cloud: str | None = None
    workspace: str | None = None
    tags: Sequence[tuple[str, str]] = ()


def stack_of(app: TechMicroService, stage: str, options: DeployOptions, archive: str) -> Stack:
    """Return the stack of a service's stage.

    Parameters:
        archive: the hash of the archive's content.

    Raises:
        CommandError: AWS cannot take what an option or the service's name says.

    Example:
        >>> stack_of(app, "dev", DeployOptions(bucket="archives"), archive.content_hash).function.name
        'shop-dev'
    """
    _check(options)
    if not app.name or not _TAG.fullmatch(app.name):
        raise CommandError(
            f"The service's name {app.name!r} is no tag of AWS's: letters, digits, blanks and any of . _ : / = + @ -"
        )
    # https://docs.aws.amazon.com/apigateway/latest/api/API_CreateStage.html
    if not stage or slug(stage) != stage:
        raise CommandError(f"The stage {stage!r} is not a name made of letters, digits, '-' and '_'.")
    is_background = any(entry.background for entry in app.entries)
    return Stack(
        service=app.name,
        stage=stage,
        gateway=replace(describe_gateway(app, options.gateway), authorizer_ttl=options.authorizer_ttl),
        function=_function(app.name, stage, options, archive),
        region=options.region,
        background=is_background,
        # Nobody else stores there.
        store_in=tuple((name, tuple(app.store_in[name])) for name in sorted(app.store_in)) if is_background else (),
        domain=_domain(options),
        backend=_backend(app.name, stage, options),
        tags=tuple(sorted(options.tags)),
        access_logs=options.access_logs,
    )


def function_prefix(service: str) -> str:
    """Return what the names of the functions of a service's stages begin with."""
    return f"{slug(service)}-"


def function_name(service: str, stage: str) -> str:
    """Return the name of a stage's function, its API and its role: the service's and the stage's.

    Raises:
        CommandError: it is longer than what Lambda takes.
    """
    name = function_prefix(service) + stage
    if len(name) > _MAX_NAME:
        raise CommandError(
            f"The function would be called {name!r}, which is {len(name)} characters, and Lambda takes {_MAX_NAME}: "
            'give the service a shorter name, by TechMicroService(name="…"), or the stage.'
        )
    return name


def _function(service: str, stage: str, options: DeployOptions, archive: str) -> Function:
    return Function(
        name=function_name(service, stage),
        bucket=options.bucket,
        key=archive_key(service, archive, options.key),
        archive=archive,
        runtime=f"python{options.python}",
        architecture=options.architecture,
        memory_size=options.memory_size,
        timeout=options.timeout,
        layers=tuple(options.layers),
        reserved_concurrency=options.reserved_concurrency,
        subnets=tuple(options.subnets),
        security_groups=tuple(options.security_groups),
        snap_start=options.snap_start,
        tracing=options.tracing,
        log_retention=options.log_retention,
    )


def archive_key(service: str, archive: str, key: str | None = None) -> str:
    """Return the name of an archive in its bucket, the hash of its content in it.

    A name without it would stay the same, and so Lambda would keep the code that it has.

    Example:
        >>> archive_key("shop", "0f3a", "releases/shop.zip")
        'releases/shop-0f3a.zip'
    """
    if key is None:
        return f"{slug(service)}/{archive}.zip"
    return f"{key.removesuffix('.zip')}-{archive}.zip"


def _domain(options: DeployOptions) -> Domain | None:
    if options.domain is None:
        return None
    name, _, base_path = options.domain.partition("/")
    parts = base_path.strip("/").split("/") if base_path.strip("/") else []
    if not _DOMAIN.fullmatch(name) or not all(map(_BASE_PATH.fullmatch, parts)):
        raise CommandError(f"--domain {options.domain!r} is no name like api.example.com or api.example.com/v1.")
    path = "/".join(parts)
    if len(path) > _MAX_BASE_PATH:
        raise CommandError(f"--domain {name}/…: a base path has {_MAX_BASE_PATH} characters at most, not {len(path)}.")
    return Domain(name, path, options.certificate)


def _backend(service: str, stage: str, options: DeployOptions) -> S3Backend | CloudBackend | None:
    if options.tf_bucket and options.terraform_cloud:
        raise CommandError("--tf-bucket and --terraform-cloud are two places for one state: name one of them.")
    if options.tf_bucket:
        return S3Backend(options.tf_bucket)
    if options.terraform_cloud:
        return CloudBackend(options.terraform_cloud, options.workspace or function_name(service, stage))
    return None


def _check(options: DeployOptions) -> None:
    for name, (low, high) in _RANGES.items():
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            raise CommandError(f"--{name.replace('_', '-')} is {low} to {high}, not {value}.")
    for name, (shape, example) in _SHAPES.items():
        value = getattr(options, name)
        values = [value] if isinstance(value, str) else value or ()
        wrong = next((each for each in values if not shape.fullmatch(each)), None)
        if wrong is not None:
            raise CommandError(f"--{name.replace('_', '-')} {wrong!r} is none that AWS takes, like {example}.")
    if options.log_retention not in _RETENTIONS:
        raise CommandError(
            f"--log-retention is one of {', '.join(map(str, _RETENTIONS))}, not {options.log_retention}."
        )
    _check_layers(options.layers)
    _check_together(options)
    for key, value in options.tags:
        if not key or not _TAG.fullmatch(key) or not _TAG.fullmatch(value):
            raise CommandError(f"--tags {key}={value}: AWS takes letters, digits, blanks and any of . _ : / = + @ -")
        if key.lower().startswith(("aws:", "coworks:")):
            raise CommandError(f"--tags {key}: a tag of one's own begins neither with 'aws:' nor with 'coworks:'.")


def _check_layers(layers: Sequence[str]) -> None:
    wrong = [layer for layer in layers if not _LAYER.fullmatch(layer)]
    if wrong:
        raise CommandError(f"--layers {wrong[0]!r} is no ARN like arn:aws:lambda:eu-west-1:123456789012:layer:name:1.")
    if len(layers) > _MAX_LAYERS:
        raise CommandError(f"--layers: a function has {_MAX_LAYERS} at most, not {len(layers)}.")


def _check_together(options: DeployOptions) -> None:
    """Check the options that need another one."""
    if bool(options.subnets) != bool(options.security_groups):
        raise CommandError("--subnets and --security-groups go together: a function in a VPC needs both.")
    if options.certificate is not None and options.domain is None:
        raise CommandError("--certificate is a domain's: name it by --domain.")
    if options.workspace is not None and options.terraform_cloud is None:
        raise CommandError("--workspace is one of Terraform Cloud's: name your organization by --terraform-cloud.")
    if options.snap_start and options.python in _WITHOUT_SNAP_START:
        raise CommandError(f"--snap-start needs Python 3.12 or later, not {options.python}: name one by --python.")
