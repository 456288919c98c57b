"""`AuthorizerMiddleware`: found in a route, replaced, and used around any ASGI app."""

import logging

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from coworks_async import CORS, AuthorizerMiddleware, TechMicroService, entry, request
from coworks_async.pipeline.routing import EntryRoute
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import assert_hidden_500, assert_logged_once, assert_problem, warnings_and_worse

LOGGER = logging.getLogger("alone")


async def show(request: Request) -> Response:
    return JSONResponse({"auth": request.auth})


async def greet(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json({"auth": websocket.auth})
    await websocket.close()


def protected(rule) -> Starlette:
    middleware = Middleware(AuthorizerMiddleware, rule=rule, realm="alone", logger=LOGGER)
    return Starlette(routes=[Route("/", show), WebSocketRoute("/ws", greet)], middleware=[middleware])


def test_it_protects_any_asgi_app(connect: Connect):
    client = connect(protected({"ann": {"name": "ann"}, "yes": True}.get))
    missing = client.get("/")
    assert_problem(missing, 401, "Unauthorized", "A valid token is required.")
    assert missing.headers["www-authenticate"] == 'Token realm="alone"'
    assert_problem(client.get("/", headers={"authorization": "no"}), 403, "Forbidden", "Token rejected.")
    assert client.get("/", headers={"authorization": "yes"}).json() == {"auth": {}}
    assert client.get("/", headers={"authorization": "ann"}).json() == {"auth": {"name": "ann"}}


def test_the_rule_may_be_sync_async_or_a_callable_object():
    class Rule:
        async def __call__(self, token: str) -> bool:
            return token == "yes"

    async def rule(token: str) -> bool:
        return token == "yes"

    for each in (Rule(), rule, lambda token: token == "yes"):
        client = TestClient(protected(each))
        assert client.get("/", headers={"authorization": "yes"}).status_code == 200
        assert client.get("/", headers={"authorization": "no"}).status_code == 403


def test_it_logs_to_the_given_logger(caplog: pytest.LogCaptureFixture):
    def fail(token: str) -> bool:
        raise ValueError(token)

    assert_hidden_500(TestClient(protected(fail)).get("/", headers={"authorization": "secret"}))
    [record] = warnings_and_worse(caplog)
    assert record.name == "alone"
    assert "secret" not in record.getMessage()


def test_it_protects_a_websocket():
    client = TestClient(protected({"ann": {"name": "ann"}}.get))
    with client.websocket_connect("/ws", headers={"authorization": "ann"}) as session:
        assert session.receive_json() == {"auth": {"name": "ann"}}
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws", headers={"authorization": "no"}):
        pass


def test_it_passes_on_the_lifespan():
    with TestClient(protected({}.get)) as client:
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


def test_it_is_the_app_of_each_route_that_requires_a_token():
    app = Service()
    client = TestClient(app)
    assert [client.get(path).status_code for path in ("/", "/open")] == [401, 200]
    routes = {route.name: route for route in app.routes if isinstance(route, EntryRoute)}
    middleware = routes["get"].app
    assert isinstance(middleware, AuthorizerMiddleware)
    assert middleware.rule == app.token_authorizer
    assert not isinstance(routes["get_open"].app, AuthorizerMiddleware)


@differs("rejected-before-lambda")
def test_authorizer_middleware_replaces_it(connect: Connect):
    class Verbose(AuthorizerMiddleware):
        async def __call__(self, scope, receive, send):
            async def send_with_header(message):
                if message["type"] == "http.response.start":
                    message["headers"].append((b"x-authorizer", b"verbose"))
                await send(message)

            await super().__call__(scope, receive, send_with_header)

    class Replaced(Service):
        authorizer_middleware = Verbose

    client = connect(Replaced())
    for headers, status in (({}, 401), ({"authorization": "no"}, 403), ({"authorization": "token"}, 200)):
        response = client.get("/", headers=headers)
        assert (response.status_code, response.headers["x-authorizer"]) == (status, "verbose")
    assert "x-authorizer" not in client.get("/open").headers


class Guard(AuthorizerMiddleware):
    async def __call__(self, scope, receive, send):
        raise HTTPException(429) if scope["query_string"] else LookupError("secret")


@pytest.mark.parametrize("middleware", [[], [Middleware(GZipMiddleware)]], ids=["alone", "in_middleware"])
def test_an_exception_of_a_replaced_middleware_is_a_response_with_the_entrys_cors_headers(
    connect: Connect, caplog: pytest.LogCaptureFixture, middleware: list[Middleware]
):
    class Guarded(Service):
        authorizer_middleware = Guard
        cors = CORS(origins="*")

        @entry(cors=CORS(origins="https://shop.example"))
        async def get_own(self):
            return "own"

    client = connect(Guarded(middleware=middleware))
    client.headers["authorization"] = "token"
    limited = client.get("/?limited=1")
    assert_problem(limited, 429, "Too Many Requests")
    assert limited.headers["access-control-allow-origin"] == "*"
    limited = client.get("/own?limited=1", headers={"origin": "https://shop.example"})
    assert limited.headers["access-control-allow-origin"] == "https://shop.example"
    assert_hidden_500(client.get("/"))
    assert_logged_once(caplog, "Middleware at GET '/' failed", LookupError)
