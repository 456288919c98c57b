"""`coworks_async.testing.TestClient`: a service called by ASGI, or through a gateway's events and Lambda."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import get_ident
from typing import Any, cast

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.websockets import WebSocketDisconnect

from coworks_async import TechMicroService, entry, request
from coworks_async.gateway import VIAS, GatewayApp, Via
from coworks_async.testing import TestClient

via_each = pytest.mark.parametrize("via", VIAS)

TOKEN = {"Authorization": "token"}


class Shop(TechMicroService):
    asked = 0

    async def token_authorizer(self, token: str) -> Any:
        self.asked += 1
        return {"name": "Ann", "rights": {"read": [1, None]}} if token == "token" else token == "other"

    @entry
    async def get_items(self, number: int):
        return {"number": number, "auth": request.auth, "lambda": request.in_lambda_context}

    @entry
    async def post_items(self, **values):
        return values, 201

    @entry(no_auth=True)
    async def get_place(self, *path):
        return [request.url.path, request.scope["root_path"], self.url_for("get_items", number=3), str(request.url)]

    @entry(no_auth=True)
    async def get_thread(self):
        return get_ident()


def test_without_via_it_is_starlettes_client():
    app = Shop()
    with TestClient(app) as client:
        answer = client.get("/items/3", headers=TOKEN)
    assert answer.json() == {"number": 3, "auth": {"name": "Ann", "rights": {"read": [1, None]}}, "lambda": False}
    assert TestClient(Starlette()).get("/").status_code == 404


@via_each
def test_through_each_gateway_the_answer_is_the_same(via: Via):
    with TestClient(Shop(), via=via) as client:
        answer = client.get("/items/3", headers=TOKEN)
        made = client.post("/items", json={"a": "é"}, headers=TOKEN)
    assert answer.json() == {"number": 3, "auth": {"name": "Ann", "rights": {"read": [1, None]}}, "lambda": True}
    assert (made.status_code, made.json()) == (201, {"a": "é"})


@via_each
def test_the_lifespan_starts_once_at_the_first_event_and_ends_with_the_client(via: Via):
    told: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        told.append("start")
        yield {"pool": told}
        told.append("end")

    class Pooled(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return request.state.pool

    with TestClient(Pooled(lifespan=lifespan), via=via) as client:
        assert told == []
        assert client.get("/").json() == client.get("/").json() == ["start"]
    assert told == ["start", "end"]


def test_a_client_may_be_opened_again():
    client = TestClient(Shop(), via="rest")
    for _ in range(2):
        with client:
            assert client.get("/items/3", headers=TOKEN).status_code == 200


def test_a_client_that_was_never_used_ends():
    with TestClient(Shop(), via="url"):
        pass


def test_each_event_runs_in_the_one_thread_of_the_container():
    with TestClient(Shop(), via="http") as client:
        threads = {client.get("/thread").json() for _ in range(5)}
    assert len(threads) == 1
    assert threads != {get_ident()}


async def test_an_async_client_goes_through_a_gateway_as_well():
    transport = httpx2.ASGITransport(cast(Any, GatewayApp(Shop(), "rest")))
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as client:
        assert (await client.get("/items/3", headers=TOKEN)).status_code == 200


@via_each
def test_no_gateway_speaks_websocket(via: Via):
    with TestClient(Shop(), via=via) as client, pytest.raises(WebSocketDisconnect), client.websocket_connect("/"):
        pass


async def test_a_client_that_leaves_in_the_middle_of_its_body_runs_nothing():
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/items", "query_string": b"", "headers": []}
    await GatewayApp(Shop(), "rest")(scope, receive, send)
    assert sent == []


async def test_a_server_that_tells_no_raw_path_will_do():
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/place/a b", "query_string": b"", "headers": []}
    await GatewayApp(Shop(), "rest")(scope, receive, send)
    assert sent[0]["status"] == 200
    assert b'"/place/a b"' in sent[1]["body"]


# How an API is called: by its own host, by a custom domain, under a mapping.


@pytest.mark.parametrize("via", ["rest", "http-stage"])
def test_on_the_apis_own_host_a_named_stage_comes_first_in_the_path(via: Via, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CWS_STAGE", "v1")
    base = "https://abc.execute-api.eu-west-1.amazonaws.com"
    with TestClient(Shop(), via=via, base_url=f"{base}/v1") as client:
        assert client.get("/place/x").json() == ["/v1/place/x", "/v1", "/v1/items/3", f"{base}/v1/place/x"]
        assert client.get("/items/3", headers=TOKEN).status_code == 200
        elsewhere = client.get(f"{base}/v2/place/x")
    expected = (403, "Forbidden") if via == "rest" else (404, "Not Found")
    assert (elsewhere.status_code, elsewhere.json()["message"]) == expected


def test_on_the_apis_own_host_the_default_stage_is_not_in_the_path():
    base = "https://abc.execute-api.eu-west-1.amazonaws.com"
    with TestClient(Shop(), via="http", base_url=base) as client:
        assert client.get("/place/x").json() == ["/place/x", "", "/items/3", f"{base}/place/x"]


def test_the_events_of_a_rest_api_tell_the_mapping_of_a_custom_domain():
    with TestClient(Shop(), via="rest", base_url="https://api.example/shop") as client:
        assert client.get("/place/x").json() == [
            "/shop/place/x",
            "/shop",
            "/shop/items/3",
            "https://api.example/shop/place/x",
        ]
        assert client.get("https://api.example/shopping").status_code == 403


@pytest.mark.parametrize("via", ["http", "http-stage"])
@pytest.mark.parametrize("base_path", ["shop", "dev", "place"])
def test_the_events_of_an_http_api_leave_the_mapping_of_a_custom_domain_to_the_environment(
    via: Via, base_path: str, monkeypatch: pytest.MonkeyPatch
):
    base = f"https://api.example/{base_path}"
    with TestClient(Shop(), via=via, base_url=base) as client:
        assert client.get("/place/x").json() == ["/place/x", "", "/items/3", "https://api.example/place/x"]
        monkeypatch.setenv("CWS_BASE_PATH", base_path)
        assert client.get("/place/x").json() == [
            f"/{base_path}/place/x",
            f"/{base_path}",
            f"/{base_path}/items/3",
            f"{base}/place/x",
        ]
        assert client.get("https://api.example/shopping").status_code == 404


@via_each
def test_a_custom_domain_without_a_mapping_adds_nothing(via: Via):
    with TestClient(Shop(), via=via, base_url="https://api.example") as client:
        assert client.get("/place/x").json() == ["/place/x", "", "/items/3", "https://api.example/place/x"]


# What it refuses.


def test_only_a_service_is_called_through_a_gateway():
    with pytest.raises(TypeError, match="only a TechMicroService is called through a gateway, not Starlette"):
        TestClient(Starlette(), via="rest")


def test_an_unknown_gateway_is_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match="one of rest, http, http-stage, alb, url, not 'v1'"):
        TestClient(Shop(), via=cast(Via, "v1"))
