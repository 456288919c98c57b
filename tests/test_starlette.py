"""Starlette middleware around a service, and its errors."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coworks_async import TechMicroService, entry, request
from tests.clients import Connect, in_process, on_a_socket
from tests.differences import differs
from tests.pipeline.checks import (
    assert_hidden_500,
    assert_logged_once,
    create_scope,
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


class Marking:
    """A pure ASGI middleware, as in Starlette's documentation."""

    def __init__(self, app: ASGIApp, mark: str = "marked") -> None:
        self.app = app
        self.mark = mark

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_mark(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-mark", self.mark.encode())]
            await send(message)

        await self.app(scope, receive, send_with_mark)


@differs("rejected-before-lambda", "joined-headers")
def test_pure_asgi_middleware_wraps_every_response(connect: Connect):
    app = Service(middleware=[Middleware(Marking, mark="outer"), Middleware(Marking, "inner")])
    client = connect(app)
    for path, status in [("/", 200), ("/closed", 401), ("/nowhere", 404), ("/broken", 500), ("/stream", 200)]:
        response = client.get(path)
        assert (response.status_code, response.headers.get_list("x-mark")) == (status, ["inner", "outer"])
    assert client.post("/", json={"value": "x"}).headers.get_list("x-mark") == ["inner", "outer"]


@differs("joined-headers")
def test_add_middleware_puts_the_last_one_outermost(connect: Connect):
    app = Service()
    app.add_middleware(Marking, mark="inner")
    app.add_middleware(Marking, mark="outer")
    client = connect(app)
    assert client.get("/").headers.get_list("x-mark") == ["inner", "outer"]
    with pytest.raises(RuntimeError, match="Cannot add middleware after an application has started"):
        app.add_middleware(Marking)


def test_base_http_middleware_works_for_entries_of_each_kind(connect: Connect):
    async def dispatch(request: Request, call_next) -> Response:
        await request.body()
        response: Response = await call_next(request)
        response.headers["x-mark"] = request.method
        return response

    client = connect(Service(middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)]))
    assert client.get("/").headers["x-mark"] == "GET"
    assert client.get("/stream").text == "chunk\n" * 5
    assert client.get("/sync").text == "/sync"
    assert client.post("/", json={"value": 3}).json() == 3
    assert client.head("/").headers["content-length"] == "2000"
    assert_hidden_500(client.get("/broken"))


def test_gzip_compresses_what_entries_return(connect: Connect):
    client = connect(Service(middleware=[Middleware(GZipMiddleware, minimum_size=100)]))
    response = client.get("/")
    assert (response.text, response.headers["content-encoding"]) == ("x" * 2000, "gzip")
    assert client.get("/stream").text == "chunk\n" * 5
    assert "content-encoding" not in client.get("/sync").headers


@differs("rejected-before-lambda")
def test_starlettes_cors_middleware_covers_the_whole_service(connect: Connect):
    origin = "https://elsewhere.example"
    cors = Middleware(CORSMiddleware, allow_origins=[origin], allow_methods=["GET"], allow_headers=["authorization"])
    client = connect(Service(middleware=[cors]))
    for path, status in [("/", 200), ("/closed", 401), ("/broken", 500)]:
        response = client.get(path, headers={"origin": origin})
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (status, origin)
    preflight = {"origin": origin, "access-control-request-method": "GET"}
    assert client.options("/closed", headers=preflight).headers["access-control-allow-origin"] == origin


def test_authentication_middleware_sets_auth_of_entries_without_a_token(connect: Connect):
    class Backend(AuthenticationBackend):
        async def authenticate(self, conn: HTTPConnection):
            return AuthCredentials(["read"]), SimpleUser("ann")

    class Known(TechMicroService):
        async def token_authorizer(self, token: str):
            return {"name": token}

        @entry
        async def get_closed(self):
            return [request.user.username, request.auth]

        @entry(no_auth=True)
        async def get_open(self):
            return [request.user.username, list(request.auth.scopes)]  # type: ignore[attr-defined]

    client = connect(Known(middleware=[Middleware(AuthenticationMiddleware, backend=Backend())]))
    assert client.get("/open").json() == ["ann", ["read"]]
    assert client.get("/closed", headers={"authorization": "bob"}).json() == ["ann", {"name": "bob"}]


def test_an_error_in_a_middleware_is_a_500_and_logged_once(connect: Connect, caplog: pytest.LogCaptureFixture):
    class Failing(Marking):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] == "/sync":
                raise ValueError("secret")
            await super().__call__(scope, receive, send)

    async def fail(request: Request, call_next) -> Response:
        if request.url.path == "/stream":
            raise LookupError("secret")
        response: Response = await call_next(request)
        return response

    client = connect(Service(middleware=[Middleware(Failing), Middleware(BaseHTTPMiddleware, dispatch=fail)]))
    assert_hidden_500(client.get("/sync"))
    assert_logged_once(caplog, "Middleware at GET '/sync' failed", ValueError)
    caplog.clear()
    assert_hidden_500(client.get("/stream"))
    assert_logged_once(caplog, "Middleware at GET '/stream' failed", LookupError)
    assert client.get("/").status_code == 200


def test_the_traceback_of_an_error_in_the_send_of_a_middleware_is_logged(caplog: pytest.LogCaptureFixture):
    class FailingSend(Marking):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def failing_send(message: Message) -> None:
                raise LookupError

            await self.app(scope, receive, failing_send if scope["type"] == "http" else send)

    with in_process(Service(middleware=[Middleware(FailingSend)])) as client:
        assert_hidden_500(client.get("/sync"))
    assert_logged_once(caplog, "Middleware at GET '/sync' failed", LookupError)
    assert "in failing_send" in caplog.text


@pytest.mark.parametrize("transport", [in_process, on_a_socket])
def test_an_error_in_a_middleware_after_its_response_has_started_is_logged_once(
    transport: Callable[[Starlette], AbstractContextManager[httpx2.Client]], caplog: pytest.LogCaptureFixture
):
    class Late(Marking):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await super().__call__(scope, receive, send)
            if scope["type"] == "http":
                raise ValueError

    with transport(Service(middleware=[Middleware(Late)])) as client:
        assert client.get("/sync").text == "/sync"
    failed, rejected = warnings_and_worse(caplog)
    assert (failed.getMessage(), failed.exc_info is not None) == ("Middleware at GET '/sync' failed", True)
    assert rejected.getMessage().startswith(
        "Middleware at GET '/sync': no error response was sent, as one had started: "
    )
    assert rejected.exc_info is None


async def test_a_middleware_that_reads_a_body_whose_client_leaves_sends_nothing(caplog: pytest.LogCaptureFixture):
    class Reading(Marking):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await Request(scope, receive).body()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await Service(middleware=[Middleware(Reading)])(create_scope("POST"), receive, send)
    assert sent == []
    assert warnings_and_worse(caplog) == []


def test_an_error_in_a_middleware_of_a_websocket_reaches_the_server():
    class Failing(Marking):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise LookupError(scope["type"])

    client = TestClient(Service(middleware=[Middleware(Failing)]))
    with pytest.raises(LookupError, match="websocket"), client.websocket_connect("/ws"):
        pass


def test_a_plain_route_that_fails_while_streaming_sends_no_second_response(caplog: pytest.LogCaptureFixture):
    async def break_off(request: Request) -> Response:
        async def chunks() -> AsyncIterator[str]:
            yield "started " * 200
            raise ValueError

        return StreamingResponse(chunks())

    app = Service(routes=[Route("/plain", break_off)], middleware=[Middleware(GZipMiddleware, minimum_size=10)])
    with TestClient(app) as client, client.stream("GET", "/plain") as response:
        assert "problem" not in "".join(response.iter_text())
    assert_logged_once(caplog, "Route at GET '/plain' failed after the response had started", ValueError)
