"""A service under the native runtime, in this process with the Runtime API simulator."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from coworks_async import TechMicroService
from coworks_async.aws.runtime.client import RuntimeClient
from coworks_async.aws.runtime.context import FunctionInfo
from coworks_async.aws.runtime.poller import Poller
from coworks_async.gateway.runtime_api import RuntimeApi
from tests.aws.events import ClientResponse, rest_event
from tests.tools import PATIENCE

FUNCTION = FunctionInfo.read({"AWS_LAMBDA_FUNCTION_NAME": "shop"})


@dataclass
class Native:
    """A service under the native runtime."""

    api: RuntimeApi
    pollers: list[Poller]
    tasks: "list[asyncio.Task[None]]"
    errors: list[dict[str, Any]] = field(default_factory=list)

    async def request(self, *arguments: Any, **options: Any) -> ClientResponse:
        result = await self.api.submit(rest_event(*arguments, **options)).result()
        assert result.kind == "response", result
        return ClientResponse(result.json())

    async def result(self, event: Any) -> Any:
        return (await self.api.submit(event).result()).json()

    async def stop(self) -> None:
        for poller in self.pollers:
            poller.stop()
        await asyncio.gather(*self.tasks)


@asynccontextmanager
async def native(
    app: TechMicroService, concurrency: int = 1, seconds: float = 30, version: str = "$LATEST"
) -> AsyncIterator[Native]:
    """Run a service under the native runtime, in this process. `seconds` is the timeout of the function."""
    function = FunctionInfo.read({"AWS_LAMBDA_FUNCTION_NAME": "shop", "AWS_LAMBDA_FUNCTION_VERSION": version})
    async with RuntimeApi("shop", seconds) as api:
        running = Native(api, [], [])
        for _ in range(concurrency):
            client = RuntimeClient(api.address)
            running.pollers.append(
                Poller(client, app.lambda_handler, function, running.errors.append, is_alone=concurrency == 1)
            )
        running.tasks = [asyncio.create_task(poller.run()) for poller in running.pollers]
        try:
            yield running
        finally:
            await running.stop()
            await app.lambda_handler.lifespan.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - these objects have no event for it
            await asyncio.sleep(0)
