"""The authorizer as a middleware: found, replaced, and used alone around any ASGI app."""

import logging

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from coworks_async import AuthorizerMiddleware, TechMicroService, entry, request
from coworks_async.pipeline.routing import EntryRoute
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import assert_hidden_500, assert_problem, warnings_and_worse

LOGGER = logging.getLogger("alone")


async def show(request: Request) -> Response:
    return JSONResponse({"auth": request.auth})


async def greet(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json({"auth": websocket.auth})
    await websocket.close()


def guarded(rule) -> Starlette:
    guard = Middleware(AuthorizerMiddleware, rule=rule, realm="alone", logger=LOGGER)
    return Starlette(routes=[Route("/", show), WebSocketRoute("/ws", greet)], middleware=[guard])


def test_it_guards_any_asgi_app(connect: Connect):
    client = connect(guarded({"ann": {"name": "ann"}, "yes": True}.get))
    refused = client.get("/")
    assert_problem(refused, 401, "Unauthorized", "A token is needed.")
    assert refused.headers["www-authenticate"] == 'Token realm="alone"'
    assert_problem(client.get("/", headers={"authorization": "no"}), 403, "Forbidden", "The token is refused.")
    assert client.get("/", headers={"authorization": "yes"}).json() == {"auth": {}}
    assert client.get("/", headers={"authorization": "ann"}).json() == {"auth": {"name": "ann"}}


def test_it_takes_a_sync_an_async_and_a_callable_rule():
    class Rule:
        async def __call__(self, token: str) -> bool:
            return token == "yes"

    async def rule(token: str) -> bool:
        return token == "yes"

    for each in (Rule(), rule, lambda token: token == "yes"):
        client = TestClient(guarded(each))
        assert client.get("/", headers={"authorization": "yes"}).status_code == 200
        assert client.get("/", headers={"authorization": "no"}).status_code == 403


def test_it_logs_where_it_was_told_to(caplog: pytest.LogCaptureFixture):
    def fail(token: str) -> bool:
        raise ValueError(token)

    assert_hidden_500(TestClient(guarded(fail)).get("/", headers={"authorization": "secret"}))
    [record] = warnings_and_worse(caplog)
    assert record.name == "alone"
    assert "secret" not in record.getMessage()


def test_it_guards_a_websocket():
    client = TestClient(guarded({"ann": {"name": "ann"}}.get))
    with client.websocket_connect("/ws", headers={"authorization": "ann"}) as session:
        assert session.receive_json() == {"auth": {"name": "ann"}}
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws", headers={"authorization": "no"}):
        pass


def test_it_lets_the_lifespan_through():
    with TestClient(guarded({}.get)) as client:
        assert client.get("/").status_code == 401


class Service(TechMicroService):
    async def token_authorizer(self, token: str):
        return token == "token"

    @entry
    async def get(self):
        return {"auth": request.auth}

    @entry(no_auth=True)
    async def get_open(self):
        return "open"


def test_it_is_found_around_each_entry_that_asks_for_a_token():
    app = Service()
    routes = {route.name: route for route in app.routes if isinstance(route, EntryRoute)}
    guard = routes["get"].app
    assert isinstance(guard, AuthorizerMiddleware)
    assert guard.rule == app.token_authorizer
    assert not isinstance(routes["get_open"].app, AuthorizerMiddleware)


@differs("refused-outside")
def test_it_is_replaced_by_authorizer_middleware(connect: Connect):
    class Verbose(AuthorizerMiddleware):
        async def __call__(self, scope, receive, send):
            async def marked(message):
                if message["type"] == "http.response.start":
                    message["headers"].append((b"x-guard", b"verbose"))
                await send(message)

            await super().__call__(scope, receive, marked)

    class Replaced(Service):
        authorizer_middleware = Verbose

    client = connect(Replaced())
    for headers, status in (({}, 401), ({"authorization": "no"}, 403), ({"authorization": "token"}, 200)):
        answer = client.get("/", headers=headers)
        assert (answer.status_code, answer.headers["x-guard"]) == (status, "verbose")
    assert "x-guard" not in client.get("/open").headers
