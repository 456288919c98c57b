"""The lock of a stage: in the emulator, and on servers that respond as S3 does."""

import getpass
import json
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coworks_async.deploy.aws.lock import _format_age, _Holder, lock_key, lock_stage
from coworks_async.deploy.aws.s3 import create_bucket
from coworks_async.exceptions import DeployError
from tests.deploy.accounts import create_session, reject_operation, serve_response
from tests.deploy.stacks import stack

KEY = lock_key(stack())
OWNER = rf"\S+@\S+, process {os.getpid()}"


class Locks:
    """Locks of one stage, and what they report."""

    def __init__(self, session: Any, bucket: str) -> None:
        self.session, self.bucket = session, bucket
        self.client = session.client("s3")
        self.messages: list[str] = []
        create_bucket(session, bucket)

    def lock(self, **options: Any) -> AbstractContextManager[None]:
        return lock_stage(self.session, stack(), self.bucket, "cws deploy", on_message=self.messages.append, **options)

    def keys(self) -> list[str]:
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", ())]

    def write(self, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=KEY, Body=content)


@pytest.fixture
def locks(session: Any, bucket: str) -> Locks:
    return Locks(session, bucket)


def test_the_lock_is_an_object_that_names_its_owner_while_it_is_held(locks: Locks):
    with locks.lock():
        assert locks.keys() == ["shop/dev.lock"]
        content = json.loads(locks.client.get_object(Bucket=locks.bucket, Key=KEY)["Body"].read())
        assert re.fullmatch(OWNER, content["owner"])
        assert content["command"] == "cws deploy"
    assert (locks.keys(), locks.messages) == ([], [])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DeployError("failed"), RuntimeError()])
def test_the_lock_is_released_on_every_exit(locks: Locks, error: BaseException):
    lock = locks.lock()
    lock.__enter__()
    assert locks.keys() == [KEY]
    assert lock.__exit__(type(error), error, None) is not True
    assert locks.keys() == []


def test_only_one_process_holds_the_lock_and_the_other_one_names_its_owner_and_age(locks: Locks):
    with locks.lock():
        with pytest.raises(DeployError) as caught, locks.lock():
            pass
        assert re.fullmatch(
            rf"The stage 'dev' of 'shop' is locked by {OWNER} \(cws deploy, \d s ago\)\. Wait until it ends, or use "
            r"--break-lock if that process no longer runs\.",
            str(caught.value),
        )
        assert locks.keys() == [KEY], "the second one does not release the lock of the first"


def test_a_stale_lock_can_be_broken(locks: Locks):
    locks.write(json.dumps({"id": "1", "owner": "ana@laptop", "command": "cws deploy"}).encode())
    with pytest.raises(DeployError, match=r"locked by ana@laptop \(cws deploy, "), locks.lock():
        pass
    with locks.lock(break_lock=True):
        assert re.fullmatch(r"Broke the lock of ana@laptop \(cws deploy, \d s ago\)\.", locks.messages[0])
    assert (locks.keys(), len(locks.messages)) == ([], 1)


def test_without_a_lock_to_break_the_option_changes_nothing(locks: Locks):
    with locks.lock(break_lock=True):
        assert locks.keys() == [KEY]
    assert (locks.keys(), locks.messages) == ([], [])


def test_an_owner_cannot_control_the_terminal(locks: Locks):
    locks.write(json.dumps({"id": "1", "owner": "\x1b[2Jana\n", "command": "cws deploy"}).encode())
    with pytest.raises(DeployError, match=r"is locked by \[2Jana \(cws deploy, "), locks.lock():
        pass


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_a_lock_of_another_program_has_an_unknown_owner(locks: Locks, content: bytes):
    locks.write(content)
    with pytest.raises(DeployError, match=r"is locked by an unknown owner \(unknown command, "), locks.lock():
        pass
    with locks.lock(break_lock=True):
        pass
    assert locks.keys() == []


def test_a_process_whose_lock_was_broken_does_not_release_the_new_one(locks: Locks):
    with locks.lock():
        new = locks.lock(break_lock=True)
        new.__enter__()
    assert locks.keys() == [KEY]
    new.__exit__(None, None, None)
    assert locks.keys() == []


def on_first_request(locks: Locks, operation: str, act: Callable[[], None]) -> None:
    """Act before the first request of an operation is sent."""
    pending = [act]

    def before_send(**details: Any) -> None:
        if pending:
            pending.pop()()

    locks.session.events.register(f"before-send.s3.{operation}", before_send)


def test_a_lock_that_is_released_after_our_attempt_is_taken(locks: Locks):
    locks.write(b"{}")
    on_first_request(locks, "GetObject", lambda: locks.client.delete_object(Bucket=locks.bucket, Key=KEY) and None)
    with locks.lock():
        assert locks.keys() == [KEY]
    assert locks.keys() == []


@pytest.mark.parametrize("act", ["write", "delete"])
def test_only_the_lock_that_was_read_is_broken(locks: Locks, act: str):
    locks.write(b"{}")
    reads: list[int] = []

    def change(**details: Any) -> None:
        reads.append(1)
        if len(reads) == 1:
            # After the lock was read, and before it is replaced.
            if act == "write":
                locks.write(b'{"id": "2", "owner": "eve@desk", "command": "cws deploy"}')
            else:
                locks.client.delete_object(Bucket=locks.bucket, Key=KEY)

    locks.session.events.register("after-call.s3.GetObject", change)
    if act == "write":
        with pytest.raises(DeployError, match=r"locked by eve@desk"), locks.lock(break_lock=True):
            pass
        assert locks.keys() == [KEY]
    else:
        with locks.lock(break_lock=True):
            pass
        assert locks.keys() == []


def test_the_attempts_are_limited(locks: Locks):
    reject_operation(locks.session, "s3.PutObject", 409, "ConditionalRequestConflict")
    with pytest.raises(DeployError) as caught, locks.lock():
        pass
    assert str(caught.value) == (
        f"Cannot lock the stage 'dev' in the bucket '{locks.bucket}': other processes lock it again and again. Try "
        "again later."
    )


def test_a_repeated_request_finds_its_own_lock(locks: Locks):
    requests: list[Any] = []

    def send_twice(request: Any, **details: Any) -> None:
        requests.append(request)
        if len(requests) == 1:
            # The response of the first attempt is lost.
            locks.write(request.body.read())
            request.body.seek(0)

    locks.session.events.register("before-send.s3.PutObject", send_twice)
    with locks.lock():
        assert locks.keys() == [KEY]
    assert locks.keys() == []


def test_ctrl_c_while_the_lock_is_created_releases_it(locks: Locks):
    def interrupt(**details: Any) -> None:
        raise KeyboardInterrupt

    locks.session.events.register("after-call.s3.PutObject", interrupt)
    with pytest.raises(KeyboardInterrupt), locks.lock():
        pass
    assert locks.keys() == []


def test_a_lock_that_cannot_be_released_is_reported_and_the_command_succeeds(locks: Locks):
    reject_operation(locks.session, "s3.DeleteObject", 403, "AccessDenied")
    with locks.lock():
        pass
    assert locks.messages == [
        "Cannot release the lock of the stage: the credentials do not allow s3:PutObject, s3:GetObject and "
        "s3:DeleteObject there. The next one needs --break-lock."
    ]


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("AccessDenied", "the credentials do not allow s3:PutObject, s3:GetObject and s3:DeleteObject there."),
        ("NoSuchBucket", "the bucket does not exist. Create it, or choose another with --bucket."),
    ],
)
def test_a_rejected_lock_is_one_line(code: str, problem: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    messages: list[str] = []
    with serve_response(403, f"<Error><Code>{code}</Code><Message>Refused</Message></Error>") as url:
        session = create_session(url, "test", monkeypatch, tmp_path)
        with (
            pytest.raises(DeployError) as caught,
            lock_stage(session, stack(), "archives", "cws deploy", on_message=messages.append),
        ):
            pass
    assert str(caught.value) == f"Cannot lock the stage 'dev' in the bucket 'archives': {problem}"
    assert messages == []


def test_a_server_that_does_not_respond_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    messages: list[str] = []
    session = create_session("http://127.0.0.1:9", "test", monkeypatch, tmp_path)
    with (
        pytest.raises(DeployError, match=r"^Cannot lock the stage 'dev' in the bucket 'archives': Could not connect"),
        lock_stage(session, stack(), "archives", "cws deploy", on_message=messages.append),
    ):
        pass
    assert messages == []


def test_a_user_without_a_name_is_unknown(locks: Locks, monkeypatch: pytest.MonkeyPatch):
    def getuser() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", getuser)
    with locks.lock():
        content = json.loads(locks.client.get_object(Bucket=locks.bucket, Key=KEY)["Body"].read())
    assert content["owner"].startswith("unknown@")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h 0 min"), (90_000, "25 h 0 min")],
)
def test_the_age_has_the_unit_of_its_size(seconds: float, text: str):
    assert _format_age(seconds) == text


def test_the_age_is_that_of_the_object():
    created = datetime.now(UTC) - timedelta(hours=3, minutes=5, seconds=1)
    assert str(_Holder("1", "ana@laptop", "cws deploy", created, '"x"')) == "ana@laptop (cws deploy, 3 h 5 min ago)"
