"""The Runtime API simulator in a thread, for tests that start a runtime as a process."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from coworks_async.gateway.invocation import InvocationResult
from coworks_async.gateway.runtime_api import RuntimeApi
from tests.cli.processes import until
from tests.tools import PATIENCE

HEADERS = {"Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0"}


@dataclass(frozen=True)
class Result:
    """A result that the runtime posted: `call` is `response` or `error`."""

    request_id: str
    call: str
    body: Any


class RuntimeApiThread:
    """Calls the simulator, which runs on the event loop of another thread."""

    def __init__(self, api: RuntimeApi, loop: asyncio.AbstractEventLoop) -> None:
        self.api = api
        self.loop = loop
        self.count = 0

    @property
    def address(self) -> str:
        return self.api.address

    def call(self, event: Any, **headers: str) -> tuple[str, InvocationResult]:
        """Send an event to the runtime; return its request id and the result."""
        self.count += 1
        request_id = f"request-{self.count}"

        async def invoke() -> InvocationResult:
            return await self.api.submit(event, request_id=request_id, headers=HEADERS | headers).result()

        return request_id, asyncio.run_coroutine_threadsafe(invoke(), self.loop).result(PATIENCE)

    def invoke(self, event: Any) -> Result:
        """Send an event to the runtime and return the decoded result."""
        request_id, result = self.call(event)
        return Result(request_id, result.kind, json.loads(result.body))

    def wait_until_polling(self, runtimes: int = 1) -> None:
        """Wait until the runtime waits for events, on as many connections."""
        until(lambda: self.api.polling >= runtimes)


@contextmanager
def runtime_api(timeout: float = 30) -> Iterator[RuntimeApiThread]:
    """Run the Runtime API on a free port."""
    api = RuntimeApi("shop", timeout)
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with api:
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(PATIENCE)
    try:
        yield RuntimeApiThread(api, loop)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
