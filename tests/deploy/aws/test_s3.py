"""Archives in S3: in the emulator, and on servers that reject requests as AWS does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coworks_async.deploy.archive.build import Archive
from coworks_async.deploy.aws.account import open_session
from coworks_async.deploy.aws.s3 import (
    bucket_exists,
    create_bucket,
    delete_archives,
    delete_created_bucket,
    upload_archive,
)
from coworks_async.deploy.stack import Stack
from coworks_async.exceptions import DeployError
from tests.deploy.accounts import REGION, create_session, make_function, reject_operation, serve_response
from tests.deploy.stacks import stack

KEY = "orders/archive.zip"
OLD, NEW, OTHER = ("0" * 64, "1" * 64, "2" * 64)


def list_buckets(session: Any) -> list[str]:
    return [each["Name"] for each in session.client("s3").list_buckets()["Buckets"]]


# Upload.


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    path = tmp_path / "orders.zip"
    path.write_bytes(b"archive")
    return Archive(path, "abc", 7, 7, ())


def test_an_archive_is_uploaded_encrypted_and_only_once(session: Any, bucket: str, archive: Archive):
    create_bucket(session, bucket)
    s3, sent = session.client("s3"), list[int]()
    assert upload_archive(archive, bucket, KEY, session, sent.append) is True
    found = s3.get_object(Bucket=bucket, Key=KEY)
    assert (found["Body"].read(), found["ServerSideEncryption"]) == (b"archive", "AES256")
    assert sum(sent) == 7
    assert upload_archive(archive, bucket, KEY, session, sent.append) is False
    assert sum(sent) == 7
    other = Archive(archive.path, "abd", 7, 7, ())
    assert upload_archive(other, bucket, KEY, session) is True
    assert s3.head_object(Bucket=bucket, Key=KEY)["Metadata"] == {"content-hash": "abd"}


def test_a_large_archive_is_uploaded_in_parts(session: Any, bucket: str, archive: Archive):
    create_bucket(session, bucket)
    archive.path.write_bytes(b"\0" * (9 * 1024 * 1024))
    sent: list[int] = []
    assert upload_archive(archive, bucket, KEY, session, sent.append) is True
    found = session.client("s3").head_object(Bucket=bucket, Key=KEY)
    assert sum(sent) == found["ContentLength"] == 9 * 1024 * 1024
    assert found["ETag"].endswith('-2"')


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nowhere", "the bucket does not exist. Create it, or choose another with --bucket"),
        ("a b", "this is not a valid bucket name"),
    ],
)
def test_a_missing_or_invalid_bucket_is_one_line(session: Any, archive: Archive, name: str, problem: str):
    with pytest.raises(DeployError) as caught:
        upload_archive(archive, name, KEY, session)
    assert str(caught.value) == f"Cannot upload the archive to the bucket {name!r}: {problem}."


@pytest.fixture
def reject_upload(archive: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Return a function that uploads to a server with this response, and returns the error."""

    def reject_upload(status: int, code: str, head: tuple[int, dict[str, str]]) -> str:
        body = f"<Error><Code>{code}</Code><Message>Refused</Message></Error>"
        with serve_response(status, body, head) as url:
            session = create_session(url, "test", monkeypatch, tmp_path)
            with pytest.raises(DeployError) as caught:
                upload_archive(archive, "archives", KEY, session)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return reject_upload


@pytest.mark.parametrize(
    ("status", "code", "problem"),
    [
        (403, "AccessDenied", "the credentials do not allow s3:PutObject there."),
        (404, "NoSuchBucket", "the bucket does not exist. Create it, or choose another with --bucket."),
        (400, "ExpiredToken", "the credentials have expired: get new ones."),
        (403, "RequestTimeTooSkewed", "this machine's clock is wrong."),
        (400, "EntityTooLarge", "Refused."),
    ],
)
def test_a_rejected_upload_is_one_line(reject_upload: Callable[..., str], status: int, code: str, problem: str):
    assert reject_upload(status, code, (403, {})) == f"Cannot upload the archive to the bucket 'archives': {problem}"


@pytest.mark.parametrize("status", [200, 403])
def test_a_bucket_in_another_region_is_an_error_even_if_s3_accepts_it(reject_upload: Callable[..., str], status: int):
    assert reject_upload(403, "AccessDenied", (status, {"x-amz-bucket-region": "us-east-2"})) == (
        "The bucket 'archives' is in us-east-2, but the function is in eu-west-1. Lambda reads archives from its own "
        "region only: choose another --bucket or --region."
    )


def test_a_server_error_is_one_line(reject_upload: Callable[..., str]):
    assert reject_upload(403, "AccessDenied", (500, {})).startswith(
        "Cannot upload the archive to the bucket 'archives': "
    )


def test_missing_network_and_missing_credentials_are_one_line(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    session = create_session("http://127.0.0.1:9", "test", monkeypatch, tmp_path)
    problem = r"^Cannot upload the archive to the bucket 'archives': "
    with pytest.raises(DeployError, match=problem + "Could not connect"):
        upload_archive(archive, "archives", KEY, session)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(DeployError, match=problem + "no credentials found: use --profile-name"):
        upload_archive(archive, "archives", KEY, open_session({}, REGION))


# Buckets and deleted stages.


def list_keys(session: Any, bucket: str) -> list[str]:
    return [each["Key"] for each in session.client("s3").list_objects_v2(Bucket=bucket).get("Contents", ())]


def put_objects(session: Any, bucket: str, *keys: str) -> None:
    for key in keys:
        session.client("s3").put_object(Bucket=bucket, Key=key, Body=b"")


def archive_key(archive_hash: str, **options: Any) -> str:
    return replace(stack(**options), archive_hash=archive_hash).archive_key


def delete(session: Any, bucket: str, key: str, stack: Stack) -> list[str]:
    return list(delete_archives(session, stack, bucket, key))


def test_a_bucket_is_created_once_and_deleted_with_the_last_archive(session: Any, bucket: str):
    key = archive_key(NEW)
    create_bucket(session, bucket)
    put_objects(session, bucket, key)
    create_bucket(session, bucket)
    assert list_keys(session, bucket) == [key]
    assert delete_created_bucket(session, bucket) is False
    assert delete(session, bucket, key, stack()) == [f"s3://{bucket}/{key}"]
    assert delete_created_bucket(session, bucket) is True
    assert list_buckets(session) == []


@pytest.mark.usefixtures("session")
def test_a_bucket_in_us_east_1_has_no_location_constraint(bucket: str):
    session = open_session({}, "us-east-1")
    create_bucket(session, bucket)
    assert list_buckets(session) == [bucket]


def test_a_bucket_that_cannot_be_created_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with serve_response(403, "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>") as url:
        session = create_session(url, "test", monkeypatch, tmp_path)
        with pytest.raises(DeployError, match=r"^Cannot create the bucket 'demo': No\.$"):
            create_bucket(session, "demo")


def test_a_bucket_that_cannot_be_tagged_is_deleted_again(session: Any, bucket: str):
    reject_operation(session, "s3.PutBucketTagging", 403, "AccessDenied", "No")
    with pytest.raises(DeployError, match=rf"^Cannot create the bucket '{bucket}': No\.$"):
        create_bucket(session, bucket)
    assert list_buckets(session) == []


def test_a_bucket_exists_also_if_it_cannot_be_read(
    session: Any, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    assert bucket_exists(session, bucket) is False
    create_bucket(session, bucket)
    assert bucket_exists(session, bucket) is True
    with serve_response(403, "", (403, {})) as url:
        assert bucket_exists(create_session(url, "test", monkeypatch, tmp_path), bucket) is True


def test_a_bucket_that_the_user_created_is_kept_even_if_it_is_empty(session: Any, bucket: str):
    client = session.client("s3")
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    assert delete_created_bucket(session, bucket) is False
    client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "shop"}]})
    assert delete_created_bucket(session, bucket) is False
    assert list_buckets(session) == [bucket]


def test_the_last_stage_is_deleted_with_the_archives_of_earlier_deploys_only(session: Any, bucket: str):
    create_bucket(session, bucket)
    foreign = (f"shop/notes-{OLD}.zip", "shop/notes.zip", f"shops/{OLD}.zip", f"shop/{OLD}.zip.txt")
    own = (archive_key(NEW), archive_key(OLD))
    put_objects(session, bucket, *foreign, *own)
    assert set(delete(session, bucket, own[0], stack())) == {f"s3://{bucket}/{key}" for key in own}
    assert set(list_keys(session, bucket)) == set(foreign)


def test_while_another_stage_exists_only_the_deleted_stages_archive_is_deleted(session: Any, bucket: str):
    create_bucket(session, bucket)
    old, new, other = (archive_key(each) for each in (OLD, NEW, OTHER))
    put_objects(session, bucket, old, new, other)
    make_function(
        session, stack(stage="prod"), {"coworks:service": "shop", "coworks:stage": "prod", "coworks:archive": OTHER}
    )
    assert delete(session, bucket, other, stack()) == []
    assert delete(session, bucket, new, stack()) == [f"s3://{bucket}/{new}"]
    assert list_keys(session, bucket) == [old, other]


def test_archives_with_a_key_of_the_user_are_found_by_it(session: Any, bucket: str):
    create_bucket(session, bucket)
    key, other = archive_key(NEW, key="releases/shop.zip"), archive_key(OLD, key="releases/other.zip")
    put_objects(session, bucket, key, other)
    assert delete(session, bucket, key, stack()) == [f"s3://{bucket}/{key}"]
    assert list_keys(session, bucket) == [other]


def test_archives_that_cannot_be_deleted_are_one_line(session: Any, bucket: str):
    reject_operation(session, "s3.ListObjectsV2", 403, "AccessDenied", "No")
    with pytest.raises(DeployError, match=rf"^Cannot delete the archives in the bucket '{bucket}': No\.$"):
        delete(session, bucket, archive_key(NEW), stack())
