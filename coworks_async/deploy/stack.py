"""One stage of a service in AWS as frozen data: everything the root module contains."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from coworks_async.aws.references import Reference, find_references
from coworks_async.aws.runtime.stream import STREAM_VARIABLE
from coworks_async.deploy.options import TAG, TAG_CHARACTERS, DeployOptions, check_options
from coworks_async.exceptions import CommandError, UnresolvedReference
from coworks_async.gateway.routes import GatewayDescription, GatewayKind, describe_gateway
from coworks_async.service import TechMicroService

ENTRY_MODULE = "cws_lambda"
"""Module of the archive that exposes the handler to Lambda's runtime."""

WRAPPER = "cws_native"
"""Program of the archive that starts the native runtime instead of AWS's."""

BOOTSTRAP = "bootstrap"
"""The same program under the name that OS-only runtimes start."""

WRAPPER_VARIABLE = "AWS_LAMBDA_EXEC_WRAPPER"

ALIAS = "live"
"""Alias of the function that the gateway invokes. It names the version that is live."""

SERVICE_TAG = "coworks:service"
STAGE_TAG = "coworks:stage"
ARCHIVE_TAG = "coworks:archive"
EXPIRES_TAG = "coworks:expires"

# https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
_MAX_FUNCTION_NAME = 64

_ACCESS_LOG_PREFIXES: Mapping[GatewayKind, str] = {
    "rest": "/aws/apigateway",
    "http": "/aws/vendedlogs/apigateway",
}

_DOMAIN = re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}")
# Of both kinds of API: https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-mappings.html
_BASE_PATH_SEGMENT = re.compile(r"[A-Za-z0-9$_.+!*'()-]+")
_MAX_BASE_PATH = 300

_VERSIONED_LAYER = re.compile(r":layer:[^:]+:\d+$")


@dataclass(frozen=True, slots=True)
class Domain:
    """A custom domain, and the base path of the service on it."""

    name: str
    base_path: str = ""
    # An ARN; None for the newest certificate that ACM has issued for exactly this name.
    certificate: str | None = None


@dataclass(frozen=True, slots=True)
class S3Backend:
    """State in S3, with a lock file beside it."""

    bucket: str


@dataclass(frozen=True, slots=True)
class CloudBackend:
    """State and runs in Terraform Cloud."""

    organization: str
    workspace: str


@dataclass(frozen=True, slots=True)
class Stack:
    """One stage of a service. Create it with `create_stack`."""

    service: str
    stage: str
    options: DeployOptions
    gateway: GatewayDescription
    # Whether an entry accepts asynchronous calls, so that the function invokes itself.
    background: bool
    # Where the responses of those calls may be stored: key prefixes by bucket.
    store_in: tuple[tuple[str, tuple[str, ...]], ...]
    domain: Domain | None
    # The parameters and secrets that the function reads when it starts.
    references: tuple[Reference, ...] = ()
    # When `cws prune` may destroy the stage, in UTC; None for never.
    expires: str | None = None
    # Content hash of the archive; empty before it is built.
    archive_hash: str = ""

    @property
    def slug(self) -> str:
        """The service name reduced to letters, digits, `-` and `_`."""
        return slug(self.service)

    @property
    def function_name(self) -> str:
        """Name of the function, its API and its role."""
        return f"{function_prefix(self.service)}{self.stage}"

    @property
    def backend(self) -> S3Backend | CloudBackend | None:
        """Backend of Terraform's state; None for a file beside the root module."""
        if self.options.tf_bucket:
            return S3Backend(self.options.tf_bucket)
        if self.options.terraform_cloud:
            return CloudBackend(self.options.terraform_cloud, self.options.workspace or self.function_name)
        return None

    @property
    def archive_key(self) -> str:
        """Name of the archive in its bucket, with the hash, because Lambda only loads new code from a new key."""
        key = self.options.key
        if key is None:
            return f"{self.slug}/{self.archive_hash}.zip"
        return f"{key.removesuffix('.zip')}-{self.archive_hash}.zip"

    @property
    def built_in_variables(self) -> dict[str, str]:
        """Environment variables of every stage, which override those of the environment files."""
        variables = {"CWS_STAGE": self.stage}
        # Events of a REST API contain the base path of a domain mapping; those of an HTTP API do not.
        if self.gateway.kind == "http" and self.domain is not None and self.domain.base_path:
            variables["CWS_BASE_PATH"] = self.domain.base_path
        if self.options.runtime == "native":
            variables[WRAPPER_VARIABLE] = f"/var/task/{WRAPPER}"
        if self.options.stream:
            callers = {"rest": self.gateway.kind == "rest", "url": self.options.function_url is not None}
            variables[STREAM_VARIABLE] = ",".join(name for name, streams in callers.items() if streams)
        return variables

    @property
    def unversioned_layers(self) -> dict[str, str]:
        """ARNs of the layers used in their newest version, by the name of their data source."""
        return {
            f"layer_{number}": arn
            for number, arn in enumerate(self.options.layers, 1)
            if _VERSIONED_LAYER.search(arn) is None
        }


def create_stack(
    app: TechMicroService, stage: str, options: DeployOptions, variables: Mapping[str, str] | None = None
) -> Stack:
    """Describe a stage of a service with its variables.

    An option, a service name or a variable that AWS does not accept is a `CommandError`.
    """
    check_options(options)
    if not app.name or not TAG.fullmatch(app.name):
        raise CommandError(f"The service name {app.name!r} is not a valid AWS tag. Use {TAG_CHARACTERS}")
    _check_url_authorization(app, options)
    is_background = any(entry.background for entry in app.entries)
    stack = Stack(
        service=app.name,
        stage=stage,
        options=options,
        gateway=replace(describe_gateway(app, options.gateway), authorizer_ttl=options.authorizer_ttl),
        background=is_background,
        # Only asynchronous calls store responses.
        store_in=tuple((name, tuple(app.store_in[name])) for name in sorted(app.store_in)) if is_background else (),
        domain=_parse_domain(options),
        references=_find_references(variables or {}),
        expires=format_time(datetime.now(UTC) + timedelta(seconds=options.ttl)) if options.ttl is not None else None,
    )
    name = stack.function_name
    if len(name) > _MAX_FUNCTION_NAME:
        raise CommandError(
            f"The function name {name!r} is {len(name)} characters long; Lambda's maximum is {_MAX_FUNCTION_NAME}. "
            'Shorten the service name, TechMicroService(name="…"), or the stage.'
        )
    return stack


def _check_url_authorization(app: TechMicroService, options: DeployOptions) -> None:
    requires_token = any(not entry.no_auth for entry in app.entries)
    if options.function_url == "iam" and requires_token and app.token_key.lower() == "authorization":
        raise CommandError(
            "--function-url iam: the header Authorization contains AWS's signature, so it cannot contain the token. "
            'Set another header in the service, token_key = "X-Token", or use --function-url none.'
        )


def format_time(time: datetime) -> str:
    """Return a UTC time as the tag of an expiry contains it: `2026-11-28T21:00:00Z`. Such texts sort as times do."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _find_references(variables: Mapping[str, str]) -> tuple[Reference, ...]:
    try:
        return tuple(find_references(variables))
    except UnresolvedReference as error:
        raise CommandError(str(error)) from error


def function_prefix(service: str) -> str:
    """Return the common prefix of the function names of a service's stages."""
    return f"{slug(service)}-"


def function_log_group(function: str) -> str:
    """Return the name of a function's log group."""
    return f"/aws/lambda/{function}"


def access_log_group(kind: GatewayKind, function: str) -> str:
    """Return the name of the log group of the API in front of a function, as the Terraform modules choose it."""
    return f"{_ACCESS_LOG_PREFIXES[kind]}/{function}"


def slug(name: str) -> str:
    """Replace other characters than letters, digits, `-` and `_` with `-`, and append a hash to a changed name.

    With the hash, `shop.a` and `shop a` remain two services.
    """
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", name)
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _parse_domain(options: DeployOptions) -> Domain | None:
    if options.domain is None:
        return None
    name, _, path = options.domain.partition("/")
    base_path = path.strip("/")
    segments = base_path.split("/") if base_path else []
    if not _DOMAIN.fullmatch(name) or not all(map(_BASE_PATH_SEGMENT.fullmatch, segments)):
        raise CommandError(
            f"--domain: {options.domain!r} is not a domain name. Examples: api.example.com, api.example.com/v1."
        )
    if len(base_path) > _MAX_BASE_PATH:
        raise CommandError(f"--domain: the base path has {len(base_path)} characters; the maximum is {_MAX_BASE_PATH}.")
    return Domain(name, base_path, options.certificate)
