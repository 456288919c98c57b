"""Transports for contract tests: the same test and client over ASGI, uvicorn and gateway events.

`CWS_TRANSPORTS=asgi,rest` chooses some of them.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette

from coworks_async import TechMicroService
from coworks_async.gateway import STREAM_VIAS, VIAS, StreamVia, Via
from coworks_async.testing import TestClient
from coworks_async.types import ASGIApp
from tests.differences import expect_difference
from tests.tools import PATIENCE

Connect = Callable[[Starlette], httpx2.Client]


@contextmanager
def in_process(app: Starlette) -> Iterator[httpx2.Client]:
    """Yield a client that calls the app in this process, with its lifespan started."""
    with TestClient(app, base_url="http://testserver", follow_redirects=False) as client:
        yield client


class PromptServer(uvicorn.Server):
    """A uvicorn server that reports its startup and stops at once; the original waits tenths of a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        while not self.should_exit:  # noqa: ASYNC110 - a thread sets it, as signals do
            await asyncio.sleep(0.002)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in self.servers:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.002)
        await self.lifespan.shutdown()


@contextmanager
def run_server(app: ASGIApp, root_path: str = "") -> Iterator[str]:
    """Run a uvicorn server on a free port, and yield its URL once it has started. Its exceptions are raised here."""
    server = PromptServer(uvicorn.Config(app, log_config=None, lifespan="on", root_path=root_path))
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(server.run, [listener])
        running.add_done_callback(lambda _: server.ready.set())
        try:
            # The server imports uvloop in its thread, and a client imports trio; both at once has failed.
            server.ready.wait()
            if server.started:
                host, port = listener.getsockname()
                yield f"http://{host}:{port}"
        finally:
            server.should_exit = True
            running.result()


@contextmanager
def on_a_socket(app: ASGIApp) -> Iterator[httpx2.Client]:
    """Yield a client of a uvicorn server on a free port."""
    with run_server(app) as url, httpx2.Client(base_url=url, timeout=PATIENCE) as client:
        yield client


@contextmanager
def through_a_gateway(via: Via | StreamVia, app: Starlette) -> Iterator[httpx2.Client]:
    """Yield a client whose requests reach the app's Lambda handler as gateway events."""
    if not isinstance(app, TechMicroService):
        pytest.skip("only a service has a Lambda handler")
    with TestClient(app, via=via, follow_redirects=False) as client:
        yield client


TRANSPORTS: dict[str, Callable[[Starlette], AbstractContextManager[httpx2.Client]]] = {
    "asgi": in_process,
    "uvicorn": on_a_socket,
    **{via: partial(through_a_gateway, via) for via in (*VIAS, *STREAM_VIAS)},
}

CHOSEN = [name for name in TRANSPORTS if name in os.environ.get("CWS_TRANSPORTS", ",".join(TRANSPORTS)).split(",")]


@pytest.fixture(params=CHOSEN)
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Opens clients of a service, over each transport in turn; all are closed at the end of the test."""
    expect_difference(request, request.param)
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(TRANSPORTS[request.param](app))
