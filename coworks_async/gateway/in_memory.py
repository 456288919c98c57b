"""The native runtime in this process, for tests: the pollers share the service object with the test."""

import asyncio
import atexit
import sys
import threading
from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

from anyio import to_thread

from coworks_async.aws.runtime.client import RuntimeClient
from coworks_async.aws.runtime.context import FunctionInfo
from coworks_async.aws.runtime.poller import Poller
from coworks_async.aws.runtime.stream import STREAM_VARIABLE, read_callers
from coworks_async.gateway.native import NativeGatewayApp
from coworks_async.gateway.runtime_api import RuntimeApi
from coworks_async.gateway.simulator import run_lifespan
from coworks_async.service import TechMicroService
from coworks_async.types import Message, Receive, Scope, Send

T = TypeVar("T")


class InMemoryFunction:
    """Runs a service's events with a poller on the event loop of the Runtime API, one event at a time.

    Args:
        app: the service.
        caller: the gateway to which responses are streamed, as in `CWS_STREAM`.
    """

    def __init__(self, app: TechMicroService, caller: str) -> None:
        self.app = app
        self.handler = app.lambda_handler
        self.callers = read_callers({STREAM_VARIABLE: caller})

    async def start(self, api: RuntimeApi) -> None:
        info = FunctionInfo.read({"AWS_LAMBDA_FUNCTION_NAME": self.app.name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST"})
        self.handler.streaming_callers = self.callers
        # Not alone: the trace variable of the process belongs to the test.
        self._poller = Poller(RuntimeClient(api.address), self.handler, info, log_error, is_alone=False)
        self._task = asyncio.create_task(self._poller.run())

    async def stop(self) -> None:
        self._poller.stop()
        await self._task
        try:
            await self.handler.lifespan.stop()
        except Exception as error:
            self.handler.logger.error("The service failed to shut down", exc_info=error)


def log_error(error: Mapping[str, Any]) -> None:
    sys.stderr.write(f"[ERROR] {error['errorType']}: {error['errorMessage']}\n")


class ThreadedGatewayApp:
    """An ASGI app that runs a gateway with its function on the event loop of another thread.

    The loop starts at the first request. It stops with the lifespan, or with the process if there is none. A response
    is sent on once it has ended, because Starlette's test client collects it anyway.
    """

    def __init__(self, gateway: NativeGatewayApp) -> None:
        self.gateway = gateway
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await run_lifespan(receive, send, stop=partial(to_thread.run_sync, self.close))
        received = [await receive()]
        while received[-1].get("more_body"):
            received.append(await receive())
        # A worker thread waits for the result, which works on asyncio and on trio.
        for message in await to_thread.run_sync(partial(self._run, scope, received)):
            await send(message)

    def _run(self, scope: Scope, received: list[Message]) -> list[Message]:
        with self._lock:
            loop = self._loop = self._loop or self._start()
        return _wait(self._collect(scope, received), loop)

    async def _collect(self, scope: Scope, received: list[Message]) -> list[Message]:
        """Return the messages that the gateway sends for a request."""
        waiting: asyncio.Queue[Message] = asyncio.Queue()
        for message in received:
            waiting.put_nowait(message)
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        # The client stays until the end: `get` waits after the last message.
        await self.gateway(scope, waiting.get, send)
        return sent

    def _start(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="lambda", daemon=True)
        self._thread.start()
        _wait(self.gateway.start(), loop)
        atexit.register(self.close)
        return loop

    def close(self) -> None:
        """Stop the function, its lifespan and the thread. A test client may be opened again."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        atexit.unregister(self.close)
        _wait(self.gateway.stop(), loop)
        _wait(loop.shutdown_default_executor(), loop)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()


def _wait(coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()
