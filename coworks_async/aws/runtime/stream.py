"""A streamed response to the Runtime API.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from coworks_async.aws.event_formats.http_api import FunctionUrlEvent
from coworks_async.aws.event_formats.infer import RequestEvent
from coworks_async.aws.event_formats.rest import RestEvent
from coworks_async.aws.runtime.client import RuntimeClient
from coworks_async.aws.runtime.errors import ERROR_TYPE, RuntimeInitError, describe_error
from coworks_async.aws.runtime.http_parser import ApiResponse, ProtocolError
from coworks_async.aws.streaming import StreamBroken

STREAM_VARIABLE = "CWS_STREAM"

CALLERS: Mapping[str, type[RequestEvent]] = {"url": FunctionUrlEvent, "rest": RestEvent}

ERROR_BODY = "Lambda-Runtime-Function-Error-Body"

# As AWS's Node client sends them.
HEADERS = (
    ("Lambda-Runtime-Function-Response-Mode", "streaming"),
    ("Trailer", ERROR_TYPE),
    ("Trailer", ERROR_BODY),
    ("Content-Type", "application/vnd.awslambda.http-integration-response"),
    ("Transfer-Encoding", "chunked"),
)

PRELUDE_END = bytes(8)


logger = logging.getLogger("coworks_async.runtime")


class ResponseStream:
    """The streamed response to one event. It is sent once: another attempt would repeat its parts.

    Args:
        client: the client that has received the event.
        request_id: the id of the event.
        headers: more headers of the response.
    """

    def __init__(self, client: RuntimeClient, request_id: str, headers: Mapping[str, str]) -> None:
        self.is_started = False
        self.broken: StreamBroken | None = None
        self._is_ending = False
        self._client = client
        self._request_id = request_id
        self._headers = (*headers.items(), *HEADERS)

    async def start(self, prelude: Mapping[str, Any], on_broken: Callable[[], object]) -> None:
        self.is_started = True
        self._on_broken = on_broken
        data = _encode_chunk(json.dumps(prelude, separators=(",", ":")).encode()) + _encode_chunk(PRELUDE_END)
        path = f"/invocation/{self._request_id}/response"
        try:
            self._connection, self._response = await self._client.begin(path, self._headers, data)
        except OSError as error:
            self._break(error)
        else:
            self._response.add_done_callback(self._on_response)

    async def write(self, chunk: bytes) -> None:
        if self.broken is None and chunk:
            await self._connection.write(_encode_chunk(chunk))
        if self.broken is not None:
            raise self.broken

    async def end(self, chunk: bytes) -> None:
        await self._end((_encode_chunk(chunk) if chunk else b"") + b"0\r\n\r\n")

    async def fail(self, error: BaseException) -> None:
        described = describe_error(error, self._request_id)
        body = base64.b64encode(json.dumps(described).encode()).decode()
        trailers = f"{ERROR_TYPE}: {described['errorType']}\r\n{ERROR_BODY}: {body}\r\n"
        await self._end(f"0\r\n{trailers}\r\n".encode("latin-1", "replace"))

    async def _end(self, data: bytes) -> None:
        if self.broken is not None:
            return
        self._is_ending = True
        try:
            response = await self._connection.send(data, b"", self._response)
        except (OSError, ProtocolError) as error:
            self._break(error)
        else:
            if response.status >= 300:
                self._break(response)

    def _on_response(self, response: "asyncio.Future[ApiResponse]") -> None:
        """Handle a refusal before the end, or a lost connection."""
        if not self._is_ending:
            self._break(response.exception() or response.result())
            # The API may have stopped reading.
            self._connection.abort()

    def _break(self, cause: BaseException | ApiResponse) -> None:
        reason = f"{type(cause).__name__}: {cause}"
        if isinstance(cause, ApiResponse):
            reason = f"the Runtime API sent {cause.status} {cause.body[:500].decode(errors='replace')}"
        logger.warning("The streamed response was cut: %s", reason)
        self.broken = StreamBroken(reason)
        self._on_broken()


def read_callers(variables: Mapping[str, str]) -> frozenset[type[RequestEvent]]:
    """Return the events of the callers that `CWS_STREAM` lists."""
    names = variables.get(STREAM_VARIABLE, "").replace(",", " ").split()
    for name in names:
        if name not in CALLERS:
            message = f"{STREAM_VARIABLE}: {name!r} is not a caller that streams. Use 'url', 'rest' or both."
            raise RuntimeInitError("Runtime.InvalidConfiguration", message)
    return frozenset(CALLERS[name] for name in names)


def _encode_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
