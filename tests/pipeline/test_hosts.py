"""`allowed_hosts`: requests for other hosts are rejected."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient as StarletteClient
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocket

from coworks_async import DeclarationError, TechMicroService, entry
from tests.clients import Connect
from tests.pipeline.checks import assert_problem
from tests.pipeline.mount_services import plain


class Shop(TechMicroService):
    allowed_hosts: ClassVar[Sequence[str]] = ("shop.example.com", "*.example.org", "[::1]")

    async def token_authorizer(self, token: str):
        raise AssertionError("The host is checked first.")

    @entry(no_auth=True)
    async def get(self):
        return self.url_for("get", _external=True)

    @entry
    async def get_closed(self):
        return "closed"


@pytest.mark.parametrize(
    "host", ["shop.example.com", "SHOP.example.com:8080", "a.example.org", "a.b.example.org", "[::1]:80"]
)
def test_a_request_for_an_allowed_host_is_handled(connect: Connect, host: str):
    response = connect(Shop()).get("/", headers={"host": host})
    assert response.status_code == 200
    assert f"://{host.removesuffix(':80')}" in response.text


@pytest.mark.parametrize(
    "host", ["evil.example", "example.org", "shop.example.com.evil.example", "evilexample.org", "[::2]"]
)
def test_a_request_for_another_host_is_a_400(connect: Connect, host: str):
    app = Shop(routes=[Route("/plain", plain)])
    client = connect(app)
    for path in ("/", "/plain"):
        response = client.get(path, headers={"host": host})
        assert_problem(response, 400, "Bad Request", "The service does not serve the host of the request.")


def test_the_host_is_checked_before_the_token_and_the_middleware():
    class Failing:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            assert scope["type"] != "http"
            await self.app(scope, receive, send)

    app = Shop()
    app.add_middleware(Failing)
    with StarletteClient(app, base_url="http://evil.example") as client:
        assert client.get("/closed", headers={"authorization": "any"}).status_code == 400


def test_the_host_of_a_websocket_is_checked():
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("here")
        await websocket.close()

    app = Shop(routes=[WebSocketRoute("/socket", echo)])
    client = StarletteClient(app)
    with client.websocket_connect("/socket", headers={"host": "shop.example.com"}) as socket:
        assert socket.receive_text() == "here"
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("/socket", headers={"host": "evil.example"}),
    ):
        raise AssertionError
    assert denied.value.status_code == 400


def test_by_default_any_host_is_allowed(connect: Connect):
    class Open(Shop):
        allowed_hosts = ()

        @entry(no_auth=True)
        async def get(self):
            return "open"

    assert connect(Open()).get("/", headers={"host": "any.example"}).text == "open"


def test_an_asterisk_allows_any_host(connect: Connect):
    class Open(Shop):
        allowed_hosts = ("*",)

    assert connect(Open()).get("/", headers={"host": "any.example"}).status_code == 200


@pytest.mark.parametrize(
    "hosts", ["shop.example.com", b"a", 1, [1], [""], ["https://a"], ["a:80"], ["a.*"], ["*a"], {"a"}]
)
def test_invalid_allowed_hosts_are_a_declaration_error(hosts: Any):
    class Service(TechMicroService):
        allowed_hosts = hosts

    with pytest.raises(DeclarationError, match=r"^Service\.allowed_hosts is .*It must be a list of hosts without"):
        Service()
