"""The user's routes next to entries, as if all were in one table."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import (
    assert_hidden_500,
    assert_logged_once,
    assert_problem,
    create_scope,
    warnings_and_worse,
)
from tests.pipeline.mount_services import Items, folder, plain

__all__ = ["folder"]


def test_a_plain_route_requires_no_token(connect: Connect):
    app = Items()
    app.add_route("/plain/{name}", plain)
    response = connect(app).get("/plain/x")
    assert (response.status_code, response.text) == (200, "plain /plain/x {'name': 'x'}")


def test_routes_may_be_given_to_the_constructor_and_added_at_any_time(connect: Connect):
    app = Items(routes=[Route("/given", plain)])
    client = connect(app)
    assert client.get("/given").text == "plain /given {}"
    assert client.get("/added").text == "rest added"
    app.add_route("/added", plain)
    assert client.get("/added").text == "plain /added {}"


@differs("rest-missing-route")
def test_allow_is_the_union_of_entries_and_plain_routes(connect: Connect):
    app = Items()
    app.add_route("/items", plain, methods=["PUT"])
    app.add_route("/items", plain, methods=["DELETE"])
    client = connect(app)
    assert client.get("/items").text == "items"
    assert client.put("/items").text == client.delete("/items").text == "plain /items {}"
    rejected = client.patch("/items")
    assert_problem(rejected, 405, "Method Not Allowed")
    assert rejected.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PUT"
    options = client.options("/items")
    assert (options.status_code, options.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PUT")


@differs("rest-missing-route")
def test_a_trailing_slash_is_accepted_by_plain_routes_too(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def post_items(self):
            return "made"

    app = Service(routes=[Route("/items", plain), Route("/slashed/", plain)])
    client = connect(app)
    for path in ("/items", "/items/"):
        assert client.get(path).text == "plain /items {}"
        assert client.post(path).text == "made"
        assert client.put(path).headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert client.get("/slashed").text == client.get("/slashed/").text == "plain /slashed/ {}"


def test_a_static_path_wins_over_parameters_of_entries_and_routes(connect: Connect, folder: Path):
    app = Items(routes=[Route("/about", plain), Route("/pages/home", plain), Route("/pages/{name}", plain)])
    app.mount("/static", StaticFiles(directory=folder))
    client = connect(app)
    assert client.get("/about").text == "plain /about {}"
    assert client.get("/pages/home").text == "plain /pages/home {}"
    assert client.get("/static/app.js").text == "alert()"
    assert client.get("/elsewhere/app.js").text == "rest elsewhere/app.js"
    # With static paths of equal length, the entry takes the request and requires its token.
    assert client.get("/pages/other").status_code == 401
    assert client.get("/pages/other", headers={"authorization": "token"}).text == "page other"


def test_a_starlette_endpoint_class_can_be_a_route(connect: Connect):
    class Page(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            return PlainTextResponse("page")

    client = connect(Items(routes=[Route("/page", Page)]))
    assert client.get("/page").text == "page"
    rejected = client.post("/page")
    assert_problem(rejected, 405, "Method Not Allowed")
    assert rejected.headers["allow"] == "GET, HEAD"


def test_an_error_of_a_plain_route_is_a_500_and_logged_once(connect: Connect, caplog: pytest.LogCaptureFixture):
    async def fail(request: Request) -> Response:
        raise ValueError("secret")

    assert_hidden_500(connect(Items(routes=[Route("/fail", fail)])).get("/fail"))
    assert_logged_once(caplog, "Route at GET '/fail' failed", ValueError)


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b=1", "a\nb", "a\rb", "a\0b"])
def test_an_invalid_header_of_a_plain_route_or_mount_is_a_500_and_logged_once(
    connect: Connect, value: str, caplog: pytest.LogCaptureFixture
):
    async def respond(request: Request) -> Response:
        return Response("body", headers={"x-kind": value})

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-kind", value.encode())]})
        await send({"type": "http.response.body", "body": b"body"})

    routes = [
        Route("/route", respond),
        Mount("/app", mounted),
        Mount("/inner", Starlette(routes=[Route("/", respond)])),
    ]
    client = connect(Items(routes=routes))
    for path in ("/route", "/app/", "/inner/"):
        caplog.clear()
        assert_hidden_500(client.get(path))
        [record] = warnings_and_worse(caplog)
        assert record.getMessage().startswith(f"Route at GET '{path}': invalid header 'x-kind': ")


def test_headers_of_a_mount_may_be_any_iterable_of_pairs(connect: Connect):
    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        headers = ([name, b"1"] for name in (b"x-one", b"x-two"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"body"})

    response = connect(Items(routes=[Mount("/app", mounted)])).get("/app/")
    assert (response.text, response.headers["x-one"], response.headers["x-two"]) == ("body", "1", "1")


def test_the_body_of_a_plain_route_or_mount_is_limited(connect: Connect):
    async def size(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    app = Items(routes=[Route("/size", size, methods=["POST"])], max_body_size=1000)
    app.mount("/mounted", Starlette(routes=[Route("/size", size, methods=["POST"])]))
    client = connect(app)
    assert client.post("/size", content=b"x" * 1000).text == "1000"
    assert client.post("/mounted/size", content=b"x" * 1000).text == "1000"
    too_large = client.post("/size", content=b"x" * 1001)
    assert_problem(too_large, 413, "Content Too Large", "The body is over the limit of 1000 bytes.")
    chunked = client.post("/size", content=iter([b"x" * 600, b"x" * 600]))
    assert_problem(chunked, 413, "Content Too Large", "The body is over the limit of 1000 bytes.")
    assert client.post("/mounted/size", content=b"x" * 1001).status_code == 413


def test_a_head_of_a_streaming_plain_route_has_no_body(connect: Connect):
    async def lines(request: Request) -> Response:
        return StreamingResponse(iter(["a", "b"]), headers={"x-kind": "lines"})

    client = connect(Items(routes=[Route("/lines", lines)]))
    head = client.head("/lines")
    assert (head.status_code, head.content, head.headers["x-kind"]) == (200, b"", "lines")
    assert client.get("/lines").text == "ab"


async def test_a_client_that_disconnects_from_a_plain_route_gets_no_response(caplog: pytest.LogCaptureFixture):
    async def read(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await Items(routes=[Route("/read", read, methods=["POST"])])(create_scope("POST", "/read"), receive, send)
    assert sent == []
    assert warnings_and_worse(caplog) == []
