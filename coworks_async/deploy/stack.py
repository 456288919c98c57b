"""One stage of a service in AWS as frozen data: everything the root module contains."""

import hashlib
import re
from dataclasses import dataclass, replace

from coworks_async.deploy.options import TAG, TAG_CHARACTERS, DeployOptions, check_options
from coworks_async.exceptions import CommandError
from coworks_async.gateway.routes import GatewayDescription, describe_gateway
from coworks_async.service import TechMicroService

ENTRY_MODULE = "cws_lambda"
"""Module of the archive that exposes the handler to Lambda's runtime."""

SERVICE_TAG = "coworks:service"
STAGE_TAG = "coworks:stage"
ARCHIVE_TAG = "coworks:archive"

# https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
_MAX_FUNCTION_NAME = 64

_DOMAIN = re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}")
# Of both kinds of API: https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-mappings.html
_BASE_PATH_SEGMENT = re.compile(r"[A-Za-z0-9$_.+!*'()-]+")
_MAX_BASE_PATH = 300

_VERSIONED_LAYER = re.compile(r":layer:[^:]+:\d+$")


@dataclass(frozen=True, slots=True)
class Domain:
    """A custom domain, and the base path of the service on it.

    Attributes:
        certificate: ARN; None for the newest certificate that ACM has issued for exactly this name.
    """

    name: str
    base_path: str = ""
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
    """One stage of a service. Create it with `create_stack`.

    Attributes:
        archive_hash: content hash of the archive; empty before it is built.
        background: an entry accepts asynchronous calls, so the function invokes itself.
        store_in: where the responses of those calls may be stored: key prefixes by bucket.
        backend: where Terraform keeps its state; None for a file beside the root module.
    """

    service: str
    stage: str
    options: DeployOptions
    gateway: GatewayDescription
    archive_hash: str = ""
    background: bool = False
    store_in: tuple[tuple[str, tuple[str, ...]], ...] = ()
    domain: Domain | None = None
    backend: S3Backend | CloudBackend | None = None

    @property
    def slug(self) -> str:
        """The service name reduced to letters, digits, `-` and `_`."""
        return slug(self.service)

    @property
    def function_name(self) -> str:
        """Name of the function, its API and its role."""
        return f"{function_prefix(self.service)}{self.stage}"

    @property
    def archive_key(self) -> str:
        """Name of the archive in its bucket."""
        return archive_key(self.service, self.archive_hash, self.options.key)

    @property
    def unversioned_layers(self) -> dict[str, str]:
        """ARNs of the layers used in their newest version, by the name of their data source."""
        return {
            f"layer_{number}": arn
            for number, arn in enumerate(self.options.layers, 1)
            if _VERSIONED_LAYER.search(arn) is None
        }


def create_stack(app: TechMicroService, stage: str, options: DeployOptions, archive_hash: str = "") -> Stack:
    """Describe a stage of a service.

    Raises:
        CommandError: AWS does not accept an option or the service name.

    Example:
        >>> create_stack(app, "dev", DeployOptions(bucket="archives")).function_name
        'shop-dev'
    """
    check_options(options)
    if not app.name or not TAG.fullmatch(app.name):
        raise CommandError(f"The service name {app.name!r} is not a valid AWS tag. Use {TAG_CHARACTERS}")
    is_background = any(entry.background for entry in app.entries)
    stack = Stack(
        service=app.name,
        stage=stage,
        options=options,
        gateway=replace(describe_gateway(app, options.gateway), authorizer_ttl=options.authorizer_ttl),
        archive_hash=archive_hash,
        background=is_background,
        # Only asynchronous calls store responses.
        store_in=tuple((name, tuple(app.store_in[name])) for name in sorted(app.store_in)) if is_background else (),
        domain=_parse_domain(options),
    )
    name = stack.function_name
    if len(name) > _MAX_FUNCTION_NAME:
        raise CommandError(
            f"The function name {name!r} is {len(name)} characters long; Lambda's maximum is {_MAX_FUNCTION_NAME}. "
            'Shorten the service name, TechMicroService(name="…"), or the stage.'
        )
    return replace(stack, backend=_create_backend(options, name))


def function_prefix(service: str) -> str:
    """Return the common prefix of the function names of a service's stages."""
    return f"{slug(service)}-"


def archive_key(service: str, archive_hash: str, key: str | None = None) -> str:
    """Return the name of an archive in its bucket. Lambda only loads new code from a new key, so it contains the hash.

    Example:
        >>> archive_key("shop", "0f3a", "releases/shop.zip")
        'releases/shop-0f3a.zip'
    """
    return f"{slug(service)}/{archive_hash}.zip" if key is None else f"{key.removesuffix('.zip')}-{archive_hash}.zip"


def slug(name: str) -> str:
    """Replace each character of a name but letters, digits, `-` and `_` with `-`.

    A changed name is followed by a hash, so that `shop.a` and `shop a` remain two services.
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


def _create_backend(options: DeployOptions, default_workspace: str) -> S3Backend | CloudBackend | None:
    if options.tf_bucket:
        return S3Backend(options.tf_bucket)
    if options.terraform_cloud:
        return CloudBackend(options.terraform_cloud, options.workspace or default_workspace)
    return None
