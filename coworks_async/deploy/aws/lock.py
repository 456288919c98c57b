"""Lock a stage for a whole deploy or destroy: an object in the archive bucket, which only one process can create.

Terraform locks a state for one run, and two checkouts with local states do not share a lock.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

import getpass
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from coworks_async.deploy.aws.account import aws_errors
from coworks_async.deploy.aws.s3 import NO_BUCKET, create_client
from coworks_async.deploy.stack import Stack
from coworks_async.exceptions import DeployError

_REMEDIES = {
    "NoSuchBucket": NO_BUCKET,
    "ParamValidationError": "this is not a valid bucket name",
    "AccessDenied": "the credentials do not allow s3:PutObject, s3:GetObject and s3:DeleteObject there",
}

# A condition of a write is not met. The last one: the object that `If-Match` names no longer exists.
_REFUSED = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")

# Another process may release its lock between our write and our read.
_ATTEMPTS = 3


def lock_key(stack: Stack) -> str:
    """Return the key of a stage's lock. No archive has this key."""
    return f"{stack.slug}/{stack.stage}.lock"


@contextmanager
def lock_stage(
    session: Any,
    stack: Stack,
    bucket: str,
    command: str,
    *,
    break_lock: bool = False,
    on_message: Callable[[str], None],
) -> Iterator[None]:
    """Hold the lock of a stage. It is released on every exit, also after Ctrl-C.

    A lock that another process holds is a `DeployError`, or is replaced with `break_lock`.
    """
    lock = _Lock(session, stack, bucket, command, on_message)
    try:
        lock.acquire(break_lock=break_lock)
        yield
    finally:
        lock.release()


@dataclass(frozen=True, slots=True)
class _Holder:
    """The process that created a lock, and the object's version."""

    id: str
    owner: str
    command: str
    created: datetime
    etag: str

    def __str__(self) -> str:
        age = _format_age((datetime.now(UTC) - self.created).total_seconds())
        return f"{self.owner} ({self.command}, {age} ago)"


class _Lock:
    """The lock of one process."""

    def __init__(
        self, session: Any, stack: Stack, bucket: str, command: str, on_message: Callable[[str], None]
    ) -> None:
        self._failure = f"Cannot lock the stage {stack.stage!r} in the bucket {bucket!r}"
        self._held_by = f"The stage {stack.stage!r} of {stack.service!r} is locked by"
        self._object = {"Bucket": bucket, "Key": lock_key(stack)}
        self._id = uuid4().hex
        self._command = command
        self._on_message = on_message
        self._may_exist = False
        with aws_errors(self._failure):
            self._client = create_client(session)

    def acquire(self, *, break_lock: bool) -> None:
        with aws_errors(self._failure, _REMEDIES):
            for _ in range(_ATTEMPTS):
                if self._write(IfNoneMatch="*"):
                    return
                holder = self._read()
                # A repeated request finds the object that the first attempt created.
                if holder is not None and holder.id == self._id:
                    self._may_exist = True
                    return
                if holder is not None:
                    if self._replace(holder, break_lock=break_lock):
                        return
                    # The lock that the user meant is gone.
                    break_lock = False
        raise DeployError(f"{self._failure}: other processes lock it again and again. Try again later.")

    def release(self) -> None:
        """Delete the object unless another process has broken the lock. A failure is reported and raises nothing."""
        if not self._may_exist:
            return
        try:
            with aws_errors("Cannot release the lock of the stage", _REMEDIES):
                holder = self._read()
                if holder is not None and holder.id == self._id:
                    self._client.delete_object(**self._object)
        except DeployError as error:
            # The outcome of the command is more important.
            self._on_message(f"{error} The next one needs --break-lock.")

    def _replace(self, holder: _Holder, *, break_lock: bool) -> bool:
        """Replace the lock of another process, and return False if it has changed since it was read."""
        if not break_lock:
            raise DeployError(
                f"{self._held_by} {holder}. Wait until it ends, or use --break-lock if that process no longer runs."
            )
        if not self._write(IfMatch=holder.etag):
            return False
        self._on_message(f"Broke the lock of {holder}.")
        return True

    def _write(self, **condition: str) -> bool:
        """Write the object under a condition, and return whether the condition was met."""
        content = json.dumps({"id": self._id, "owner": _find_owner(), "command": self._command}).encode()
        # An interrupted request may have created it.
        self._may_exist = True
        try:
            # Encrypted as the archive, since the policy of the bucket may require it.
            self._client.put_object(**self._object, Body=content, ServerSideEncryption="AES256", **condition)
        except ClientError as error:
            self._may_exist = False
            if error.response["Error"]["Code"] not in _REFUSED:
                raise
            return False
        except BotoCoreError as error:
            # The others are raised before the request is sent.
            self._may_exist = isinstance(error, HTTPClientError)
            raise
        return True

    def _read(self) -> _Holder | None:
        try:
            found = self._client.get_object(**self._object)
            body = found["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None
        try:
            content = json.loads(body)
            lock_id, owner, command = (_clean(content[name]) for name in ("id", "owner", "command"))
        except (ValueError, KeyError, TypeError, RecursionError):
            # Another program wrote it.
            lock_id, owner, command = "", "an unknown owner", "unknown command"
        return _Holder(lock_id, owner, command, found["LastModified"], found["ETag"])


def _clean(value: object) -> str:
    """Return a member of a lock without characters that control a terminal. Others may write to the bucket, too."""
    return "".join(filter(str.isprintable, str(value)))


def _find_owner() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # The user has no name, as in a container.
        user = "unknown"
    return f"{user}@{socket.gethostname()}, process {os.getpid()}"


def _format_age(seconds: float) -> str:
    """Format an age: `40 s`, `12 min`, `3 h 5 min`. The clocks of S3 and of this machine may differ."""
    minutes = max(0, int(seconds)) // 60
    if minutes == 0:
        return f"{max(0, int(seconds))} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
