"""What AWS says of an account: whose it is, and which stages of a service are there, whoever's state knows of them."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from coworks_async.deploy.stack import Stack
from coworks_async.exceptions import CommandError, DeployError
from coworks_async.gateway.routes import GatewayKind

SERVICE_TAG = "coworks:service"
STAGE_TAG = "coworks:stage"
ARCHIVE_TAG = "coworks:archive"

_REMEDIES = {
    "NoCredentialsError": "no credentials are found: name a profile by --profile-name, or set AWS_PROFILE",
    "PartialCredentialsError": "the credentials are incomplete",
    "NoRegionError": "no region is set: name one by --region, or set AWS_REGION",
    "TokenRetrievalError": "the sign-on is over: run 'aws sso login' and deploy again",
    "SSOTokenLoadError": "the sign-on is over: run 'aws sso login' and deploy again",
    "UnauthorizedSSOTokenError": "the sign-on is over: run 'aws sso login' and deploy again",
    "ExpiredToken": "the credentials have expired: get new ones and deploy again",
    "ExpiredTokenException": "the credentials have expired: get new ones and deploy again",
    "InvalidClientTokenId": "AWS does not know these credentials",
    "UnrecognizedClientException": "AWS does not know these credentials",
    "InvalidAccessKeyId": "AWS does not know these credentials",
    "SignatureDoesNotMatch": "the secret key does not fit its access key",
}


@dataclass(frozen=True, slots=True)
class Api:
    """A gateway that carries a service's tags."""

    id: str
    kind: GatewayKind
    stage: str


@dataclass(frozen=True, slots=True)
class DeployedStage:
    """A stage of a service as it is in AWS.

    Attributes:
        function: the function's name, None where there is only a gateway.
        modified: when the function was last deployed, as AWS writes it.
        archive: the content hash of its archive.
        urls: the gateways' addresses; `api_ids` likewise.
    """

    stage: str
    api_ids: tuple[str, ...]
    urls: tuple[str, ...]
    function: str | None = None
    modified: str | None = None
    archive: str | None = None


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Turn what boto3 raises into one line: what was tried, why AWS refused, and the remedy where it is known.

    Example:
        >>> with aws_errors("AWS cannot be asked who you are"):
        ...     session.client("sts").get_caller_identity()
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        told = error.response.get("Error", {})
        code, message = str(told.get("Code", "")), str(told.get("Message", ""))
        raise DeployError(f"{doing}: {_REMEDIES.get(code) or message or code}.".replace("..", ".")) from error
    except (BotoCoreError, Boto3Error) as error:
        reason = _REMEDIES.get(type(error).__name__) or str(error).strip()
        raise DeployError(f"{doing}: {reason}.".replace("..", ".")) from error


def open_session(environment: Mapping[str, str], region: str | None) -> Any:
    """Return a boto3 session of the profile, the keys and the endpoint that an environment names.

    boto3 reads them from the process's own environment, which the caller has set; only the region is given.

    Raises:
        CommandError: the profile is not there.
    """
    boto3, exceptions = importlib.import_module("boto3"), importlib.import_module("botocore.exceptions")
    profile = environment.get("AWS_PROFILE")
    with aws_errors("The AWS session cannot be opened"):
        try:
            # boto3 itself knows AWS_DEFAULT_REGION alone; Terraform, Lambda and AWS's other tools know both.
            return boto3.Session(profile_name=profile, region_name=region or environment.get("AWS_REGION") or None)
        except exceptions.ProfileNotFound as error:
            raise CommandError(
                f"The profile {profile!r} is not in your AWS configuration: name another by --profile-name or by "
                "AWS_PROFILE."
            ) from error


def configured_region(environment: Mapping[str, str]) -> str | None:
    """Return the region of the environment, or of its profile; None where neither tells, or the profile is not here."""
    if named := environment.get("AWS_REGION"):
        return named
    boto3, exceptions = importlib.import_module("boto3"), importlib.import_module("botocore.exceptions")
    try:
        region: str | None = boto3.Session().region_name
    except exceptions.ProfileNotFound:
        return None
    return region


def account_of(session: Any) -> str:
    """Return the number of the account that the credentials belong to.

    Raises:
        DeployError: there are none, they have expired, or AWS cannot be reached.
    """
    with aws_errors("AWS does not tell who you are"):
        return str(session.client("sts").get_caller_identity()["Account"])


def apis_of(session: Any, service: str) -> tuple[Api, ...]:
    """Return the gateways that carry the service's tag, of both kinds."""
    with aws_errors("The account's APIs cannot be listed"):
        rest = session.client("apigateway").get_paginator("get_rest_apis").paginate(PaginationConfig={"PageSize": 500})
        http = session.client("apigatewayv2").get_paginator("get_apis").paginate()
        found = [("rest", api["id"], api.get("tags", {})) for page in rest for api in page.get("items", ())]
        found += [("http", api["ApiId"], api.get("Tags", {})) for page in http for api in page.get("Items", ())]
    return tuple(
        Api(name, "rest" if kind == "rest" else "http", tags[STAGE_TAG])
        for kind, name, tags in found
        if tags.get(SERVICE_TAG) == service and STAGE_TAG in tags
    )


def stages_of(session: Any, service: str, prefix: str) -> tuple[DeployedStage, ...]:
    """Return the stages of a service that are in the account, by name.

    Parameters:
        prefix: what the names of the service's functions start with.
    """
    apis = apis_of(session, service)
    functions = {tags[STAGE_TAG]: (told, tags) for told, tags in _functions(session, service, prefix)}
    stages = sorted({*functions, *(api.stage for api in apis)})
    region = session.region_name
    return tuple(_stage(stage, apis, functions.get(stage), region) for stage in stages)


def can_write_access_logs(session: Any) -> bool:
    """Tell whether API Gateway has the account's role by which a REST API's stages write access logs.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    with aws_errors("The settings of API Gateway cannot be read"):
        return bool(session.client("apigateway").get_account().get("cloudwatchRoleArn"))


def has_certificate(session: Any, domain: str) -> bool:
    """Tell whether ACM has issued a certificate for this very name, which is what Terraform looks for."""
    with aws_errors("The account's certificates cannot be listed"):
        pages = session.client("acm").get_paginator("list_certificates").paginate(CertificateStatuses=["ISSUED"])
        return any(each["DomainName"] == domain for page in pages for each in page["CertificateSummaryList"])


def check_certificate(session: Any, stack: Stack) -> None:
    """Check that a domain's certificate is there, unless it is named.

    Raises:
        DeployError: ACM has issued none for the domain.
    """
    domain = stack.domain
    if domain is not None and domain.certificate is None and not has_certificate(session, domain.name):
        raise DeployError(
            f"ACM has issued no certificate for {domain.name} in {session.region_name}: request one there, or name "
            "another that covers it by --certificate."
        )


def check_account(session: Any, stack: Stack) -> None:
    """Check what of an account can be known to fail before Terraform runs.

    Raises:
        DeployError: the credentials do not work, a layer without a version is another account's, a domain has no
            certificate, or a REST API's access logs cannot be written.
    """
    account = account_of(session)
    foreign = [arn for arn in stack.function.unversioned_layers.values() if arn.split(":")[4] != account]
    if foreign:
        raise DeployError(
            f"The layer {foreign[0]} is another account's, of which AWS lists no versions: give one, as in "
            f"{foreign[0]}:1."
        )
    check_certificate(session, stack)
    if stack.gateway.kind == "rest" and stack.access_logs and not can_write_access_logs(session):
        raise DeployError(
            "API Gateway has no role in this account to write access logs with: set one once, by 'aws apigateway "
            "update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value=ROLE_ARN', or deploy with "
            "--no-access-logs."
        )


def _functions(session: Any, service: str, prefix: str) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    client = session.client("lambda")
    with aws_errors("The account's functions cannot be listed"):
        for page in client.get_paginator("list_functions").paginate():
            for told in page.get("Functions", ()):
                if told["FunctionName"].startswith(prefix):
                    tags = client.list_tags(Resource=told["FunctionArn"]).get("Tags", {})
                    if tags.get(SERVICE_TAG) == service and STAGE_TAG in tags:
                        yield told, tags


def _stage(
    stage: str, apis: tuple[Api, ...], function: tuple[dict[str, Any], dict[str, str]] | None, region: str
) -> DeployedStage:
    ids = tuple(api.id for api in apis if api.stage == stage)
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    urls = tuple(f"https://{name}.execute-api.{region}.{suffix}/{stage}" for name in ids)
    if function is None:
        return DeployedStage(stage, ids, urls)
    told, tags = function
    return DeployedStage(stage, ids, urls, told["FunctionName"], told["LastModified"], tags.get(ARCHIVE_TAG))
