"""Asynchronous calls: the second invocation of the function, and responses stored in S3.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html

The function invokes itself with an envelope: `{"coworks.background": {"signature": "…", "call": {…}}}`.
"""

import importlib
import io
import os
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

from coworks_async._compat import get_route_path
from coworks_async.aws.event_formats.base import ENVELOPE
from coworks_async.aws.signing import KEY_VARIABLE, Signer
from coworks_async.entries.entry import Entry
from coworks_async.exceptions import AsyncCallError
from coworks_async.pipeline.async_calls import AsyncCall
from coworks_async.pipeline.invocation import StoreIn, parse_store_location
from coworks_async.types import Event, Scope

FindEntry = Callable[[str, str], Entry | None]


class Envelope(msgspec.Struct, frozen=True):
    """The value of an envelope's only key: a call, and its signature by the function and stage that made it."""

    signature: str
    call: AsyncCall


class AsyncInvoker:
    """Invokes this function again with the envelope of a call. Outside Lambda, the handler runs the `pending` ones."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self.pending: list[Event] = []
        self._client: Any = None

    async def __call__(self, encoded: bytes, scope: Scope) -> None:
        context = scope["aws.context"]
        if not self.signer.has_key:
            raise AsyncCallError(f"{KEY_VARIABLE} is not set. Asynchronous calls need it; 'cws deploy' sets it.")
        signature = self.signer.sign("call", encoded, context)
        payload = msgspec.json.encode({ENVELOPE: {"signature": signature, "call": msgspec.Raw(encoded)}})
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            await run_in_threadpool(self._invoke, context.invoked_function_arn, payload)
        else:
            self.pending.append(msgspec.json.decode(payload))

    def _invoke(self, function: str, payload: bytes) -> None:
        self._client = self._client or _create_client("lambda")
        # A file: the debug log of botocore contains the text of bytes, here the headers of the request.
        self._client.invoke(FunctionName=function, InvocationType="Event", Payload=io.BytesIO(payload))


def accept_envelope(event: Event, context: Any, find_entry: FindEntry, signer: Signer) -> tuple[AsyncCall, Entry]:
    """Return the call in an envelope and the entry to run; an envelope of another service is an `AsyncCallError`."""
    try:
        envelope = msgspec.convert(event[ENVELOPE], Envelope)
        call = envelope.call
        for text in (call.query_string, *(text for header in call.headers for text in header)):
            text.encode("latin-1")
        # The same bytes as those that were signed: a call is encoded from JSON values.
        encoded = msgspec.json.encode(call)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise AsyncCallError(f"The envelope contains no valid asynchronous call ({type(error).__name__}).") from None
    if not signer.is_valid(envelope.signature, "call", encoded, context):
        raise AsyncCallError(f"Asynchronous call {call}: its signature is not one of this function and stage.")
    entry = find_entry(call.method, get_route_path({"path": call.path, "root_path": call.root_path}))
    if entry is None or entry.endpoint != call.endpoint or not entry.background:
        raise AsyncCallError(f"Asynchronous call {call}: no such entry with background=True.")
    return call, entry


async def store_in_s3(response: Response, headers: Headers, store_in: StoreIn) -> None:
    """Store a response at the location in its request's headers, if any, with the status as metadata."""
    target = parse_store_location(headers, store_in)
    if target is not None:
        await run_in_threadpool(_put_object, *target, response)


def _put_object(bucket: str, key: str, response: Response) -> None:
    # A file, for the same reason as the envelope.
    parameters: dict[str, Any] = {"Bucket": bucket, "Key": key, "Body": io.BytesIO(response.body)}
    for parameter, header in (("ContentType", "content-type"), ("ContentEncoding", "content-encoding")):
        if header in response.headers:
            parameters[parameter] = response.headers[header]
    _create_client("s3").put_object(**parameters, Metadata={"status": str(response.status_code)})


def _create_client(name: str) -> Any:
    # Both are imported late because few services need them.
    from coworks_async.extras import require

    require("store_response", "boto3", "standard")
    # Sessions are not thread-safe, so each client has its own.
    return importlib.import_module("boto3.session").Session().client(name)
