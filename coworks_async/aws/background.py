"""Asynchronous calls in Lambda: the envelope of a second invocation, and answers kept in S3.

- https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
- https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

import importlib
import os
from typing import Any, Protocol

import msgspec
from starlette._utils import get_route_path
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

from coworks_async.aws.authorizer import mark_of
from coworks_async.aws.formats import Event
from coworks_async.entries.entry import Entry
from coworks_async.exceptions import BackgroundError
from coworks_async.pipeline.background import BackgroundCall
from coworks_async.pipeline.invocation import StoreIn, store_target
from coworks_async.types import Scope

ENVELOPE = "coworks.background"


def is_envelope(event: Any) -> bool:
    """Tell whether an event is an envelope: this one key and no other, as no gateway makes it."""
    return isinstance(event, dict) and event.keys() == {ENVELOPE}


def envelope(encoded: bytes, context: Any) -> bytes:
    """Return the envelope of an encoded call, with the mark of this function and stage."""
    return b'{"%s":{"mark":%s,"call":%s}}' % (ENVELOPE.encode(), msgspec.json.encode(mark_of(context)), encoded)


class Table(Protocol):
    """What is read of a service."""

    def entry_at(self, method: str, path: str) -> Entry | None: ...


def call_of(event: Event, context: Any, service: Table) -> BackgroundCall:
    """Return the call of an envelope.

    Raises:
        BackgroundError: it is no call, or one of another function or stage, or its entry is not there or takes no
            asynchronous calls.
    """
    try:
        told = msgspec.convert(event[ENVELOPE], _Envelope)
        for text in (told.call.query_string, *(text for pair in told.call.headers for text in pair)):
            text.encode("latin-1")
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise BackgroundError(f"The envelope holds no background call ({type(error).__name__})") from None
    call = told.call
    if told.mark != mark_of(context):
        raise BackgroundError(f"The background call {call} is for another function or stage")
    entry = service.entry_at(call.method, get_route_path({"path": call.path, "root_path": call.root_path}))
    if entry is None or entry.endpoint != call.endpoint or not entry.background:
        raise BackgroundError(f"The background call {call} finds no such entry that takes asynchronous calls")
    return call


class _Envelope(msgspec.Struct, frozen=True):
    mark: str
    call: BackgroundCall


class Dispatcher:
    """Invokes this function a second time; where no Lambda runs it, keeps the envelope for the handler to take."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self._lambda: Any = None

    async def __call__(self, encoded: bytes, scope: Scope) -> None:
        context = scope["aws.context"]
        payload = envelope(encoded, context)
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            await run_in_threadpool(self._invoke, context.invoked_function_arn, payload)
        else:
            self.kept.append(payload)

    def _invoke(self, function: str, payload: bytes) -> None:
        self._lambda = self._lambda or aws_client("lambda")
        self._lambda.invoke(FunctionName=function, InvocationType="Event", Payload=payload)

    def take(self) -> list[Event]:
        """Return the envelopes that were kept."""
        kept, self.kept = self.kept, []
        return [msgspec.json.decode(payload) for payload in kept]


async def store_in_s3(response: Response, headers: Headers, store_in: StoreIn) -> None:
    """Store a response where the headers of its request say, if they do; its status is in the object's metadata.

    Raises:
        Invalid: the service does not store there.
        Exception: what boto3 raises.
    """
    target = store_target(headers, store_in)
    if target is not None:
        await run_in_threadpool(_put, *target, response)


def _put(bucket: str, key: str, response: Response) -> None:
    told = {
        "ContentType": response.headers.get("content-type"),
        "ContentEncoding": response.headers.get("content-encoding"),
    }
    aws_client("s3").put_object(
        Bucket=bucket,
        Key=key,
        Body=bytes(response.body),
        Metadata={"status": str(response.status_code)},
        **{name: value for name, value in told.items() if value},
    )


def aws_client(name: str) -> Any:
    """Return a client of boto3, which is loaded now and not before, from a session of its own for this thread."""
    return importlib.import_module("boto3.session").Session().client(name)
