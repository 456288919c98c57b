"""Simulate Lambda's Runtime API: pass events to a runtime in another process, and receive its responses.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Self

from coworks_async.gateway.http_wire import (
    HEAD_LIMIT,
    Headers,
    MalformedRequest,
    RequestHead,
    encode_response,
    read_body,
    read_chunks,
    read_head,
)
from coworks_async.gateway.messages import LambdaContext
from coworks_async.pipeline.body import LAMBDA_PAYLOAD_LIMIT

PREFIX = "/2018-06-01/runtime"

# The chunks of a streamed response that the simulator keeps for a caller that reads slowly.
MAX_WAITING_CHUNKS = 4

ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"

JSON_HEADERS = (("Content-Type", "application/json"),)


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """What a runtime posted for an event.

    Attributes:
        kind: `response` or `error`. An invocation that Lambda itself ends is an error, too.
        headers: those of the runtime's request.
        chunks: the body: one chunk, or those of a streamed response as they were sent.
        trailers: those of a streamed response. It has failed if they contain an error.
    """

    kind: Literal["response", "error"]
    headers: Headers
    chunks: tuple[bytes, ...]
    trailers: Headers = ()

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
    """An event that waits for a runtime or runs there; for the caller, the response as it arrives."""

    def __init__(self, request_id: str, payload: bytes, timeout: float, headers: Mapping[str, str]) -> None:
        self.id = request_id
        self.payload = payload
        self.timeout = timeout
        self.headers = headers
        self.is_answered = False  # a response has begun; the runtime cannot send another
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_WAITING_CHUNKS)
        self._result: asyncio.Future[InvocationResult] = asyncio.get_running_loop().create_future()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body of the response as it arrives. A slow reader slows the runtime down."""
        while (chunk := await self._waiting.get()) is not None:
            yield chunk

    async def result(self) -> InvocationResult:
        """Return the complete result."""
        async for _ in self.chunks():
            pass
        return await self._result

    async def receive(self, head: RequestHead, chunks: AsyncIterator[bytes], trailers: list[tuple[str, str]]) -> None:
        """Pass the chunks of a response on, then complete it. One that breaks off is an error."""
        received = []
        try:
            async for chunk in chunks:
                if self._result.done():
                    raise ConnectionAbortedError("the invocation has expired")
                received.append(chunk)
                await self._waiting.put(chunk)
        except (asyncio.IncompleteReadError, ConnectionError, MalformedRequest):
            await self.fail("Runtime.TruncatedResponse", "The runtime did not complete the response.")
            raise
        await self.complete(InvocationResult("response", head.headers, tuple(received), tuple(trailers)))

    def on_end(self, function: Callable[[], object]) -> None:
        """Call a function when the result is complete."""
        self._result.add_done_callback(lambda _: function())

    async def complete(self, result: InvocationResult) -> None:
        if not self._result.done():
            self._result.set_result(result)
            await self._waiting.put(None)

    async def fail(self, kind: str, message: str) -> None:
        """Complete the invocation with an error of Lambda's own."""
        self.is_answered = True
        body = json.dumps({"errorType": kind, "errorMessage": message}).encode()
        await self.complete(InvocationResult("error", ((ERROR_TYPE, kind),), (body,)))


class RuntimeApi:
    """Lambda's Runtime API on a free port of 127.0.0.1, as an asynchronous context manager.

    Each event goes to the runtime that has waited longest. Runtimes may wait on any number of connections.

    Attributes:
        function_name: the last part of the function's ARN.
        timeout: seconds after which an invocation fails, counted from its start.
        address: the value of `AWS_LAMBDA_RUNTIME_API`.
        init_errors: the errors that runtimes posted to `/init/error` or `/restore/error`, in order.
        polling: the number of runtimes that wait for an event.
        restoring: the number of runtimes that have asked for `/restore/next`.
    """

    def __init__(self, function_name: str = "local", timeout: float = 30.0) -> None:
        self.function_name = function_name
        self.timeout = timeout
        self.address = ""
        self.init_errors: list[InvocationResult] = []
        self.polling = 0
        self.restoring = 0
        self._events: asyncio.Queue[Invocation] = asyncio.Queue()
        self._running: dict[str, Invocation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._restored = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_LIMIT)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def submit(
        self, event: Any, *, request_id: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Invocation:
        """Queue an event. `headers` are added to those that the runtime receives, or replace them."""
        payload = json.dumps(event).encode()
        invocation = Invocation(request_id or str(uuid.uuid4()), payload, self.timeout, headers or {})
        self._events.put_nowait(invocation)
        return invocation

    def restore(self) -> None:
        """Let runtimes that have asked for `/restore/next` go on, as after a snapshot."""
        self._restored.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for mypy
        self._tasks.add(task)
        try:
            # A runtime that is killed leaves in any state.
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while (head := await read_head(reader)) is not None:
                    await self._respond(head, reader, writer)
        except MalformedRequest as error:
            writer.write(_error(400, "InvalidRequest", str(error)))
        except asyncio.CancelledError:
            pass  # The server closes; Python 3.11 would log the cancellation.
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _respond(self, head: RequestHead, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if head.value("expect").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        path = head.path.removeprefix(PREFIX)
        match head.method, path.split("/")[1:]:
            case "GET", ["invocation", "next"]:
                writer.write(await self._next(reader))
            case "POST", ["invocation", request_id, "response"]:
                writer.write(await self._receive_response(request_id, head, reader))
            case "POST", ["invocation", request_id, "error"]:
                writer.write(await self._receive_error(request_id, head, await read_body(reader, head)))
            case "POST", [("init" | "restore"), "error"]:
                body = await read_body(reader, head)
                self.init_errors.append(InvocationResult("error", head.headers, (body,)))
                writer.write(_accepted())
            case "GET", ["restore", "next"]:
                self.restoring += 1
                await self._restored.wait()
                writer.write(encode_response(200, JSON_HEADERS, b""))
            case _:
                await read_body(reader, head)
                writer.write(_error(404, "NotFound", f"No such path: {head.method} {head.path}"))
        await writer.drain()

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        """Wait for an event. A runtime that leaves meanwhile gets none: it would be lost."""
        self.polling += 1
        event = asyncio.ensure_future(self._events.get())
        left = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({event, left}, return_when=asyncio.FIRST_COMPLETED)
            if left.done():
                raise ConnectionResetError("the runtime left while it waited for an event")
            return self._start(event.result())
        finally:
            self.polling -= 1
            is_taken = not event.cancel() and left.done()
            left.cancel()
            # The next read may start only then.
            await asyncio.wait({event, left})
            if is_taken:  # both happened at once
                self._events.put_nowait(event.result())

    def _start(self, invocation: Invocation) -> bytes:
        self._running[invocation.id] = invocation
        invocation.on_end(lambda: self._running.pop(invocation.id))
        deadline = time.time() + invocation.timeout
        expiry = asyncio.get_running_loop().call_later(invocation.timeout, self._expire, invocation)
        invocation.on_end(expiry.cancel)
        headers = {
            **dict(JSON_HEADERS),
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": LambdaContext(self.function_name, "").invoked_function_arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
        }
        return encode_response(200, {**headers, **invocation.headers}.items(), invocation.payload)

    def _expire(self, invocation: Invocation) -> None:
        message = f"RequestId: {invocation.id} Error: Task timed out after {invocation.timeout:.2f} seconds"
        task = asyncio.ensure_future(invocation.fail("Sandbox.Timedout", message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _receive_response(self, request_id: str, head: RequestHead, reader: asyncio.StreamReader) -> bytes:
        invocation = self._running.get(request_id)
        if invocation is None or invocation.is_answered:
            await read_body(reader, head)
            return _refuse(request_id, invocation)
        if head.value("lambda-runtime-function-response-mode") == "streaming":
            invocation.is_answered = True
            trailers: list[tuple[str, str]] = []
            await invocation.receive(head, read_chunks(reader, trailers), trailers)
            return _accepted()
        body = await read_body(reader, head)
        if invocation.is_answered:  # it has expired meanwhile
            return _refuse(request_id, invocation)
        if len(body) > LAMBDA_PAYLOAD_LIMIT:
            message = f"Response payload size exceeded maximum allowed payload size ({LAMBDA_PAYLOAD_LIMIT} bytes)."
            await invocation.fail("Function.ResponseSizeTooLarge", message)
            return _error(413, "RequestEntityTooLarge", message)
        invocation.is_answered = True
        await invocation.receive(head, _single(body), [])
        return _accepted()

    async def _receive_error(self, request_id: str, head: RequestHead, body: bytes) -> bytes:
        invocation = self._running.get(request_id)
        if invocation is None or invocation.is_answered:
            return _refuse(request_id, invocation)
        invocation.is_answered = True
        await invocation.complete(InvocationResult("error", head.headers, (body,)))
        return _accepted()


async def _single(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _accepted() -> bytes:
    return encode_response(202, JSON_HEADERS, b'{"status":"OK"}\n')


def _refuse(request_id: str, invocation: Invocation | None) -> bytes:
    if invocation is None:
        return _error(400, "InvalidRequestID", f"No such invocation: {request_id}")
    return _error(403, "InvalidStateTransition", f"The invocation has a response already: {request_id}")


def _error(status: int, kind: str, message: str) -> bytes:
    body = {"errorType": kind, "errorMessage": message}
    return encode_response(status, JSON_HEADERS, json.dumps(body).encode())
