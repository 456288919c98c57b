"""The bucket of the archives: made where AWS is an emulator, cleared when a stage is deleted."""

from pathlib import Path
from typing import Any

import pytest

from coworks_async.deploy.aws.account import open_session
from coworks_async.deploy.aws.bucket import archive_of, make_bucket, remove_archives
from coworks_async.deploy.options import DeployOptions, archive_key, stack_of
from coworks_async.deploy.stack import Stack
from coworks_async.deploy.terraform.workdir import write_root
from coworks_async.exceptions import DeployError
from tests.deploy.accounts import answering, make_function, refuse, session_of
from tests.deploy.stacks import Shop, stack

OLD, NEW, OTHER = ("0" * 64, "1" * 64, "2" * 64)


@pytest.fixture
def session(emulator: str, account: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    return session_of(emulator, account, monkeypatch, tmp_path)


@pytest.fixture
def bucket(account: str) -> str:
    return f"demo-{account}"


def buckets(session: Any) -> list[str]:
    return [each["Name"] for each in session.client("s3").list_buckets()["Buckets"]]


def keys(session: Any, bucket: str) -> list[str]:
    return [each["Key"] for each in session.client("s3").list_objects_v2(Bucket=bucket).get("Contents", ())]


def put(session: Any, bucket: str, *names: str) -> None:
    for name in names:
        session.client("s3").put_object(Bucket=bucket, Key=name, Body=b"")


def removed(session: Any, bucket: str, key: str, stack: Stack) -> list[str]:
    return list(remove_archives(session, stack, bucket, key))


def test_a_bucket_is_made_once_and_goes_with_the_last_archive(session: Any, bucket: str):
    key = archive_key("shop", NEW)
    make_bucket(session, bucket)
    put(session, bucket, key)
    make_bucket(session, bucket)
    assert keys(session, bucket) == [key]
    assert removed(session, bucket, key, stack()) == [f"s3://{bucket}/{key}", f"s3://{bucket}"]
    assert buckets(session) == []


@pytest.mark.usefixtures("session")
def test_a_bucket_in_the_first_region_needs_no_place(bucket: str):
    session = open_session({}, "us-east-1")
    make_bucket(session, bucket)
    assert buckets(session) == [bucket]


def test_a_bucket_that_cannot_be_made_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with answering(403, "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>") as url:
        session = session_of(url, "test", monkeypatch, tmp_path)
        with pytest.raises(DeployError, match=r"^The bucket 'demo' cannot be made: No\.$"):
            make_bucket(session, "demo")


def test_a_bucket_of_somebodys_stays_though_it_is_empty(session: Any, bucket: str):
    client = session.client("s3")
    place = {"LocationConstraint": "eu-west-1"}
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    assert removed(session, bucket, archive_key("shop", NEW), stack()) == []
    client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "shop"}]})
    assert removed(session, bucket, archive_key("shop", NEW), stack()) == []
    assert buckets(session) == [bucket]


def test_with_the_last_stage_the_archives_of_former_deploys_go_and_nothing_else(session: Any, bucket: str):
    make_bucket(session, bucket)
    foreign = (f"shop/notes-{OLD}.zip", "shop/notes.zip", f"shops/{OLD}.zip", f"shop/{OLD}.zip.txt")
    mine = (archive_key("shop", NEW), archive_key("shop", OLD))
    put(session, bucket, *foreign, *mine)
    assert set(removed(session, bucket, mine[0], stack())) == {f"s3://{bucket}/{key}" for key in mine}
    assert set(keys(session, bucket)) == set(foreign)


def test_what_another_stage_runs_stays_and_what_former_deploys_left_too(session: Any, bucket: str):
    make_bucket(session, bucket)
    old, new, other = (archive_key("shop", each) for each in (OLD, NEW, OTHER))
    put(session, bucket, old, new, other)
    make_function(
        session, stack(stage="prod"), {"coworks:service": "shop", "coworks:stage": "prod", "coworks:archive": OTHER}
    )
    assert removed(session, bucket, other, stack()) == []
    assert removed(session, bucket, new, stack()) == [f"s3://{bucket}/{new}"]
    assert keys(session, bucket) == [old, other]


def test_archives_of_a_key_of_ones_own_are_known_by_it(session: Any, bucket: str):
    make_bucket(session, bucket)
    key, other = archive_key("shop", NEW, "releases/shop.zip"), archive_key("shop", OLD, "releases/other.zip")
    put(session, bucket, key, other)
    assert removed(session, bucket, key, stack()) == [f"s3://{bucket}/{key}"]
    assert keys(session, bucket) == [other]


def test_archives_that_may_not_be_deleted_are_one_line(session: Any, bucket: str):
    refuse(session, "s3.ListObjectsV2", 403, "AccessDenied", "No")
    with pytest.raises(DeployError, match=rf"^The archives in '{bucket}' cannot be deleted: No\.$"):
        removed(session, bucket, archive_key("shop", NEW), stack())


def test_a_stages_root_tells_where_its_archive_is(tmp_path: Path):
    assert archive_of(tmp_path) is None
    write_root(stack(), tmp_path / "dev")
    assert archive_of(tmp_path / "dev") == ("archives", "shop/0f3a.zip")


def test_a_root_that_no_deploy_wrote_tells_of_no_archive(tmp_path: Path):
    write_root(stack_of(Shop(), "dev", DeployOptions("unknown"), ""), tmp_path / "dev")
    assert archive_of(tmp_path / "dev") is None
