"""The bucket of the archives: made where AWS is an emulator, cleared when a stage is deleted."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coworks_async.deploy.aws.account import ARCHIVE_TAG, aws_errors, stages_of
from coworks_async.deploy.options import function_prefix
from coworks_async.deploy.stack import Stack
from coworks_async.deploy.terraform.workdir import ROOT

_MADE = {"Key": "coworks:made", "Value": "cws deploy --local"}


def make_bucket(session: Any, bucket: str) -> None:
    """Make a bucket unless it is there, and mark it as ours: an emulator begins with none."""
    from botocore.exceptions import ClientError

    client = session.client("s3")
    with aws_errors(f"The bucket {bucket!r} cannot be made"):
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError:
            place = {} if session.region_name == "us-east-1" else {"LocationConstraint": session.region_name}
            client.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": place} if place else {}))
            client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [_MADE]})


def archive_of(folder: Path) -> tuple[str, str] | None:
    """Return the bucket and the key of the archive that a stage's root names.

    None where there is no root, or one that no deploy wrote, but a `cws destroy` where there was none.
    """
    try:
        told = json.loads((folder / ROOT).read_text())["resource"]["aws_lambda_function"]["service"]
    except FileNotFoundError:
        return None
    return (told["s3_bucket"], told["s3_key"]) if told["tags"][ARCHIVE_TAG] else None


def remove_archives(session: Any, stack: Stack, bucket: str, key: str) -> Iterator[str]:
    """Delete a stage's archive and, with the service's last stage, those of former deploys; yield what is deleted.

    An archive that another stage runs stays. So does what is not called by a content hash: it is not ours.
    """
    others = stages_of(session, stack.service, function_prefix(stack.service))
    used = {stage.archive for stage in others}
    start = re.sub(r"[0-9a-f]{64}\.zip$", "", key)
    client = session.client("s3")
    with aws_errors(f"The archives in {bucket!r} cannot be deleted"):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start):
            for found in page.get("Contents", ()):
                digest = found["Key"].removeprefix(start).removesuffix(".zip")
                mine = re.fullmatch("[0-9a-f]{64}", digest) is not None and digest not in used
                if mine and (found["Key"] == key or not others):
                    client.delete_object(Bucket=bucket, Key=found["Key"])
                    yield f"s3://{bucket}/{found['Key']}"
        if _is_ours(client, bucket) and "Contents" not in client.list_objects_v2(Bucket=bucket):
            client.delete_bucket(Bucket=bucket)
            yield f"s3://{bucket}"


def _is_ours(client: Any, bucket: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        return _MADE in client.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError:
        # It has no tags, or nobody may ask.
        return False
