"""A service whose entry uses a connection of the lifespan's pool. The server responds after 50 ms."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from coworks_async import TechMicroService, entry, request

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Pool:
    """Opens a connection if no open one is idle."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.idle: list[Connection] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        connection = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        yield connection
        self.idle.append(connection)

    def close(self) -> None:
        for _, writer in self.idle:
            writer.close()


@asynccontextmanager
async def lifespan(app: TechMicroService) -> AsyncIterator[dict[str, Any]]:
    pool = Pool(int(os.environ["POOL_PORT"]))
    yield {"pool": pool}
    pool.close()


class Pooled(TechMicroService):
    @entry(no_auth=True)
    async def get(self) -> str:
        async with request.state.pool.connection() as (reader, writer):
            writer.write(b"?")
            await reader.readexactly(1)
        return f"{os.getpid()} {id(request.state.pool)}"


handler = Pooled(name="pooled", lifespan=lifespan).lambda_handler
