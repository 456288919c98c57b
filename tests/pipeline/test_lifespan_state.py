"""`lifespan_state`: what the lifespan yielded, for `token_authorizer`, which has no request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from coworks_async import TechMicroService, entry, request
from coworks_async.types import ASGIApp, Receive, Scope, Send
from tests.clients import Connect


class Pool:
    """Knows the owners of tokens while it is open."""

    def __init__(self) -> None:
        self.is_open = False

    async def find(self, token: str) -> dict[str, Any] | None:
        assert self.is_open
        return {"name": "ann"} if token == "token" else None


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    pool = Pool()
    pool.is_open = True
    yield {"pool": pool}
    pool.is_open = False


class Shop(TechMicroService):
    async def token_authorizer(self, token: str):
        pool: Pool = self.lifespan_state.pool
        return await pool.find(token)

    @entry
    async def get(self):
        return {"auth": request.auth, "same": request.state.pool is self.lifespan_state.pool}


class CopyingMiddleware:
    """Passes on a copy of the scope, as many do."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope}, receive, send)


@pytest.mark.parametrize("middleware", [[], [Middleware(CopyingMiddleware)]])
def test_the_authorizer_can_use_what_the_lifespan_yielded(connect: Connect, middleware: list[Middleware]):
    client = connect(Shop(lifespan=lifespan, middleware=middleware))
    assert client.get("/", headers={"authorization": "token"}).json() == {"auth": {"name": "ann"}, "same": True}
    assert client.get("/", headers={"authorization": "other"}).status_code == 403


def test_a_lifespan_that_is_started_again_replaces_the_state():
    app = Shop(lifespan=lifespan)
    pools = []
    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/", headers={"authorization": "token"}).status_code == 200
            pools.append(app.lifespan_state.pool)
    assert pools[0] is not pools[1]


def test_without_a_started_lifespan_the_state_is_empty():
    app = Shop(lifespan=lifespan)
    with pytest.raises(AttributeError, match="pool"):
        _ = app.lifespan_state.pool
    TestClient(app).get("/")
    assert not hasattr(app.lifespan_state, "pool")


def test_it_is_empty_if_the_server_supports_no_state():
    async def call(scope: Scope) -> None:
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive() -> Any:
            return next(messages)

        async def send(message: Any) -> None:
            """Ignore the events."""

        await app(scope, receive, send)

    app = TechMicroService()
    anyio.run(call, {"type": "lifespan", "asgi": {"version": "3.0"}})
    assert not hasattr(app.lifespan_state, "pool")
