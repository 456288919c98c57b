"""Send a response to a caller that receives it as a stream, while the service produces it.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from starlette.requests import ClientDisconnect

from coworks_async.aws.event_formats.infer import RequestEvent
from coworks_async.aws.handler import PROCESS_EXITS, LambdaHandler
from coworks_async.pipeline.collector import OnComplete, ResponseAborted, ResponseCollector
from coworks_async.pipeline.responses import has_body
from coworks_async.types import Message, Scope


class StreamBroken(OSError, ClientDisconnect):
    """The rest of a response cannot be sent.

    ASGI requires an `OSError`; Starlette and the pipeline end a response quietly after a `ClientDisconnect`.
    """


class Stream(Protocol):
    """The streamed response to one event.

    Attributes:
        is_started: the start has been sent.
        broken: why the rest cannot be sent.
    """

    is_started: bool
    broken: StreamBroken | None

    async def start(self, prelude: Mapping[str, Any], on_broken: Callable[[], object]) -> None:
        """Send the start. `on_broken` is called if the response breaks off while nothing is sent."""

    async def write(self, chunk: bytes) -> None:
        """Send a part of the body and wait while the reader is slow; raise `StreamBroken` if that fails."""

    async def end(self, chunk: bytes) -> None:
        """Send the last part of the body and wait until the response is received."""

    async def fail(self, error: BaseException) -> None:
        """End the response with an error."""


class Reply(Protocol):
    """The result of one event, which is sent before the event has ended."""

    async def post(self, result: Any) -> None:
        """Send the whole result."""

    def open_stream(self) -> Stream:
        """Return the stream that is sent instead."""


class ResponseStreamer(ResponseCollector):
    """Feeds one request to an app and sends its response at once, message by message.

    Only a body message with `more_body` raises `StreamBroken`, so that the app produces no more. After the last one,
    work that follows the response still runs.
    """

    def __init__(self, scope: Scope, request: RequestEvent, stream: Stream, on_complete: OnComplete) -> None:
        super().__init__(scope, request.body)
        self._notify = on_complete
        self._request = request
        self._stream = stream
        self._completed = self._ended = asyncio.Event()

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body" and self.status and not self.complete:
            chunk = message.get("body", b"") if has_body(self._scope["method"], self.status) else b""
            if message.get("more_body", False):
                await self._stream.write(chunk)
            else:
                self.complete = True
                await self._end(chunk)
        elif kind == "http.response.start" and not self.status:
            prelude = format_prelude(self._request, message["status"], message.get("headers", ()))
            self.status = message["status"]
            await self._stream.start(prelude, self._ended.set)
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}")

    async def _end(self, chunk: bytes) -> None:
        try:
            await self._stream.end(chunk)
        finally:
            # Also if the deadline ends the wait.
            self._ended.set()
            await self._notify(self)

    def check_complete(self) -> None:
        if self._stream.broken is not None and not self.complete:
            raise self._stream.broken
        super().check_complete()


def format_prelude(request: RequestEvent, status: int, headers: Sequence[Any]) -> dict[str, Any]:
    """Return the metadata that precede the body of a streamed response.

    API Gateway takes repeated headers in `multiValueHeaders`; for a function URL they are joined.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
    """
    result = request({"status": status, "headers": list(headers), "body": b""})
    lists = result.get("multiValueHeaders", {})
    cookies = result.get("cookies") or lists.pop("set-cookie", None)
    single = {name: values[0] for name, values in lists.items() if len(values) == 1}
    repeated = {name: values for name, values in lists.items() if len(values) > 1}
    prelude = {"statusCode": status, "headers": result.get("headers", single)}
    if repeated:
        prelude["multiValueHeaders"] = repeated
    if cookies:
        prelude["cookies"] = cookies
    return prelude


async def respond_streaming(
    handler: LambdaHandler, request: RequestEvent, stream: Stream, start: float, cold: bool
) -> None:
    """Send the response while the service produces it. Work that follows the response continues then."""
    scope: Scope = {}
    streamer: ResponseStreamer | None = None

    async def log_complete(streamer: ResponseCollector) -> None:
        handler.log_status(streamer.status, request, scope, start, cold, stream.broken)

    try:
        scope = request.scope
        streamer = ResponseStreamer(scope, request, stream, log_complete)
        await handler.run_cycle(request, scope, streamer)
        streamer.check_complete()
    except PROCESS_EXITS:
        raise
    except BaseException as error:
        if streamer is not None and streamer.complete:
            raise
        problem = handler.explain_failure(error, request, scope)
        if streamer is not None and stream.is_started:
            cause = (error.__cause__ or error) if isinstance(error, ResponseAborted) else error
            await stream.fail(cause)
            handler.log_status(streamer.status, request, scope, start, cold, cause)
        else:
            await stream.start(format_prelude(request, problem["status"], problem["headers"]), lambda: None)
            await stream.end(problem["body"])
            handler.log_status(problem["status"], request, scope, start, cold, stream.broken)
