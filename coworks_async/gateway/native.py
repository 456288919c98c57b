"""A gateway in front of functions that run in the native runtime.

Events and responses go through the Runtime API simulator, which the runtimes poll.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Protocol

from coworks_async.gateway.invocation import Invocation
from coworks_async.gateway.messages import FUNCTION_TIMEOUT, HttpRequest, HttpResponse, Via
from coworks_async.gateway.native_responses import FunctionError, StreamedResponse, raise_for_error, read_response
from coworks_async.gateway.responses import gateway_response
from coworks_async.gateway.runtime_api import RuntimeApi
from coworks_async.gateway.simulator import (
    Gateway,
    print_error,
    receive_request,
    run_lifespan,
    send_response,
    start_message,
)
from coworks_async.service import TechMicroService
from coworks_async.types import Event, Receive, Scope, Send

STREAM_TIMEOUT = 900.0
"""Seconds for which a gateway that streams waits, as Lambda does at most."""

# https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html (regional)
IDLE_TIMEOUTS: Mapping[Via, float] = {"rest": 300.0}
"""Seconds without a chunk after which a gateway ends a stream. AWS documents no such limit for function URLs."""


class LambdaFunction(Protocol):
    """Runs the execution environments of a function."""

    async def start(self, api: RuntimeApi) -> None: ...

    async def stop(self) -> None: ...


class NativeGateway(Gateway):
    """Passes requests to a function that polls the Runtime API."""

    def connect(self, api: RuntimeApi) -> None:
        """Set the Runtime API, which runs on the current event loop."""
        self._api = api
        self._loop = asyncio.get_running_loop()

    def invoke(self, event: Event, request_id: str) -> Any:
        """Run an authorizer event. This blocks: it must be called in another thread than that of the event loop."""
        return asyncio.run_coroutine_threadsafe(self._invoke(event), self._loop).result()

    async def _invoke(self, event: Event) -> Any:
        result = await self._api.submit(event).result()
        raise_for_error(result)
        return result.json()

    def report(self, error: Exception) -> None:
        """Print an error, unless the runtime has logged it."""
        if not (isinstance(error, FunctionError) and error.is_logged):
            print_error(error)


class NativeGatewayApp:
    """An ASGI app that runs a service behind a simulated gateway, in the native runtime. It needs asyncio.

    Args:
        app: the service, for the description of its gateway.
        via: the gateway.
        function: the execution environments, which start and stop with the lifespan.
        base_path: of a custom domain, `/shop`.
        lambda_timeout: the function's timeout in seconds.
        idle_timeout: seconds without a chunk after which a stream ends; by default those of the gateway.
    """

    def __init__(
        self,
        app: TechMicroService,
        via: Via,
        function: LambdaFunction,
        *,
        base_path: str = "",
        lambda_timeout: float = FUNCTION_TIMEOUT,
        idle_timeout: float | None = None,
    ) -> None:
        self.app = app
        self.gateway = NativeGateway(app, via, base_path=base_path, lambda_timeout=lambda_timeout)
        self.function = function
        self.idle_timeout = idle_timeout or IDLE_TIMEOUTS.get(via)
        self._resources = AsyncExitStack()

    async def start(self) -> None:
        """Start the Runtime API and the function."""
        self._api = await self._resources.enter_async_context(RuntimeApi(self.app.name, self.gateway.lambda_timeout))
        self.gateway.connect(self._api)
        self._resources.push_async_callback(self.function.stop)
        await self.function.start(self._api)

    async def stop(self) -> None:
        await self._resources.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await run_lifespan(receive, send, start=self.start, stop=self.stop)
        request = await receive_request(self.gateway, scope, receive, send)
        if request is None:
            return
        # In a thread: it may wait for the authorizer.
        prepared = await asyncio.to_thread(self.gateway.prepare, request)
        if isinstance(prepared, HttpResponse):
            return await send_response(prepared, send)
        invocation = self._api.submit(prepared, request_id=request.id)
        leaving = asyncio.create_task(abandon_at_disconnect(receive, invocation))
        try:
            await self._respond(request, invocation, send)
        finally:
            # The server may have cancelled this request.
            invocation.abandon()
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)

    async def _respond(self, request: HttpRequest, invocation: Invocation, send: Send) -> None:
        try:
            response = await read_response(self.gateway.via, request.method, invocation)
        except Exception as error:
            self.gateway.report(error)
            response = gateway_response(self.gateway.description, "INTEGRATION_FAILURE")
        if isinstance(response, HttpResponse):
            return await send_response(response, send)
        await send(start_message(response.head))
        try:
            await self._send_stream(response, send)
        except TimeoutError:
            print_error(FunctionError(f"No chunk arrived for {self.idle_timeout:g} seconds.", is_logged=False))
        except Exception as error:
            # The response stays incomplete, so the server closes the connection.
            if not invocation.is_abandoned:
                self.gateway.report(error)

    async def _send_stream(self, response: StreamedResponse, send: Send) -> None:
        chunk: bytes | None = response.head.body
        while chunk is not None:
            if chunk and response.has_body:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            async with asyncio.timeout(self.idle_timeout):
                chunk = await anext(response.chunks, None)
        await response.check_end()
        await send({"type": "http.response.body", "body": b""})


async def abandon_at_disconnect(receive: Receive, invocation: Invocation) -> None:
    # The body is read, so the next message is `http.disconnect`.
    await receive()
    invocation.abandon()
