"""A service is a Starlette app: routes, mounts, WebSockets, lifespan, test clients, and mounting it in other apps."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from coworks_async import TechMicroService, entry, request
from tests.clients import Connect
from tests.pipeline.checks import (
    assert_hidden_500,
    assert_problem,
    warnings_and_worse,
)


class Service(TechMicroService):
    async def token_authorizer(self, token: str):
        return token == "token"

    @entry(no_auth=True)
    async def get(self):
        return "x" * 2000

    @entry(no_auth=True)
    async def get_stream(self):
        for _ in range(5):
            yield "chunk\n"

    @entry(no_auth=True)
    def get_sync(self):
        return request.url.path

    @entry
    async def get_closed(self):
        return "in"

    @entry(no_auth=True)
    async def post(self, value: int = 0):
        return value

    @entry(no_auth=True)
    async def get_broken(self):
        raise KeyError("why")


def test_a_service_is_a_starlette_app():
    app = Service()
    assert isinstance(app, Starlette)
    assert isinstance(app.router, Router)
    app.state.pool = "pool"
    assert app.state.pool == "pool"


def test_exception_handlers_work_as_in_starlette(connect: Connect):
    async def handle(request: Request, error: Exception) -> Response:
        return JSONResponse({"handled": str(error), "path": request.url.path}, 418)

    client = connect(Service(exception_handlers={KeyError: handle}))
    response = client.get("/broken")
    assert (response.status_code, response.json()) == (418, {"handled": "'why'", "path": "/broken"})


def test_mounts_and_static_files(connect: Connect, tmp_path: Path):
    (tmp_path / "app.css").write_text("p {}")

    async def plain(request: Request) -> Response:
        return PlainTextResponse(request.url.path)

    app = Service()
    app.mount("/static", StaticFiles(directory=tmp_path), name="static")
    app.mount("/other", Starlette(routes=[Route("/page", plain)]))
    app.add_route("/added", plain)
    client = connect(app)
    assert client.get("/static/app.css").text == "p {}"
    assert client.get("/other/page").text == "/other/page"
    assert client.get("/added").text == "/added"
    assert app.url_path_for("static", path="/app.css") == "/static/app.css"


def test_a_websocket_route_is_served():
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text() + str(websocket.url.path))
        await websocket.close()

    app = Service(routes=[WebSocketRoute("/ws", echo)], middleware=[Middleware(GZipMiddleware)])
    with TestClient(app) as client, client.websocket_connect("/ws") as session:
        session.send_text("hello ")
        assert session.receive_text() == "hello /ws"


def test_the_lifespan_runs_and_its_state_reaches_each_request(connect: Connect):
    steps: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
        steps.append(f"started {isinstance(app, Pooled)}")
        yield {"pool": ["connection"]}
        steps.append("ended")

    class Pooled(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            request.state.pool.append("used")
            return len(request.state.pool)

    client = connect(Pooled(lifespan=lifespan, middleware=[Middleware(GZipMiddleware)]))
    assert [client.get("/").json() for _ in range(2)] == [2, 3]
    assert steps == ["started True"]


def test_starlettes_test_client_calls_a_service():
    with TestClient(Service()) as client:
        assert client.get("/sync").text == "/sync"
        # The error of an entry is a response and is not raised in the test.
        assert client.get("/broken").status_code == 500


async def test_httpx_calls_a_service_in_process(caplog: pytest.LogCaptureFixture):
    transport = httpx2.ASGITransport(app=Service())
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        assert (await client.get("/sync")).text == "/sync"
        assert (await client.get("/stream")).text == "chunk\n" * 5
        assert (await client.get("/closed", headers={"authorization": "token"})).text == "in"
    assert warnings_and_worse(caplog) == []


def test_a_service_can_be_mounted_in_a_starlette_app_and_in_another_service(connect: Connect):
    class Outer(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "outer"

    outer = Outer()
    outer.mount("/inner", Service(name="inner"))
    client = connect(Starlette(routes=[Mount("/deep", outer), Mount("/flat", Service())]))
    assert client.get("/deep/").text == "outer"
    for root in ("/deep/inner", "/flat"):
        assert client.get(f"{root}/sync").text == f"{root}/sync"
        assert client.get(f"{root}/closed", headers={"authorization": "token"}).text == "in"
        assert client.get(f"{root}/closed").status_code == 401
        assert_problem(client.get(f"{root}/nowhere"), 404, "Not Found")
        assert_hidden_500(client.get(f"{root}/broken"))
        assert client.get(f"{root}/stream/").text == "chunk\n" * 5
    assert client.get("/deep/inner", follow_redirects=False).status_code == 307
