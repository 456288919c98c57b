"""An archive's way to S3."""

import os
from collections.abc import Callable
from typing import Any

from coworks_async.deploy.archive.build import Archive
from coworks_async.deploy.aws.account import aws_errors
from coworks_async.exceptions import DeployError

HASH = "content-hash"
"""The metadata of the object that tells what is in it."""

# S3's words are long, and name neither the bucket nor what to do.
_REMEDIES = {
    "NoSuchBucket": "there is no such bucket: create it, or name another by --bucket",
    "InvalidBucketName": "a bucket cannot be called so",
    "AccessDenied": "your credentials have no right to put objects there (s3:PutObject)",
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
}

Watch = Callable[[int], None]
"""Told how many bytes more have been sent."""


def unwatched(count: int) -> None:
    """Watch nothing."""


def upload(archive: Archive, bucket: str, key: str, session: Any, watch: Watch = unwatched) -> bool:
    """Put an archive into a bucket, encrypted there, unless the object has this very content already.

    Large ones are sent in parts.

    Parameters:
        session: a boto3 session.
        watch: called from other threads too.

    Returns whether it was sent.

    Raises:
        DeployError: in one line: there is no such bucket, it is in another region, or S3 refuses or cannot be reached.

    Example:
        >>> upload(archive, "my-archives", f"shop/{archive.content_hash}.zip", boto3.Session())
        True
    """
    from botocore.exceptions import ClientError, ParamValidationError

    client = _client(session)
    failing = f"The archive cannot be put into the bucket {bucket!r}"
    with aws_errors(failing):
        try:
            _check_region(client, bucket)
            if _hash_of(client, bucket, key) == archive.content_hash:
                return False
            with archive.path.open("rb") as file:
                told = {"ServerSideEncryption": "AES256", "Metadata": {HASH: archive.content_hash}}
                client.upload_fileobj(file, bucket, key, ExtraArgs=told, Callback=watch)
        except ParamValidationError as error:
            raise DeployError(f"{failing}: {_REMEDIES['InvalidBucketName']}.") from error
        except ClientError as error:
            remedy = _REMEDIES.get(error.response["Error"]["Code"])
            if remedy is None:
                raise
            raise DeployError(f"{failing}: {remedy}.") from error
    return True


def _client(session: Any) -> Any:
    from botocore.config import Config

    # Names of machines other than AWS's have no subdomain a bucket.
    elsewhere = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = Config(s3={"addressing_style": "path" if elsewhere else "auto"}, connect_timeout=10)
    with aws_errors("S3 cannot be asked"):
        return session.client("s3", config=config)


def _check_region(client: Any, bucket: str) -> None:
    """Check that the bucket is in the function's region, as Lambda asks.

    S3 tells the region even to those who may not ask for the bucket.
    """
    from botocore.exceptions import ClientError

    try:
        told = client.head_bucket(Bucket=bucket)
    except ClientError as error:
        told = error.response
        if _status(told) == 404:
            raise DeployError(_missing(bucket)) from error
    region = told["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", client.meta.region_name)
    if region != client.meta.region_name:
        raise DeployError(
            f"The bucket {bucket!r} is in {region}, and the function will be in {client.meta.region_name}: Lambda "
            "takes archives of its own region alone. Name another by --bucket, or --region."
        )


def _missing(bucket: str) -> str:
    return f"The archive cannot be put into the bucket {bucket!r}: {_REMEDIES['NoSuchBucket']}."


def _hash_of(client: Any, bucket: str, key: str) -> str | None:
    """Return the content hash that the object tells; None where there is no such object.

    Nor where it may not be read: without the right to list a bucket a missing object is a 403. What is really wrong
    will be told when it is sent, with a reason that a HEAD does not have.
    """
    from botocore.exceptions import ClientError

    try:
        found: str | None = client.head_object(Bucket=bucket, Key=key)["Metadata"].get(HASH)
    except ClientError as error:
        if _status(error.response) in (400, 403, 404):
            return None
        raise
    return found


def _status(response: Any) -> int:
    return int(response["ResponseMetadata"]["HTTPStatusCode"])
