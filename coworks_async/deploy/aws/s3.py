"""Upload archives to S3, and delete those of a deleted stage."""

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from coworks_async.deploy.archive.build import Archive
from coworks_async.deploy.aws.account import aws_errors, find_stages
from coworks_async.deploy.stack import Stack, function_prefix
from coworks_async.exceptions import DeployError

HASH_METADATA_KEY = "content-hash"

NO_BUCKET = "the bucket does not exist. Create it, or choose another with --bucket"

# S3's messages are long and name neither bucket nor remedy.
_UPLOAD_REMEDIES = {
    "NoSuchBucket": NO_BUCKET,
    "ParamValidationError": "this is not a valid bucket name",
    "AccessDenied": "the credentials do not allow s3:PutObject there",
}

_CREATED_TAG = {"Key": "coworks:made", "Value": "cws deploy --local"}


def create_client(session: Any) -> Any:
    """Create an S3 client that does not wait long for a missing server."""
    # Only AWS has a DNS name for each bucket.
    has_endpoint = bool(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"))
    config = Config(s3={"addressing_style": "path" if has_endpoint else "auto"}, connect_timeout=10)
    return session.client("s3", config=config)


def upload_archive(
    archive: Archive, bucket: str, key: str, session: Any, on_progress: Callable[[int], None] | None = None
) -> bool:
    """Upload an archive, encrypted by S3, and return False if the object had the same content already.

    `on_progress` receives the number of bytes sent since its last call, in other threads too.
    """
    failure = f"Cannot upload the archive to the bucket {bucket!r}"
    with aws_errors(failure, _UPLOAD_REMEDIES):
        client = create_client(session)
        _check_bucket(client, bucket, failure)
        if _find_hash(client, bucket, key) == archive.content_hash:
            return False
        with archive.path.open("rb") as file:
            extra = {"ServerSideEncryption": "AES256", "Metadata": {HASH_METADATA_KEY: archive.content_hash}}
            client.upload_fileobj(file, bucket, key, ExtraArgs=extra, Callback=on_progress)
    return True


def _check_bucket(client: Any, bucket: str, failure: str) -> None:
    """Check that the bucket exists in the function's region, as Lambda requires."""
    try:
        response = client.head_bucket(Bucket=bucket)
    except ClientError as error:
        # S3 returns the region even if the credentials do not allow the request.
        response = error.response
        if _get_status(response) == 404:
            raise DeployError(f"{failure}: {NO_BUCKET}.") from error
    region = response["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", client.meta.region_name)
    if region != client.meta.region_name:
        raise DeployError(
            f"The bucket {bucket!r} is in {region}, but the function is in {client.meta.region_name}. Lambda reads "
            "archives from its own region only: choose another --bucket or --region."
        )


def _find_hash(client: Any, bucket: str, key: str) -> str | None:
    """Return the content hash of an object, or None if it does not exist or cannot be read.

    Without permission to list the bucket a missing object is a 403. The upload reports the actual error, with a reason,
    which the response to a HEAD does not have.
    """
    try:
        found: str | None = client.head_object(Bucket=bucket, Key=key)["Metadata"].get(HASH_METADATA_KEY)
    except ClientError as error:
        if _get_status(error.response) in (400, 403, 404):
            return None
        raise
    return found


def _get_status(response: Any) -> int:
    return int(response["ResponseMetadata"]["HTTPStatusCode"])


def create_bucket(session: Any, bucket: str) -> None:
    """Create a bucket in an emulator unless it exists, and tag it as created by `cws`."""
    client, region = session.client("s3"), session.region_name
    with aws_errors(f"Cannot create the bucket {bucket!r}"):
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError:
            location = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != "us-east-1" else {}
            client.create_bucket(Bucket=bucket, **location)
            try:
                client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [_CREATED_TAG]})
            except BaseException:
                # Without its tag, a bucket would never be deleted.
                client.delete_bucket(Bucket=bucket)
                raise


def bucket_exists(session: Any, bucket: str) -> bool:
    """Return whether a bucket exists, also if the credentials do not allow to read it."""
    with aws_errors(f"Cannot find the bucket {bucket!r}"):
        try:
            session.client("s3").head_bucket(Bucket=bucket)
        except ClientError as error:
            return _get_status(error.response) != 404
    return True


def delete_archives(session: Any, stack: Stack, bucket: str, key: str) -> Iterator[str]:
    """Delete the archive of a deleted stage, or all archives after the service's last stage, and yield their URIs.

    Archives of other stages and objects whose name is not a content hash are kept.
    """
    others = find_stages(session, stack.service, function_prefix(stack.service))
    used = {stage.archive for stage in others}
    prefix = re.sub(r"[0-9a-f]{64}\.zip$", "", key)
    client = session.client("s3")
    with aws_errors(f"Cannot delete the archives in the bucket {bucket!r}"):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", ()):
                digest = found["Key"].removeprefix(prefix).removesuffix(".zip")
                is_unused = re.fullmatch("[0-9a-f]{64}", digest) is not None and digest not in used
                if is_unused and (found["Key"] == key or not others):
                    client.delete_object(Bucket=bucket, Key=found["Key"])
                    yield f"s3://{bucket}/{found['Key']}"


def delete_created_bucket(session: Any, bucket: str) -> bool:
    """Delete a bucket that `cws` created if it is empty, and return whether it was."""
    client = session.client("s3")
    with aws_errors(f"Cannot delete the bucket {bucket!r}"):
        if not _is_created_by_cws(client, bucket) or "Contents" in client.list_objects_v2(Bucket=bucket):
            return False
        client.delete_bucket(Bucket=bucket)
    return True


def _is_created_by_cws(client: Any, bucket: str) -> bool:
    try:
        return _CREATED_TAG in client.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError:
        # The bucket has no tags, or the credentials do not allow reading them.
        return False
