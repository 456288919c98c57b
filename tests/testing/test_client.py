"""`coworks_async.testing.TestClient`: over ASGI, or through a gateway's events and the Lambda handler."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import get_ident
from typing import Any, cast

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from coworks_async import TechMicroService, entry, request
from coworks_async.gateway import STREAM_VIAS, VIAS, GatewayApp, StreamVia, Via
from coworks_async.testing import TestClient

via_each = pytest.mark.parametrize("via", [*VIAS, *STREAM_VIAS])

TOKEN = {"Authorization": "token"}


class Shop(TechMicroService):
    authorizer_calls = 0

    async def token_authorizer(self, token: str) -> Any:
        self.authorizer_calls += 1
        return {"name": "Ann", "rights": {"read": [1, None]}} if token == "token" else token == "other"

    @entry
    async def get_items(self, number: int):
        return {"number": number, "auth": request.auth, "lambda": request.in_lambda_context}

    @entry
    async def post_items(self, **values):
        return values, 201

    @entry(no_auth=True)
    async def get_path(self, *path):
        return [request.url.path, request.scope["root_path"], self.url_for("get_items", number=3), str(request.url)]

    @entry(no_auth=True)
    async def get_thread(self):
        return get_ident()


def test_without_via_it_is_starlettes_test_client():
    app = Shop()
    with TestClient(app) as client:
        response = client.get("/items/3", headers=TOKEN)
    assert response.json() == {"number": 3, "auth": {"name": "Ann", "rights": {"read": [1, None]}}, "lambda": False}
    assert TestClient(Starlette()).get("/").status_code == 404


@via_each
def test_every_gateway_returns_the_same_response(via: Via | StreamVia):
    with TestClient(Shop(), via=via) as client:
        response = client.get("/items/3", headers=TOKEN)
        created = client.post("/items", json={"a": "é"}, headers=TOKEN)
    assert response.json() == {"number": 3, "auth": {"name": "Ann", "rights": {"read": [1, None]}}, "lambda": True}
    assert (created.status_code, created.json()) == (201, {"a": "é"})


@via_each
def test_the_lifespan_starts_at_the_first_event_and_stops_with_the_client(via: Via | StreamVia):
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        log.append("start")
        yield {"pool": log}
        log.append("end")

    class Pooled(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return request.state.pool

    with TestClient(Pooled(lifespan=lifespan), via=via) as client:
        assert log == []
        assert client.get("/").json() == client.get("/").json() == ["start"]
    assert log == ["start", "end"]


def test_a_client_may_be_opened_again():
    client = TestClient(Shop(), via="rest")
    for _ in range(2):
        with client:
            assert client.get("/items/3", headers=TOKEN).status_code == 200


def test_an_unused_client_closes():
    with TestClient(Shop(), via="url"):
        pass


def test_all_events_run_in_one_thread():
    with TestClient(Shop(), via="http") as client:
        threads = {client.get("/thread").json() for _ in range(5)}
    assert len(threads) == 1
    assert threads != {get_ident()}


@pytest.mark.parametrize(("path", "decoded"), [("/path/%2541", "/path/%41"), ("/path/%252F", "/path/%2F")])
def test_a_path_is_decoded_once_for_any_app(path: str, decoded: str):
    mounted = Starlette(routes=[Mount("/shop", Shop())])
    assert TestClient(Shop()).get(path).json()[0] == decoded
    assert TestClient(mounted).get(f"/shop{path}").json()[0] == f"/shop{decoded}"


def test_the_path_of_a_websocket_is_decoded_once():
    async def send_path(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.path_params["name"])
        await websocket.close()

    app = Starlette(routes=[WebSocketRoute("/{name}", send_path)])
    with TestClient(app).websocket_connect("/%2541") as session:
        assert session.receive_text() == "%41"


async def test_gateway_app_works_with_an_async_client():
    transport = httpx2.ASGITransport(cast(Any, GatewayApp(Shop(), "rest")))
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as client:
        assert (await client.get("/items/3", headers=TOKEN)).status_code == 200


@via_each
def test_a_gateway_rejects_websockets(via: Via | StreamVia):
    with TestClient(Shop(), via=via) as client, pytest.raises(WebSocketDisconnect), client.websocket_connect("/"):
        pass


async def test_a_client_that_disconnects_during_its_body_runs_nothing():
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/items", "query_string": b"", "headers": []}
    await GatewayApp(Shop(), "rest")(scope, receive, send)
    assert sent == []


async def test_raw_path_is_optional():
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/path/a b", "query_string": b"", "headers": []}
    await GatewayApp(Shop(), "rest")(scope, receive, send)
    assert sent[0]["status"] == 200
    assert b'"/path/a b"' in sent[1]["body"]


# --- default host, custom domain, base path


@pytest.mark.parametrize("via", ["rest", "http-stage"])
def test_paths_on_the_default_host_start_with_a_named_stage(via: Via, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CWS_STAGE", "v1")
    base = "https://abc.execute-api.eu-west-1.amazonaws.com"
    with TestClient(Shop(), via=via, base_url=f"{base}/v1") as client:
        assert client.get("/path/x").json() == ["/v1/path/x", "/v1", "/v1/items/3", f"{base}/v1/path/x"]
        assert client.get("/items/3", headers=TOKEN).status_code == 200
        elsewhere = client.get(f"{base}/v2/path/x")
    expected = (403, "Forbidden") if via == "rest" else (404, "Not Found")
    assert (elsewhere.status_code, elsewhere.json()["message"]) == expected


def test_paths_on_the_default_host_do_not_contain_the_default_stage():
    base = "https://abc.execute-api.eu-west-1.amazonaws.com"
    with TestClient(Shop(), via="http", base_url=base) as client:
        assert client.get("/path/x").json() == ["/path/x", "", "/items/3", f"{base}/path/x"]


def test_a_rest_api_finds_the_base_path_in_its_events():
    with TestClient(Shop(), via="rest", base_url="https://api.example/shop") as client:
        assert client.get("/path/x").json() == [
            "/shop/path/x",
            "/shop",
            "/shop/items/3",
            "https://api.example/shop/path/x",
        ]
        assert client.get("https://api.example/shopping").status_code == 403


@pytest.mark.parametrize("via", ["http", "http-stage"])
@pytest.mark.parametrize("base_path", ["shop", "dev", "path"])
def test_an_http_api_takes_the_base_path_from_cws_base_path(via: Via, base_path: str, monkeypatch: pytest.MonkeyPatch):
    base = f"https://api.example/{base_path}"
    with TestClient(Shop(), via=via, base_url=base) as client:
        assert client.get("/path/x").json() == ["/path/x", "", "/items/3", "https://api.example/path/x"]
        monkeypatch.setenv("CWS_BASE_PATH", base_path)
        assert client.get("/path/x").json() == [
            f"/{base_path}/path/x",
            f"/{base_path}",
            f"/{base_path}/items/3",
            f"{base}/path/x",
        ]
        assert client.get("https://api.example/shopping").status_code == 404


@via_each
def test_a_custom_domain_without_base_path_has_no_root_path(via: Via | StreamVia):
    with TestClient(Shop(), via=via, base_url="https://api.example") as client:
        assert client.get("/path/x").json() == ["/path/x", "", "/items/3", "https://api.example/path/x"]


# --- errors


def test_via_needs_a_service():
    with pytest.raises(TypeError, match="via='rest' needs a TechMicroService, not Starlette"):
        TestClient(Starlette(), via="rest")


def test_an_unknown_gateway_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match="one of rest, http, http-stage, alb, url, stream-rest, stream-url, not 'v1'"):
        TestClient(Shop(), via=cast(Via, "v1"))


class Names(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "x", {"X-Name": "é%E9", "X-Plain": "a%20b", "Set-Cookie": "a=1"}

    @entry(no_auth=True, binary_headers={"X-Name": "ü"})
    async def get_raw(self):
        response = Response("x")
        response.raw_headers.append((b"x-utf8", "é".encode()))
        return response

    @entry(no_auth=True)
    async def get_redirect(self):
        return None, 303, {"Location": "/", "X-Name": "é"}


@pytest.mark.parametrize("via", [None, *VIAS, *STREAM_VIAS])
def test_headers_beyond_ascii_are_kept(via: Via | StreamVia | None):
    app = Names()
    with TestClient(app, via=via) as client:
        response = client.get("/redirect")
        raw = client.get("/raw")
        assert client.cookies["a"] == "1"
    assert (response.headers["x-name"], response.headers["x-plain"], response.text) == ("é%E9", "a%20b", "x")
    assert [each.headers["x-name"] for each in response.history] == ["é"]
    assert "x-coworks-encoded-headers" not in {**response.headers, **response.history[0].headers}
    names = dict(raw.headers.raw)
    assert (names[b"x-name"], names[b"x-utf8"]) == ("ü".encode("latin-1"), "é".encode())


def test_the_app_of_the_client_is_the_service():
    app = Names()
    assert TestClient(app).app is app
