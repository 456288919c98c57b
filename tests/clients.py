"""The transports that the contract is tested over: the same test, the same client, whatever brings the request."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.testclient import TestClient

Connect = Callable[[Starlette], httpx2.Client]


@contextmanager
def in_process(app: Starlette) -> Iterator[httpx2.Client]:
    """Yield a client that calls the app in this process, its lifespan started."""
    with TestClient(app, base_url="http://testserver", follow_redirects=False) as client:
        yield client


@contextmanager
def on_a_socket(app: Starlette) -> Iterator[httpx2.Client]:
    """Yield a client of a uvicorn that serves the app on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            host, port = listener.getsockname()
            with httpx2.Client(base_url=f"http://{host}:{port}", timeout=20) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


TRANSPORTS = {"asgi": in_process, "uvicorn": on_a_socket}


@pytest.fixture(params=TRANSPORTS)
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """What opens a client of a service, over each transport in turn; all are closed at the end of the test."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(TRANSPORTS[request.param](app))
