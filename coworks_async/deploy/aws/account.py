"""Read an AWS account: sessions, checks before a deploy, and the deployed stages of a service."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound

from coworks_async.deploy.stack import ALIAS, ARCHIVE_TAG, EXPIRES_TAG, SERVICE_TAG, STAGE_TAG, Stack
from coworks_async.exceptions import CommandError, DeployError
from coworks_async.gateway.routes import GatewayKind

# As `format_time` writes it.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

_EXPIRED = "the credentials have expired: get new ones"
_SSO_EXPIRED = "the SSO session has expired: run 'aws sso login'"
_UNKNOWN = "AWS does not accept these credentials"

# By AWS's error code or botocore's exception class.
_REMEDIES = {
    "NoCredentialsError": "no credentials found: use --profile-name, or set AWS_PROFILE",
    "PartialCredentialsError": "the credentials are incomplete",
    "NoRegionError": "no region is set: use --region, or set AWS_REGION",
    "TokenRetrievalError": _SSO_EXPIRED,
    "SSOTokenLoadError": _SSO_EXPIRED,
    "UnauthorizedSSOTokenError": _SSO_EXPIRED,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "InvalidClientTokenId": _UNKNOWN,
    "UnrecognizedClientException": _UNKNOWN,
    "InvalidAccessKeyId": _UNKNOWN,
    "SignatureDoesNotMatch": "the secret key does not match the access key",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
}


@dataclass(frozen=True, slots=True)
class DeployedApi:
    """An API with the tags of a service."""

    id: str
    kind: GatewayKind
    stage: str
    expires: str | None = None


@dataclass(frozen=True, slots=True)
class DeployedStage:
    """A stage of a service in AWS."""

    stage: str
    # Usually one; several if a deploy lost its state.
    api_ids: tuple[str, ...]
    # In the order of `api_ids`.
    urls: tuple[str, ...]
    # Name, last change as AWS formats it, and archive's content hash of the function; None if there are only APIs.
    function: str | None = None
    modified: str | None = None
    archive: str | None = None
    # When `cws prune` may destroy the stage, in UTC; None for never.
    expires: str | None = None

    def has_expired(self, now: str) -> bool:
        """Return whether the stage may be destroyed at a time. One without a valid time never expires."""
        return self.expires is not None and _TIME.fullmatch(self.expires) is not None and self.expires <= now


@contextmanager
def aws_errors(failure: str, remedies: Mapping[str, str] | None = None) -> Iterator[None]:
    """Turn errors of boto3 into a `DeployError` of one line: the failure, its cause, and the remedy if it is known."""
    known = {**_REMEDIES, **(remedies or {})}
    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        code, message = str(details.get("Code", "")), str(details.get("Message", ""))
        raise DeployError(f"{failure}: {(known.get(code) or message or code).removesuffix('.')}.") from error
    except (BotoCoreError, Boto3Error) as error:
        reason = known.get(type(error).__name__) or str(error).strip()
        raise DeployError(f"{failure}: {reason.removesuffix('.')}.") from error


def open_session(environment: Mapping[str, str], region: str | None) -> Any:
    """Open a boto3 session with the profile that the environment names.

    boto3 reads everything else from the environment of the process, which the caller has set.
    """
    profile = environment.get("AWS_PROFILE")
    with aws_errors("Cannot open an AWS session"):
        try:
            # boto3 reads AWS_DEFAULT_REGION only; Terraform, Lambda and the AWS CLI read AWS_REGION too.
            return boto3.Session(profile_name=profile, region_name=region or environment.get("AWS_REGION") or None)
        except ProfileNotFound as error:
            raise CommandError(
                f"The AWS profile {profile!r} does not exist. Choose another with --profile-name or AWS_PROFILE."
            ) from error


def find_configured_region(environment: Mapping[str, str]) -> str | None:
    """Return the region of the environment or of its profile, or None if none is configured."""
    if region := environment.get("AWS_REGION"):
        return region
    try:
        configured: str | None = boto3.Session().region_name
    except ProfileNotFound:
        return None
    return configured


def get_account_id(session: Any) -> str:
    """Return the id of the account that the credentials belong to."""
    with aws_errors("Cannot identify the AWS account"):
        return str(session.client("sts").get_caller_identity()["Account"])


def find_apis(session: Any, service: str) -> tuple[DeployedApi, ...]:
    """Return the REST and HTTP APIs with the service's tag."""
    with aws_errors("Cannot list the account's APIs"):
        rest = session.client("apigateway").get_paginator("get_rest_apis").paginate(PaginationConfig={"PageSize": 500})
        http = session.client("apigatewayv2").get_paginator("get_apis").paginate()
        found = [("rest", api["id"], api.get("tags", {})) for page in rest for api in page.get("items", ())]
        found += [("http", api["ApiId"], api.get("Tags", {})) for page in http for api in page.get("Items", ())]
    return tuple(
        DeployedApi(name, "rest" if kind == "rest" else "http", tags[STAGE_TAG], tags.get(EXPIRES_TAG))
        for kind, name, tags in found
        if tags.get(SERVICE_TAG) == service and STAGE_TAG in tags
    )


def find_stages(session: Any, service: str, prefix: str) -> tuple[DeployedStage, ...]:
    """Return the stages of a service in the account, sorted by name. Its functions' names start with `prefix`."""
    apis = find_apis(session, service)
    functions = {tags[STAGE_TAG]: (function, tags) for function, tags in _find_functions(session, service, prefix)}
    region = session.region_name
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    stages = []
    for stage in sorted({*functions, *(api.stage for api in apis)}):
        own = [api for api in apis if api.stage == stage]
        ids = tuple(api.id for api in own)
        urls = tuple(f"https://{name}.execute-api.{region}.{domain}/{stage}" for name in ids)
        function, tags = functions.get(stage, ({}, {}))
        details = function.get("FunctionName"), function.get("LastModified"), tags.get(ARCHIVE_TAG)
        times = [api.expires for api in own]
        if function:
            times.append(tags.get(EXPIRES_TAG))
        stages.append(DeployedStage(stage, ids, urls, *details, expires=_latest(times)))
    return tuple(stages)


def _latest(times: Sequence[str | None]) -> str | None:
    """Return the latest time, or None if one is None: a deploy that was killed has set or removed some of them.

    An invalid time, which never passes, is later than the others.
    """
    known = [time for time in times if time is not None]
    if len(known) < len(times):
        return None
    return max(known, key=lambda time: (_TIME.fullmatch(time) is None, time))


def _find_functions(session: Any, service: str, prefix: str) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    client = session.client("lambda")
    with aws_errors("Cannot list the account's functions"):
        for page in client.get_paginator("list_functions").paginate():
            for function in page.get("Functions", ()):
                if function["FunctionName"].startswith(prefix):
                    tags = client.list_tags(Resource=function["FunctionArn"]).get("Tags", {})
                    if tags.get(SERVICE_TAG) == service and STAGE_TAG in tags:
                        yield function, tags


def find_function_url(session: Any, function: str) -> str | None:
    """Return the URL of a function's alias without a slash at its end; None if it has no URL."""
    client = session.client("lambda")
    with aws_errors(f"Cannot read the URL of {function}"):
        try:
            url: str = client.get_function_url_config(FunctionName=function, Qualifier=ALIAS)["FunctionUrl"]
        except client.exceptions.ResourceNotFoundException:
            return None
    return url.removesuffix("/")


def check_account(session: Any, stack: Stack) -> None:
    """Check credentials, layers, certificate and access logs, which would make a deploy fail while Terraform runs."""
    account = get_account_id(session)
    foreign = [arn for arn in stack.unversioned_layers.values() if arn.split(":")[4] != account]
    if foreign:
        raise DeployError(
            f"The layer {foreign[0]} belongs to another account, whose layer versions AWS does not list. Add a "
            f"version, as in {foreign[0]}:1."
        )
    check_certificate(session, stack)
    if stack.gateway.kind == "rest" and stack.options.access_logs:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
        with aws_errors("Cannot read the settings of API Gateway"):
            settings = session.client("apigateway").get_account()
        if not settings.get("cloudwatchRoleArn"):
            raise DeployError(
                "API Gateway has no role to write access logs with in this account. Set one, once, with 'aws "
                "apigateway update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value=ROLE_ARN', or "
                "deploy with --no-access-logs."
            )


def check_certificate(session: Any, stack: Stack) -> None:
    """Check that ACM has a certificate for the domain's exact name, as Terraform requires, unless one is given."""
    domain = stack.domain
    if domain is None or domain.certificate is not None:
        return
    with aws_errors("Cannot list the account's certificates"):
        pages = session.client("acm").get_paginator("list_certificates").paginate(CertificateStatuses=["ISSUED"])
        names = {each["DomainName"] for page in pages for each in page["CertificateSummaryList"]}
    if domain.name not in names:
        raise DeployError(
            f"ACM has no certificate for {domain.name} in {session.region_name}. Request one there, or choose one that "
            "covers the name with --certificate."
        )
