"""`CORS` policies: headers on all responses, preflight requests, and middleware."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from coworks_async import CORS, Blueprint, TechMicroService, entry
from coworks_async.gateway import VIAS, Via
from coworks_async.testing import TestClient
from coworks_async.types import ASGIApp, Receive, Scope, Send
from tests.clients import Connect
from tests.differences import differs

PAGE, OTHER_PAGE, STRANGER = "https://shop.example", "https://admin.example", "https://stranger.example"
ORIGIN, TOKEN = {"origin": PAGE}, {"authorization": "token"}
ONE, SEVERAL = [PAGE], [PAGE, OTHER_PAGE]


def preflight(method: str, origin: str = PAGE) -> dict[str, str]:
    return {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": "authorization",
    }


def cors_headers(response: httpx2.Response) -> dict[str, str]:
    """Return the CORS headers of a response by the rest of their names, and `Vary`."""
    start = "access-control-"
    found = {name.removeprefix(start): value for name, value in response.headers.items() if name.startswith(start)}
    return found | ({"vary": response.headers["vary"]} if "vary" in response.headers else {})


class Pages(Blueprint):
    cors = CORS(origins=OTHER_PAGE)

    @entry(no_auth=True)
    async def get_own(self):
        return "of the blueprint"


class Service(TechMicroService):
    async def token_authorizer(self, token: str):
        if token == "broken":
            raise RuntimeError
        return token == "token"

    @entry
    async def get(self, number: int = 0):
        if number < 0:
            raise ValueError
        return number

    @entry(no_auth=True)
    async def get_names(self, name):
        return name

    @entry(no_auth=True, cors=False)
    async def get_closed(self):
        return "closed"

    @entry(no_auth=True, cors=False)
    async def post_closed(self):
        return "closed"

    @entry(no_auth=True, cors=CORS(origins="*", max_age=5))
    async def get_public(self):
        return "public"

    @entry(no_auth=True)
    async def get_headers(self):
        headers = [("Vary", "Accept"), ("vary", "Accept-Language"), ("X-Total", "3")]
        return "own", [*headers, ("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Credentials", "false")]


def create_service(origins: Sequence[str] = SEVERAL, **options: Any) -> Service:
    class Shop(Service):
        cors = CORS(origins=origins, credentials=True, expose=["X-Total", "X-Page"], headers="X-Request-Id", max_age=60)

    app = Shop(**options)
    app.register_blueprint(Pages(), url_prefix="/pages")
    return app


ALLOWED = {
    "allow-origin": PAGE,
    "allow-credentials": "true",
    "expose-headers": "X-Total, X-Page",
    "vary": "Origin",
}


@pytest.mark.parametrize("origins", [ONE, SEVERAL], ids=["one", "several"])
@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/", "token", 200),
        ("HEAD", "/", "token", 200),
        ("GET", "/", None, 401),
        ("GET", "/", "no", 403),
        ("GET", "/", "broken", 500),
        ("GET", "/?number=x", "token", 422),
        ("GET", "/?number=-1", "token", 500),
        ("GET", "/nowhere", None, 404),
        ("GET", "/names/a/b/c", "token", 404),
    ],
)
def test_an_allowed_origin_reads_every_response(
    connect: Connect, origins: Sequence[str], method: str, path: str, token: str | None, status: int
):
    headers = ORIGIN | ({"authorization": token} if token else {})
    response = connect(create_service(origins)).request(method, path, headers=headers)
    assert (response.status_code, cors_headers(response)) == (status, ALLOWED)


# Over a REST API with one origin it is the gateway's own 404.
@pytest.mark.parametrize(
    "origins", [pytest.param(ONE, marks=differs("rest-missing-route")), SEVERAL], ids=["one", "several"]
)
def test_an_allowed_origin_reads_a_405(connect: Connect, origins: Sequence[str]):
    response = connect(create_service(origins)).delete("/names/a", headers=ORIGIN)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert cors_headers(response) == ALLOWED


@differs("http-path")
def test_an_allowed_origin_reads_a_400_for_an_invalid_path(connect: Connect):
    response = connect(create_service()).get("/names/%ff", headers=ORIGIN)
    assert (response.status_code, cors_headers(response)) == (400, ALLOWED)


# The headers of a REST API's own responses are constant. A browser compares them with the page's origin.
@pytest.mark.parametrize(
    "origins", [pytest.param(ONE, marks=differs("rest-cors-headers")), SEVERAL], ids=["one", "several"]
)
def test_other_origins_get_no_headers_but_vary(connect: Connect, origins: Sequence[str]):
    client = connect(create_service(origins))
    for path in ("/", "/names/a", "/nowhere"):
        for headers in ({}, {"origin": STRANGER}, {"origin": "null"}, {"origin": f"{PAGE}.evil"}):
            assert cors_headers(client.get(path, headers=headers)) == {"vary": "Origin"}


def test_each_of_several_origins_gets_itself(connect: Connect):
    client = connect(create_service(SEVERAL))
    for origin in SEVERAL:
        assert client.get("/", headers={"origin": origin}).headers["access-control-allow-origin"] == origin


@differs("http-path")
def test_a_400_for_an_invalid_path_has_the_policy_of_the_entry(connect: Connect):
    class Shop(TechMicroService):
        cors = CORS(origins=PAGE)

        @entry(no_auth=True, cors=CORS(origins="*"))
        async def get_public(self, name):
            return name

        @entry(no_auth=True, cors=False)
        async def get_closed(self, name):
            return name

    client = connect(Shop())
    for path, headers in (("/public/%ff", {"allow-origin": "*"}), ("/closed/%ff", {})):
        response = client.get(path, headers=ORIGIN)
        assert (response.status_code, cors_headers(response)) == (400, headers)


def test_an_entry_may_have_another_policy_or_none(connect: Connect):
    client = connect(create_service())
    assert cors_headers(client.get("/public", headers=ORIGIN)) == {"allow-origin": "*"}
    assert cors_headers(client.get("/public")) == {"allow-origin": "*"}
    assert cors_headers(client.get("/closed", headers=ORIGIN)) == {}
    assert cors_headers(client.get("/pages/own", headers=ORIGIN)) == {"vary": "Origin"}
    of_blueprint = client.get("/pages/own", headers={"origin": OTHER_PAGE})
    assert cors_headers(of_blueprint) == {"allow-origin": OTHER_PAGE, "vary": "Origin"}


def test_the_policy_replaces_headers_of_the_entry_and_adds_to_vary(connect: Connect):
    client = connect(create_service())
    response = client.get("/headers", headers=ORIGIN)
    assert cors_headers(response) == ALLOWED | {"vary": "Accept, Accept-Language, Origin"}
    assert response.headers["x-total"] == "3"
    assert cors_headers(client.get("/headers")) == {"vary": "Accept, Accept-Language, Origin"}


# --- preflight requests

PREFLIGHT = {
    "allow-headers": "Authorization, Content-Type, X-Request-Id",
    "allow-methods": "GET, HEAD",
    "max-age": "60",
} | ALLOWED


@pytest.mark.parametrize("origins", [ONE, SEVERAL], ids=["one", "several"])
def test_a_preflight_of_an_allowed_origin_lists_methods_and_headers(connect: Connect, origins: Sequence[str]):
    response = connect(create_service(origins)).options("/", headers=preflight("GET"))
    assert (response.status_code, response.content) == (204, b"")
    assert cors_headers(response) == PREFLIGHT


def test_a_preflight_of_another_origin_allows_nothing(connect: Connect):
    client = connect(create_service())
    for path in ("/", "/nowhere"):
        response = client.options(path, headers=preflight("GET", STRANGER))
        assert (response.status_code, cors_headers(response)) == (204, {"vary": "Origin"})


def test_a_preflight_has_the_policy_of_the_entry(connect: Connect):
    client = connect(create_service())
    assert cors_headers(client.options("/public", headers=preflight("GET"))) == {
        "allow-origin": "*",
        "allow-headers": "Authorization, Content-Type",
        "allow-methods": "GET, HEAD",
        "max-age": "5",
    }
    assert cors_headers(client.options("/closed", headers=preflight("GET"))) == {}


@pytest.mark.parametrize("origins", [ONE, SEVERAL], ids=["one", "several"])
@pytest.mark.parametrize(("path", "method"), [("/nowhere", "GET"), ("/a/b/c", "DELETE"), ("/names/a", "PUT")])
def test_a_preflight_without_an_entry_lets_the_page_read_the_404_or_405(
    connect: Connect, origins: Sequence[str], path: str, method: str
):
    response = connect(create_service(origins)).options(path, headers=preflight(method))
    assert (response.status_code, cors_headers(response)) == (204, PREFLIGHT | {"allow-methods": method})


def test_a_preflight_without_an_entry_allows_no_method_of_a_closed_entry(connect: Connect):
    response = connect(create_service()).options("/closed", headers=preflight("DELETE"))
    assert cors_headers(response)["allow-methods"] == "DELETE"


def test_a_preflight_for_an_invalid_method_allows_nothing(connect: Connect):
    response = connect(create_service()).options("/names/a", headers=preflight("GET, POST"))
    assert (response.status_code, cors_headers(response)) == (204, {})


def test_other_options_requests_are_not_preflights(connect: Connect):
    client = connect(create_service())
    assert cors_headers(client.options("/", headers=ORIGIN)) == {}
    assert client.options("/nowhere", headers=ORIGIN).status_code == 404


# --- routes that are not entries


def test_a_preflight_of_a_route_with_precedence_over_an_entry_is_not_that_of_the_entry(connect: Connect):
    client = connect(create_service(routes=[Route("/names/export", plain), Route("/names/{name}", plain)]))
    assert client.get("/names/export").text == "plain"
    assert cors_headers(client.options("/names/export", headers=preflight("GET"))) == {}
    assert cors_headers(client.options("/names/other", headers=preflight("GET"))) == PREFLIGHT


async def plain(request: Request) -> Response:
    return PlainTextResponse("plain")


def test_plain_routes_and_mounts_have_no_policy(connect: Connect):
    mounted = Starlette(routes=[Route("/inner", plain)])
    client = connect(create_service(routes=[Route("/plain", plain), Mount("/mounted", mounted)]))
    for path in ("/plain", "/mounted/inner"):
        assert cors_headers(client.get(path, headers=ORIGIN)) == {}
        assert cors_headers(client.options(path, headers=preflight("GET"))) == {}


# --- middleware


class Limiter:
    """Middleware that makes responses and errors itself, and passes on a copy of the scope."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope.get("query_string")
        if query == b"mode=limited":
            return await PlainTextResponse("Slow down.", 429)(scope, receive, send)
        if query == b"mode=before":
            raise RuntimeError
        if query == b"mode=after":
            await self.app({**scope}, receive, discard)
            raise RuntimeError
        if query == b"mode=replaced":
            await self.app({**scope}, receive, discard)
            return await PlainTextResponse("Try later.", 503, headers={"vary": "Accept"})(scope, receive, send)
        await self.app({**scope}, receive, send)


async def discard(message: Any) -> None:
    """Drop a message of the service."""


@pytest.mark.parametrize(("mode", "status"), [("limited", 429), ("before", 500), ("after", 500)])
def test_responses_of_middleware_have_the_policy_of_the_service(connect: Connect, mode: str, status: int):
    client = connect(create_service(middleware=[Middleware(Limiter)]))
    response = client.get(f"/public?mode={mode}", headers=ORIGIN)
    assert (response.status_code, cors_headers(response)) == (status, ALLOWED)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/headers", ALLOWED),
        ("/public", {"allow-origin": "*"}),
        ("/closed", {}),
        ("/pages/own", {"vary": "Origin"}),
        ("/nowhere", ALLOWED),
    ],
)
def test_a_response_that_replaces_that_of_an_entry_has_the_policy_of_the_entry(
    connect: Connect, path: str, expected: dict[str, str]
):
    client = connect(create_service(middleware=[Middleware(Limiter)]))
    response = client.get(f"{path}?mode=replaced", headers=ORIGIN)
    headers = cors_headers(response)
    varies_by_origin = "Origin" in headers.pop("vary")
    assert (response.status_code, headers) == (503, {name: expected[name] for name in expected if name != "vary"})
    assert varies_by_origin == ("vary" in expected)


def test_middleware_does_not_change_the_policy_of_an_entry(connect: Connect):
    client = connect(create_service(middleware=[Middleware(Limiter), Middleware(GZipMiddleware, minimum_size=1)]))
    assert cors_headers(client.get("/closed", headers=ORIGIN)).keys() <= {"vary"}
    response = client.get("/", headers=ORIGIN | TOKEN | {"accept-encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert cors_headers(response) == ALLOWED | {"vary": "Origin, Accept-Encoding"}


def test_middleware_of_a_service_without_a_policy_gets_no_headers(connect: Connect):
    client = connect(Service(middleware=[Middleware(Limiter)]))
    for mode in ("limited", "before"):
        assert cors_headers(client.get(f"/public?mode={mode}", headers=ORIGIN)) == {}


def test_middleware_of_a_mounted_service_does_not_change_its_policy(connect: Connect):
    middleware = [Middleware(Limiter)]
    inner = create_service([OTHER_PAGE], middleware=middleware)
    client = connect(create_service(ONE, routes=[Mount("/inner", inner)], middleware=middleware))
    response = client.get("/inner/names/a", headers={"origin": OTHER_PAGE})
    assert (response.text, cors_headers(response)) == ("a", ALLOWED | {"allow-origin": OTHER_PAGE})


def test_a_websocket_passes_the_middleware_of_a_service_with_a_policy():
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hi")
        await socket.close()

    app = create_service(routes=[WebSocketRoute("/talk", talk)], middleware=[Middleware(Limiter)])
    with TestClient(app) as client, client.websocket_connect("/talk") as socket:
        assert socket.receive_text() == "hi"


# --- the Lambda handler's own responses


@pytest.mark.parametrize("via", VIAS)
def test_a_response_over_the_gateways_limit_is_a_500_that_the_page_can_read(via: Via):
    class Large(TechMicroService):
        @entry(no_auth=True, cors=CORS(origins=SEVERAL))
        async def get(self):
            return "x" * 6_300_000

    with TestClient(Large(), via=via) as client:
        response = client.get("/", headers=ORIGIN)
    assert (response.status_code, cors_headers(response)) == (500, {"allow-origin": PAGE, "vary": "Origin"})


@pytest.mark.parametrize("via", VIAS)
def test_a_failing_lifespan_is_a_500_that_the_page_can_read(via: Via):
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        raise LookupError
        yield

    with TestClient(create_service(lifespan=lifespan), via=via) as client:
        response = client.get("/names/a", headers=ORIGIN)
    assert (response.status_code, cors_headers(response)) == (500, ALLOWED)


@pytest.mark.parametrize("via", VIAS)
def test_a_request_over_the_gateways_limit_is_a_413(via: Via):
    with TestClient(create_service(ONE), via=via) as client:
        response = client.post("/closed", content=b"\0" * 11_000_000, headers=ORIGIN)
    assert response.status_code == 413
    # Only a REST API's own responses can have headers.
    assert cors_headers(response) == (ALLOWED if via == "rest" else {})
