"""A runtime whose requests to the Runtime API simulator a test sends by hand."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Any

from coworks_async.gateway.invocation import Invocation
from coworks_async.gateway.runtime_api import PREFIX, Fault, RuntimeApi
from tests.tools import PATIENCE

STREAMING = {"Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked"}


class Runtime:
    """A connection of a runtime."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, text: str | bytes) -> None:
        self.writer.write(text.encode() if isinstance(text, str) else text)
        await self.writer.drain()

    async def request(self, line: str, body: bytes = b"", **headers: str) -> None:
        headers = {"Content-Length": str(len(body))} | headers
        lines = [f"{line} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        await self.send("\r\n".join(lines).encode() + body)

    async def response(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.splitlines()
        headers = dict(line.split(": ", 1) for line in lines if line)
        return int(status.split()[1]), headers, await self.reader.readexactly(int(headers["Content-Length"]))

    async def next(self) -> tuple[dict[str, str], Any]:
        await self.request(f"GET {PREFIX}/invocation/next")
        status, headers, body = await self.response()
        assert status == 200
        return headers, json.loads(body)

    async def post(self, path: str, body: bytes = b"{}", **headers: str) -> tuple[int, Any]:
        await self.request(f"POST {PREFIX}{path}", body, **headers)
        status, _, answer = await self.response()
        return status, json.loads(answer)

    async def begin_stream(self, request_id: str) -> None:
        lines = [f"POST {PREFIX}/invocation/{request_id}/response HTTP/1.1"]
        await self.send("\r\n".join([*lines, *(f"{name}: {value}" for name, value in STREAMING.items()), "", ""]))

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


_open: ContextVar[list[Runtime]] = ContextVar("open")


async def connect(api: RuntimeApi, address: str = "") -> Runtime:
    host, port = (address or api.address).split(":")
    runtime = Runtime(*await asyncio.open_connection(host, int(port)))
    _open.get().append(runtime)
    return runtime


@asynccontextmanager
async def serve(seconds: float = 30, **faults: Fault) -> AsyncIterator[RuntimeApi]:
    """Run the simulator, and close the connections to it at the end. Each fault happens once, at the point it names."""
    _open.set([])
    async with RuntimeApi("shop", seconds, lambda point: faults.pop(point, None)) as api:
        try:
            yield api
        finally:
            await asyncio.gather(*(runtime.close() for runtime in _open.get()))


async def start(api: RuntimeApi, event: Any = "event") -> tuple[Invocation, Runtime, str]:
    """Hand an event to a runtime; return the invocation, the runtime's connection and the request's id."""
    invocation, runtime = api.submit(event), await connect(api)
    headers, _ = await runtime.next()
    return invocation, runtime, headers["Lambda-Runtime-Aws-Request-Id"]


async def until_polling(api: RuntimeApi, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while api.polling != count:  # noqa: ASYNC110 - the simulator has no event for it
            await asyncio.sleep(0)
