"""What an entry tells of its answer: status and headers in a tuple, a Starlette response, `binary_headers`."""

import threading
from http import HTTPStatus
from typing import NamedTuple

import pytest
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import answers, assert_hidden_500, returning
from tests.tools import PATIENCE


class Pair(NamedTuple):
    x: str
    y: str


def test_a_body_and_a_status(connect: Connect):
    answer = connect(returning(({"made": 1}, 201))).get("/")
    assert (answer.status_code, answer.json()) == (201, {"made": 1})
    assert answer.headers["content-type"] == "application/json"


def test_a_status_may_be_an_http_status(connect: Connect):
    assert connect(returning(("tea", HTTPStatus.IM_A_TEAPOT))).get("/").status_code == 418


def test_a_body_and_headers(connect: Connect):
    answer = connect(returning(("<p>", {"Content-Type": "text/html", "X-Kind": "page"}))).get("/")
    assert (answer.status_code, answer.text) == (200, "<p>")
    assert answer.headers.get_list("content-type") == ["text/html"]
    assert answer.headers["x-kind"] == "page"


def test_a_body_a_status_and_headers(connect: Connect):
    answer = connect(returning((b"x", 202, {"x-kind": "blob"}))).get("/")
    assert (answer.status_code, answer.content, answer.headers["x-kind"]) == (202, b"x", "blob")


def test_a_header_may_be_sent_several_times(connect: Connect):
    headers = [("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("vary", "origin")]
    answer = connect(returning(("ok", 200, headers))).get("/")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert answer.headers["vary"] == "origin"


@differs("rest-content-type")
def test_none_with_a_status_has_an_empty_body_and_no_type(connect: Connect):
    answer = connect(returning((None, 201, {"location": "/pens/1"}))).get("/")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (201, b"", "0")
    assert answer.headers["location"] == "/pens/1"
    assert "content-type" not in answer.headers


def test_none_with_headers_stays_a_204(connect: Connect):
    answer = connect(returning((None, {"x-kind": "none"}))).get("/")
    assert (answer.status_code, answer.content, answer.headers["x-kind"]) == (204, b"", "none")


@differs("rest-content-type")
@pytest.mark.parametrize(("status", "length"), [(204, None), (205, "0"), (304, None)])
def test_a_status_that_has_no_body_is_sent_without(connect: Connect, status: int, length: str | None):
    answer = connect(returning(({"a": 1}, status, {"etag": '"1"'}))).get("/")
    assert (answer.status_code, answer.content, answer.headers.get("content-length")) == (status, b"", length)
    assert answer.headers["etag"] == '"1"'
    assert "content-type" not in answer.headers


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
    for _, answer in answers(connect, TUPLES):
        assert_hidden_500(answer)


def test_a_status_that_is_not_final_is_a_500(connect: Connect):
    for _, answer in answers(connect, [("body", status) for status in (0, 99, 100, 101, 199, 600, -200, 2**40)]):
        assert_hidden_500(answer)


BAD_HEADERS = [
    {"x-kind": "a\r\nset-cookie: b=1"},
    {"x-kind": "a\nb"},
    {"x-kind": "a\0b"},
    {"x-kind\r\nset-cookie": "b"},
    {"x kind": "a"},
    {"x:kind": "a"},
    {"": "a"},
]


def test_a_header_that_would_be_two_lines_is_a_500(connect: Connect):
    told = [("body", headers) for headers in BAD_HEADERS]
    made = [Response("body", headers=headers) for headers in BAD_HEADERS]
    for _, answer in answers(connect, [*told, *made]):
        assert_hidden_500(answer)
        assert "set-cookie" not in answer.headers


# --- responses


def test_a_response_is_itself(connect: Connect):
    response = HTMLResponse("<p>", 203, headers={"x-kind": "html"})
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    answer = connect(returning(response)).get("/")
    assert (answer.status_code, answer.text, answer.headers["x-kind"]) == (203, "<p>", "html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert [cookie.split(";")[0] for cookie in answer.headers.get_list("set-cookie")] == ["a=1", "b=2"]


def test_a_redirect_is_not_followed_by_the_service(connect: Connect):
    answer = connect(returning(RedirectResponse("/elsewhere"))).get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"], answer.content) == (307, "/elsewhere", b"")


def test_a_file_is_sent(connect: Connect, tmp_path):
    (tmp_path / "page.txt").write_text("page")
    client = connect(returning(FileResponse(tmp_path / "page.txt")))
    assert client.get("/").text == "page"
    head = client.head("/")
    assert (head.content, head.headers["content-length"]) == (b"", "4")


def test_a_file_that_is_not_there_is_a_500(connect: Connect, tmp_path):
    assert_hidden_500(connect(returning(FileResponse(tmp_path / "none.txt"))).get("/"))


def test_a_response_with_a_status_that_is_not_final_is_a_500(connect: Connect):
    assert_hidden_500(connect(returning(Response("x", status_code=42))).get("/"))


def test_the_background_of_a_response_runs(connect: Connect):
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
        answer = client.get(f"/{number}")
        assert answer.content == b"png"
        assert answer.headers.get_list("content-type") == ["image/png"]
        assert answer.headers.get_list("cache-control") == ["no-store"]


def test_a_header_that_the_entry_sets_itself_stands(connect: Connect):
    told = [(b"gif", {"content-type": "image/gif"}), (b"gif", 200, [("Content-Type", "image/gif")])]
    client = connect(binary(*told, Response(b"gif", media_type="image/gif")))
    for number in (0, 1, 2, 2):
        answer = client.get(f"/{number}")
        assert answer.headers.get_list("content-type") == ["image/gif"]
        assert answer.headers.get_list("cache-control") == ["no-store"]


def test_binary_headers_are_set_on_a_stream(connect: Connect):
    class Streaming(TechMicroService):
        @entry(no_auth=True, binary_headers={"content-type": "image/png"})
        async def get(self):
            yield b"p"
            yield b"ng"

    answer = connect(Streaming()).get("/")
    assert (answer.content, answer.headers.get_list("content-type")) == (b"png", ["image/png"])


def test_an_error_does_not_get_the_binary_headers(connect: Connect):
    answer = connect(binary(object())).get("/0")
    assert_hidden_500(answer)
    assert "cache-control" not in answer.headers
