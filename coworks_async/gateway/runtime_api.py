"""Simulate Lambda's Runtime API: pass events to a runtime in another process, and receive its responses.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Self

from coworks_async.aws.runtime.client import PREFIX
from coworks_async.gateway.http_wire import (
    HEAD_LIMIT,
    MalformedRequest,
    RequestHead,
    encode_response,
    read_body,
    read_chunks,
    read_head,
)
from coworks_async.gateway.invocation import Invocation, InvocationResult
from coworks_async.gateway.messages import SimulatedContext
from coworks_async.pipeline.body import LAMBDA_PAYLOAD_LIMIT

JSON_HEADERS = (("Content-Type", "application/json"),)

FaultPoint = Literal["next", "response", "chunk", "accepted"]
"""The point of a fault: at a request for an event, before a response or one of its chunks is read, and after the
response has been received, before the runtime gets the 202."""

Fault = Literal["cut", "error", "slow"]
"""The connection is closed, the request gets a 500, or the simulator waits for a moment."""

SLOW = 0.02  # seconds


def no_fault(point: FaultPoint) -> Fault | None:
    return None


class InjectedError(Exception):
    """A fault that is a response 500."""


@dataclass(frozen=True, slots=True)
class ExecutionEnvironment:
    """An execution environment: the address at which its runtime finds the Runtime API."""

    address: str
    server: asyncio.Server
    has_polled: asyncio.Event  # its runtime is initialized


class RuntimeApi:
    """Lambda's Runtime API on a free port of 127.0.0.1, as an asynchronous context manager.

    Each event goes to the runtime that has waited longest. Runtimes may wait on any number of connections, and in any
    number of execution environments. Invocations that have no result at the end fail.

    Args:
        function_name: the last part of the function's ARN.
        timeout: seconds after which an invocation fails, counted from its start.
        inject: returns the fault that happens at a point, or None.

    Attributes:
        address: the value of `AWS_LAMBDA_RUNTIME_API` of the first execution environment.
        init_errors: the errors that runtimes posted to `/init/error` or `/restore/error`, in order.
        polling: the number of runtimes that wait for an event.
        restoring: the number of runtimes that have asked for `/restore/next`.
        on_timeout: called with the address of the execution environment after an invocation has expired.
    """

    def __init__(
        self,
        function_name: str = "local",
        timeout: float = 30.0,
        inject: Callable[[FaultPoint], Fault | None] = no_fault,
    ) -> None:
        self.function_name = function_name
        self.timeout = timeout
        self.inject = inject
        self.address = ""
        self.init_errors: list[InvocationResult] = []
        self.polling = 0
        self.restoring = 0
        self.on_timeout: Callable[[str], object] | None = None
        self._environments: dict[str, ExecutionEnvironment] = {}
        self._events: asyncio.Queue[Invocation] = asyncio.Queue()
        self._running: dict[str, Invocation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._restored = asyncio.Event()

    @property
    def waiting(self) -> int:
        """The number of events that no runtime has taken."""
        return self._events.qsize()

    async def __aenter__(self) -> Self:
        self.address = (await self.add_environment()).address
        return self

    async def __aexit__(self, *exception: object) -> None:
        for address in [*self._environments]:
            self.remove_environment(address, "Runtime.Shutdown", "The Runtime API has ended.")
        self.fail_waiting("Runtime.Shutdown", "The Runtime API has ended.")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def add_environment(self) -> ExecutionEnvironment:
        """Listen at a further address, for another execution environment."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_LIMIT)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        environment = self._environments[address] = ExecutionEnvironment(address, server, asyncio.Event())
        return environment

    def remove_environment(self, address: str, kind: str, message: str) -> None:
        """Close the address of an execution environment that has ended. The invocations that ran there fail."""
        self._environments.pop(address).server.close()
        for invocation in [*self._running.values()]:
            if invocation.address == address:
                invocation.fail(kind, message, is_logged=True)

    def fail_waiting(self, kind: str, message: str) -> None:
        """Let the events that no runtime has taken fail."""
        while not self._events.empty():
            self._events.get_nowait().fail(kind, message, is_logged=True)

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
        except InjectedError:
            writer.write(_error(500, "ServiceException", "A fault was injected."))
        except asyncio.CancelledError:
            pass  # The server closes, or the invocation has ended; Python 3.11 would log the cancellation.
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _inject(self, point: FaultPoint) -> None:
        fault = self.inject(point)
        if fault == "cut":
            raise ConnectionAbortedError("a fault was injected")
        if fault == "error":
            raise InjectedError
        if fault == "slow":
            await asyncio.sleep(SLOW)

    async def _respond(self, head: RequestHead, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if head.value("expect").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        path = head.path.removeprefix(PREFIX)
        match head.method, path.split("/")[1:]:
            case "GET", ["invocation", "next"]:
                await self._inject("next")
                writer.write(await self._next(reader, writer))
            case "POST", ["invocation", request_id, ("response" | "error") as call]:
                receive = self._receive_response if call == "response" else self._receive_error
                response = await receive(request_id, head, reader)
                await self._inject("accepted")
                writer.write(response)
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

    async def _next(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """Wait for an event. A runtime that leaves meanwhile gets none: it would be lost."""
        host, port = writer.get_extra_info("sockname")
        address = f"{host}:{port}"
        self._environments[address].has_polled.set()
        self.polling += 1
        event = asyncio.ensure_future(self._events.get())
        left = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({event, left}, return_when=asyncio.FIRST_COMPLETED)
            if left.done():
                raise ConnectionResetError("the runtime left while it waited for an event")
            return self._start(event.result(), address)
        finally:
            self.polling -= 1
            is_taken = not event.cancel() and left.done()
            left.cancel()
            # The next read may start only then.
            await asyncio.wait({event, left})
            if is_taken:  # both happened at once
                self._events.put_nowait(event.result())

    def _start(self, invocation: Invocation, address: str) -> bytes:
        invocation.address = address
        self._running[invocation.id] = invocation
        invocation.on_end(lambda: self._running.pop(invocation.id))
        deadline = time.time() + invocation.timeout
        loop = asyncio.get_running_loop()
        expiry = loop.call_later(invocation.timeout, self._expire, invocation)
        invocation.on_end(expiry.cancel)
        headers = {
            **dict(JSON_HEADERS),
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": SimulatedContext(self.function_name, "").invoked_function_arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
        }
        return encode_response(200, {**headers, **invocation.headers}.items(), invocation.payload)

    def _expire(self, invocation: Invocation) -> None:
        message = f"RequestId: {invocation.id} Error: Task timed out after {invocation.timeout:.2f} seconds"
        invocation.fail("Sandbox.Timedout", message)
        if self.on_timeout is not None:
            self.on_timeout(invocation.address)

    async def _receive_response(self, request_id: str, head: RequestHead, reader: asyncio.StreamReader) -> bytes:
        invocation = self._running.get(request_id)
        if invocation is None or invocation.is_answered:
            await read_body(reader, head)
            return _refuse(request_id, invocation)
        if head.value("lambda-runtime-function-response-mode") == "streaming":
            invocation.is_answered = True
            trailers: list[tuple[str, str]] = []
            await invocation.receive(head, self._read_chunks(reader, trailers), trailers)
            return _accepted()
        await self._inject("response")
        body = await read_body(reader, head)
        if invocation.is_answered:  # it has expired meanwhile
            return _refuse(request_id, invocation)
        if len(body) > LAMBDA_PAYLOAD_LIMIT:
            message = f"Response payload size exceeded maximum allowed payload size ({LAMBDA_PAYLOAD_LIMIT} bytes)."
            invocation.fail("Function.ResponseSizeTooLarge", message)
            return _error(413, "RequestEntityTooLarge", message)
        invocation.is_answered = True
        await invocation.receive(head, _single(body), [])
        return _accepted()

    async def _read_chunks(
        self, reader: asyncio.StreamReader, trailers: list[tuple[str, str]]
    ) -> AsyncGenerator[bytes, None]:
        await self._inject("response")
        async for chunk in read_chunks(reader, trailers):
            await self._inject("chunk")
            yield chunk

    async def _receive_error(self, request_id: str, head: RequestHead, reader: asyncio.StreamReader) -> bytes:
        await self._inject("response")
        body = await read_body(reader, head)
        invocation = self._running.get(request_id)
        if invocation is None or invocation.is_answered:
            return _refuse(request_id, invocation)
        invocation.is_answered = True
        invocation.complete(InvocationResult("error", head.headers, (body,)))
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
