"""Returned tuples with status and headers, Starlette responses, and `binary_headers`."""

import threading
from http import HTTPStatus
from typing import NamedTuple

import pytest
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import assert_hidden_500, get_responses, returning
from tests.tools import PATIENCE


class Pair(NamedTuple):
    x: str
    y: str


def test_a_body_and_a_status(connect: Connect):
    response = connect(returning(({"made": 1}, 201))).get("/")
    assert (response.status_code, response.json()) == (201, {"made": 1})
    assert response.headers["content-type"] == "application/json"


def test_a_status_may_be_an_http_status(connect: Connect):
    assert connect(returning(("tea", HTTPStatus.IM_A_TEAPOT))).get("/").status_code == 418


def test_a_body_and_headers(connect: Connect):
    response = connect(returning(("<p>", {"Content-Type": "text/html", "X-Kind": "page"}))).get("/")
    assert (response.status_code, response.text) == (200, "<p>")
    assert response.headers.get_list("content-type") == ["text/html"]
    assert response.headers["x-kind"] == "page"


def test_a_body_a_status_and_headers(connect: Connect):
    response = connect(returning((b"x", 202, {"x-kind": "blob"}))).get("/")
    assert (response.status_code, response.content, response.headers["x-kind"]) == (202, b"x", "blob")


def test_a_header_can_be_sent_several_times(connect: Connect):
    headers = [("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("vary", "origin")]
    response = connect(returning(("ok", 200, headers))).get("/")
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert response.headers["vary"] == "origin"


@differs("rest-content-type")
def test_none_with_a_status_has_an_empty_body_and_no_type(connect: Connect):
    response = connect(returning((None, 201, {"location": "/pens/1"}))).get("/")
    assert (response.status_code, response.content, response.headers["content-length"]) == (201, b"", "0")
    assert response.headers["location"] == "/pens/1"
    assert "content-type" not in response.headers


def test_none_with_headers_stays_a_204(connect: Connect):
    response = connect(returning((None, {"x-kind": "none"}))).get("/")
    assert (response.status_code, response.content, response.headers["x-kind"]) == (204, b"", "none")


@differs("rest-content-type")
@pytest.mark.parametrize(("status", "length"), [(204, None), (205, "0"), (304, None)])
def test_a_tuple_with_a_bodiless_status_has_no_body(connect: Connect, status: int, length: str | None):
    response = connect(returning(({"a": 1}, status, {"etag": '"1"'}))).get("/")
    assert (response.status_code, response.content, response.headers.get("content-length")) == (status, b"", length)
    assert response.headers["etag"] == '"1"'
    assert "content-type" not in response.headers


TUPLES = [
    (),
    ("alone",),
    ("body", 200, {}, "more"),
    ("body", {}, 200),
    ("body", None),
    ("body", True),
    ("body", "201 Created"),
    ("body", 200.0),
    ("body", 200, {"x": 1}),
    ("body", 200, {"x": "€"}),
    ("body", 200, [("x", "y", "z")]),
    (("body", 200), 201),
    (Response("body"), 201),
    Pair("a", "b"),
]


def test_any_other_tuple_is_a_500(connect: Connect):
    for _, response in get_responses(connect, TUPLES):
        assert_hidden_500(response)


def test_a_status_out_of_range_is_a_500(connect: Connect):
    for _, response in get_responses(
        connect, [("body", status) for status in (0, 99, 100, 101, 199, 600, -200, 2**40)]
    ):
        assert_hidden_500(response)


BAD_HEADERS = [
    {"x-kind": "a\r\nset-cookie: b=1"},
    {"x-kind": "a\nb"},
    {"x-kind": "a\0b"},
    {"x-kind\r\nset-cookie": "b"},
    {"x kind": "a"},
    {"x:kind": "a"},
    {"": "a"},
]


def test_an_invalid_header_is_a_500(connect: Connect):
    tuples = [("body", headers) for headers in BAD_HEADERS]
    responses = [Response("body", headers=headers) for headers in BAD_HEADERS]
    for _, response in get_responses(connect, [*tuples, *responses]):
        assert_hidden_500(response)
        assert "set-cookie" not in response.headers


# --- responses


def test_a_response_is_sent_unchanged(connect: Connect):
    response = HTMLResponse("<p>", 203, headers={"x-kind": "html"})
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    result = connect(returning(response)).get("/")
    assert (result.status_code, result.text, result.headers["x-kind"]) == (203, "<p>", "html")
    assert result.headers["content-type"] == "text/html; charset=utf-8"
    assert [cookie.split(";")[0] for cookie in result.headers.get_list("set-cookie")] == ["a=1", "b=2"]


def test_a_redirect_is_not_followed_by_the_service(connect: Connect):
    response = connect(returning(RedirectResponse("/elsewhere"))).get("/", follow_redirects=False)
    assert (response.status_code, response.headers["location"], response.content) == (307, "/elsewhere", b"")


def test_a_file_is_sent(connect: Connect, tmp_path):
    (tmp_path / "page.txt").write_text("page")
    client = connect(returning(FileResponse(tmp_path / "page.txt")))
    assert client.get("/").text == "page"
    head = client.head("/")
    assert (head.content, head.headers["content-length"]) == (b"", "4")


def test_a_missing_file_is_a_500(connect: Connect, tmp_path):
    assert_hidden_500(connect(returning(FileResponse(tmp_path / "none.txt"))).get("/"))


def test_a_response_with_a_status_out_of_range_is_a_500(connect: Connect):
    assert_hidden_500(connect(returning(Response("x", status_code=42))).get("/"))


def test_the_background_task_of_a_response_runs(connect: Connect):
    ran = threading.Event()
    assert connect(returning(JSONResponse([], background=BackgroundTask(ran.set)))).get("/").json() == []
    assert ran.wait(PATIENCE)


# --- binary_headers


def binary(*values):
    class Binary(TechMicroService):
        @entry(no_auth=True, binary_headers={"Content-Type": "image/png", "Cache-Control": "no-store"})
        async def get(self, number: int):
            return values[number]

    return Binary()


def test_binary_headers_are_set_on_the_response(connect: Connect):
    client = connect(binary(b"png", "png", (b"png", 201), Response(b"png"), (b"png", {"x-kind": "a"})))
    for number in range(5):
        response = client.get(f"/{number}")
        assert response.content == b"png"
        assert response.headers.get_list("content-type") == ["image/png"]
        assert response.headers.get_list("cache-control") == ["no-store"]


def test_a_header_that_the_entry_sets_takes_precedence(connect: Connect):
    tuples = [(b"gif", {"content-type": "image/gif"}), (b"gif", 200, [("Content-Type", "image/gif")])]
    client = connect(binary(*tuples, Response(b"gif", media_type="image/gif")))
    for number in (0, 1, 2, 2):
        response = client.get(f"/{number}")
        assert response.headers.get_list("content-type") == ["image/gif"]
        assert response.headers.get_list("cache-control") == ["no-store"]


def test_binary_headers_are_set_on_a_stream(connect: Connect):
    class Streaming(TechMicroService):
        @entry(no_auth=True, binary_headers={"content-type": "image/png"})
        async def get(self):
            yield b"p"
            yield b"ng"

    response = connect(Streaming()).get("/")
    assert (response.content, response.headers.get_list("content-type")) == (b"png", ["image/png"])


def test_an_error_does_not_get_the_binary_headers(connect: Connect):
    response = connect(binary(object())).get("/0")
    assert_hidden_500(response)
    assert "cache-control" not in response.headers
