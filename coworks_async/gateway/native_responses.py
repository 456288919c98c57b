"""The response of a function behind the Runtime API simulator, buffered or streamed.

A stream starts with its prelude, the JSON object of its status and headers, and a delimiter:
https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
"""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from coworks_async.aws.runtime.errors import ERROR_TYPE
from coworks_async.aws.runtime.stream import ERROR_BODY, PRELUDE_END
from coworks_async.exceptions import CoWorksError
from coworks_async.gateway.invocation import Invocation, InvocationResult
from coworks_async.gateway.messages import HttpResponse
from coworks_async.gateway.responses import MalformedResult, to_http_head, to_http_response
from coworks_async.pipeline.responses import has_body

PRELUDE_LIMIT = 16 * 1024
"""Bytes of a stream within which the delimiter must end the prelude."""


class FunctionError(CoWorksError):
    """An event that failed. The message is that of the runtime's error, or of Lambda's own."""

    def __init__(self, message: str, *, is_logged: bool) -> None:
        super().__init__(message)
        self.is_logged = is_logged


@dataclass(frozen=True, slots=True)
class StreamedResponse:
    """A response whose body follows. `head.body` is its beginning."""

    head: HttpResponse
    has_body: bool
    invocation: Invocation
    chunks: AsyncIterator[bytes]

    async def check_end(self) -> None:
        """Raise `FunctionError` if the stream has failed."""
        raise_for_error(await self.invocation.result())


async def read_response(via: str, method: str, invocation: Invocation) -> HttpResponse | StreamedResponse:
    """Return a buffered response once it is complete, and a streamed one once its prelude has arrived.

    Raises:
        FunctionError: the event failed before that.
        MalformedResult: the gateway does not accept the response.
    """
    invocation.keeps_chunks = False
    chunks = invocation.chunks()
    data = b""
    async for chunk in chunks:
        data += chunk
        if not invocation.is_streamed:
            continue
        prelude, delimiter, rest = data.partition(PRELUDE_END)
        if len(prelude) > PRELUDE_LIMIT:
            invocation.abandon()
            raise MalformedResult(f"the stream has no prelude in its first {PRELUDE_LIMIT} bytes")
        if delimiter:
            return _start_stream(via, method, invocation, chunks, prelude, rest)
    raise_for_error(await invocation.result())
    if invocation.is_streamed:
        raise MalformedResult("the stream ended before the delimiter of its prelude")
    return to_http_response(via, method, json.loads(data))


def _start_stream(
    via: str, method: str, invocation: Invocation, chunks: AsyncIterator[bytes], prelude: bytes, rest: bytes
) -> StreamedResponse:
    try:
        head = to_http_head(via, prelude)
    except MalformedResult:
        invocation.abandon()
        raise
    has_content = has_body(method, head.status)
    body = rest if has_content else b""
    return StreamedResponse(HttpResponse(head.status, head.headers, body), has_content, invocation, chunks)


def raise_for_error(result: InvocationResult) -> None:
    """Raise `FunctionError` for the error of a runtime, in a body or in the trailers of a stream, or of Lambda."""
    if result.kind == "error":
        raise FunctionError(_read_message(result.body), is_logged=result.is_logged)
    if any(name.lower() == ERROR_TYPE.lower() for name, _ in result.trailers):
        raise FunctionError(_read_message(base64.b64decode(result.value(ERROR_BODY))), is_logged=True)


def _read_message(body: bytes) -> str:
    error: Any = json.loads(body)
    return str(error.get("errorMessage", "")) if isinstance(error, dict) else ""
