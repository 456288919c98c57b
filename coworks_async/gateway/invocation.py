"""An event on its way through the Runtime API simulator, and the response of the runtime."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from coworks_async.aws.runtime.errors import ERROR_TYPE
from coworks_async.gateway.http_wire import Headers, RequestHead

# The chunks of a streamed response that the simulator keeps for a caller that reads slowly.
MAX_WAITING_CHUNKS = 4

# Bytes of a streamed response: https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
STREAMED_PAYLOAD_LIMIT = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """The result that a runtime posted for an event.

    Attributes:
        kind: `response` or `error`. An invocation that Lambda itself ends is an error, too.
        headers: those of the runtime's request.
        chunks: the body: one chunk, or those of a streamed response as they were sent.
        trailers: those of a streamed response. It has failed if they contain an error.
        is_logged: the error is in the log of the runtime or of the simulator.
    """

    kind: Literal["response", "error"]
    headers: Headers
    chunks: tuple[bytes, ...]
    trailers: Headers = ()
    is_logged: bool = True

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def json(self) -> Any:
        return json.loads(self.body)

    def value(self, name: str) -> str:
        """Return a header or trailer."""
        pairs = (*self.headers, *self.trailers)
        return {key.lower(): value for key, value in pairs}.get(name.lower(), "")


class Invocation:
    """An event that waits for a runtime or runs there; for the caller, the response as it arrives.

    Attributes:
        address: that of the execution environment that runs it.
        keeps_chunks: the result contains the chunks. Set it to false before the response to save the memory.
        is_answered: a response has begun; the runtime cannot send another.
        is_abandoned: the caller has left.
        head: the request of the runtime that sends the response, once it has begun.
    """

    def __init__(self, request_id: str, payload: bytes, timeout: float, headers: Mapping[str, str]) -> None:
        self.id = request_id
        self.payload = payload
        self.timeout = timeout
        self.headers = headers
        self.address = ""
        self.keeps_chunks = True
        self.is_answered = False
        self.head: RequestHead | None = None
        self.is_abandoned = False
        self._receiving: asyncio.Task[Any] | None = None
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(MAX_WAITING_CHUNKS)
        self._result: asyncio.Future[InvocationResult] = asyncio.get_running_loop().create_future()

    @property
    def is_complete(self) -> bool:
        return self._result.done()

    @property
    def is_streamed(self) -> bool:
        """Whether the response that has begun is a streamed one."""
        return self.head is not None and self.head.value("lambda-runtime-function-response-mode") == "streaming"

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body of the response as it arrives. A slow reader slows the runtime down."""
        while (chunk := await self._waiting.get()) is not None:
            self._room.release()
            yield chunk

    async def result(self) -> InvocationResult:
        """Return the complete result."""
        if not self._result.done():
            async for _ in self.chunks():
                pass
        return await self._result

    async def receive(self, head: RequestHead, chunks: AsyncIterator[bytes], trailers: list[tuple[str, str]]) -> None:
        """Pass the chunks of a response on, then complete it. One that breaks off is an error."""
        self.head = head
        received: list[bytes] = []
        self._receiving = asyncio.current_task()
        try:
            await self._pass_on(chunks, received)
        except Exception:
            self.fail("Runtime.TruncatedResponse", "The runtime did not complete the response.")
            raise
        finally:
            self._receiving = None
        self.complete(InvocationResult("response", head.headers, tuple(received), tuple(trailers)))

    async def _pass_on(self, chunks: AsyncIterator[bytes], received: list[bytes]) -> None:
        if self.is_abandoned and self.is_streamed:
            self._fail_abandoned()
            raise ConnectionAbortedError("the caller has left")
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if size > STREAMED_PAYLOAD_LIMIT:
                message = f"The streamed response has more than {STREAMED_PAYLOAD_LIMIT} bytes."
                self.fail("Function.ResponseSizeTooLarge", message)
                raise ConnectionAbortedError(message)
            if self.keeps_chunks:
                received.append(chunk)
            await self._room.acquire()
            self._waiting.put_nowait(chunk)

    def on_end(self, function: Callable[[], object]) -> None:
        """Call a function when the result is complete."""
        self._result.add_done_callback(lambda _: function())

    def complete(self, result: InvocationResult) -> None:
        if not self._result.done():
            self._result.set_result(result)
            self._waiting.put_nowait(None)

    def fail(self, kind: str, message: str, *, is_logged: bool = False) -> None:
        """Complete the invocation with an error of Lambda's own, and stop reading a response that has begun."""
        self.is_answered = True
        body = json.dumps({"errorType": kind, "errorMessage": message}).encode()
        self.complete(InvocationResult("error", ((ERROR_TYPE, kind),), (body,), is_logged=is_logged))
        if self._receiving is not None and self._receiving is not asyncio.current_task():
            # This closes the runtime's connection.
            self._receiving.cancel()

    def abandon(self) -> None:
        """Stop reading a streamed response, because the caller has left. The event runs to its end.

        The runtime sees that the connection is closed. A buffered response is received and dropped.
        """
        self.is_abandoned = True
        if self.is_streamed:
            self._fail_abandoned()

    def _fail_abandoned(self) -> None:
        # It is no error of the function, so it is not printed.
        self.fail("Runtime.CallerGone", "The caller left before the end of the response.", is_logged=True)
