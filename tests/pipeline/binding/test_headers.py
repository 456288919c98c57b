"""Headers and cookies bind to the parameters that are marked with `Header` and `Cookie`."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import httpx2
import pytest
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.testclient import TestClient

from coworks_async import Cookie, Header, Request, TechMicroService, entry
from tests.clients import Connect
from tests.differences import differs
from tests.http_requests import assert_bound, assert_rejected, format_values
from tests.pipeline.async_services import EVENT, StoringService, assert_accepted

ID = "12345678-1234-5678-1234-567812345678"


class Pen(Struct):
    colour: str


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get_items(
        self,
        trace: Annotated[str, Header("X-Trace")],
        number: int,
        limit: int = 10,
        x_level: Annotated[int, Header(), Meta(ge=1)] = 1,
    ):
        return format_values(trace, number, limit, x_level)

    @entry(no_auth=True)
    async def post_items(
        self, number: int, x_day: Annotated[date | None, Header()] = None, *, title: str, note: str = ""
    ):
        return format_values(number, x_day, title, note)

    @entry(no_auth=True)
    async def get_me(
        self,
        session: Annotated[UUID, Cookie()],
        theme: Annotated[Literal["light", "dark"], Cookie("__Host-theme")] = "light",
    ):
        return format_values(session, theme)

    @entry(no_auth=True)
    async def get_tags(self, x_tags: Annotated[tuple[int, ...] | None, Header()] = None):
        return format_values(x_tags)

    @entry(no_auth=True)
    async def get_either(self, x_tag: Annotated[str | list[str], Header()] = ""):
        return format_values(x_tag)


def test_headers_are_converted_and_their_names_are_case_insensitive(connect: Connect):
    client = connect(Service())
    assert_bound(client.get("/items/3", headers={"X-TRACE": "a b", "x-level": "007"}), "a b", 3, 10, 7)
    assert_bound(client.get("/items/3?limit=5", headers={"x-trace": "a"}), "a", 3, 5, 1)
    assert client.head("/items/3", headers={"x-trace": "a"}).status_code == 200


def test_headers_are_bound_next_to_a_body(connect: Connect):
    client = connect(Service())
    headers = {"x-day": "2024-02-29"}
    for response in (
        client.post("/items/3", headers=headers, json={"title": "t", "note": "n"}),
        client.post("/items/3", headers=headers, data={"title": "t", "note": "n"}),
        client.post("/items/3?title=t&note=n", headers=headers),
    ):
        assert_bound(response, 3, date(2024, 2, 29), "t", "n")
    assert_bound(client.post("/items/3", json={"title": "t"}), 3, None, "t", "")


def test_a_header_without_a_default_is_required(connect: Connect):
    client = connect(Service())
    assert_rejected(client.get("/items/3"), ("header", "X-Trace", "str", "Missing"))
    assert_rejected(client.get("/me"), ("cookie", "session", "UUID", "Missing"))
    assert_bound(client.get("/items/3", headers={"x-trace": ""}), "", 3, 10, 1)


def test_an_invalid_header_or_cookie_is_a_422_without_its_value(connect: Connect):
    client = connect(Service())
    response = client.get("/items/x?limit=y&nope=1", headers={"x-trace": "a", "x-level": "s3cr3t"})
    assert_rejected(
        response,
        ("path", "number", "int", "Expected `int`, got `str`"),
        ("query", "limit", "int", "Expected `int`, got `str`"),
        ("query", "nope", "nothing", "Unknown name; accepted names: limit"),
        ("header", "x-level", "int >= 1", "Expected `int`, got `str`"),
    )
    response = client.get("/items/3", headers={"x-trace": "a", "x-level": "0"})
    assert_rejected(response, ("header", "x-level", "int >= 1", "Expected `int` >= 1"))
    response = client.get("/me", headers={"cookie": "session=s3cr3t; __Host-theme=s3cr3t"})
    assert_rejected(
        response,
        ("cookie", "session", "UUID", "Invalid UUID"),
        ("cookie", "__Host-theme", "one of 'light', 'dark'", "Not one of the allowed values"),
    )
    assert "s3cr3t" not in response.text
    response = client.post("/items/3", headers={"x-day": "s3cr3t"}, json={"title": "t"})
    assert_rejected(response, ("header", "x-day", "date | None", "Invalid RFC3339 encoded date"))


def test_cookies_are_converted(connect: Connect):
    client = connect(Service())
    assert_bound(client.get("/me", headers={"cookie": f"other=1; session={ID}"}), UUID(ID), "light")
    cookies = f'odd; session="{ID}"; __Host-theme=dark;theme=light'
    assert_bound(client.get("/me", headers={"cookie": cookies}), UUID(ID), "dark")


def test_a_repeated_cookie_is_rejected(connect: Connect):
    response = connect(Service()).get("/me", headers={"cookie": f"session={ID}; session={ID}"})
    assert_rejected(response, ("cookie", "session", "UUID", "Given more than once"))


def test_a_list_is_a_repeated_header_or_one_with_commas(connect: Connect):
    client = connect(Service())
    for headers in ([("x-tags", "1"), ("x-tags", "2")], [("x-tags", "1,2")], [("x-tags", "1 , ,2")]):
        assert_bound(client.get("/tags", headers=headers), (1, 2))
    assert_bound(client.get("/tags", headers={"x-tags": "1"}), (1,))
    assert_bound(client.get("/tags", headers={"x-tags": ""}), ())
    assert_bound(client.get("/tags"), None)
    response = client.get("/tags", headers={"x-tags": "1,x"})
    assert_rejected(
        response, ("header", "x-tags", "tuple[int, ...] | None", "Expected `int`, got `str` - at `x-tags[1]`")
    )


REPEATED = [("x-tag", "a"), ("x-tag", "b"), ("x-trace", "a"), ("x-trace", "b")]


@differs("joined-headers")
def test_a_repeated_header_is_a_list_if_the_annotation_allows_one_and_is_otherwise_rejected(connect: Connect):
    client = connect(Service())
    assert_bound(client.get("/either", headers=REPEATED), ["a", "b"])
    assert_bound(client.get("/either", headers={"x-tag": "a,b"}), "a,b")
    response = client.get("/items/3", headers=REPEATED)
    assert_rejected(response, ("header", "X-Trace", "str", "Given more than once"))


def test_neither_the_query_nor_a_body_is_read_for_a_header(connect: Connect):
    client = connect(Service())
    headers = {"x-trace": "a"}
    for name in ("x_level", "x-level", "trace"):
        response = client.get(f"/items/3?{name}=1", headers=headers)
        assert_rejected(response, ("query", name, "nothing", "Unknown name; accepted names: limit"))
    response = client.post("/items/3", json={"title": "t", "x_day": "2024-02-29"})
    assert_rejected(response, ("body", "x_day", "nothing", "Unknown name; accepted names: title, note"))


def test_other_headers_and_cookies_are_ignored(connect: Connect):
    headers = {"x-trace": "a", "x-other": "1", "cookie": "other=1"}
    assert_bound(connect(Service()).get("/items/3", headers=headers), "a", 3, 10, 1)


class Mixed(TechMicroService):
    """Headers next to parameters of every other kind."""

    @entry(no_auth=True)
    async def get_fixed(self, x_a: Annotated[str, Header()] = "none", /, limit: int = 1):
        return format_values(x_a, limit)

    @entry(no_auth=True)
    async def get_rest(self, *path: int, x_a: Annotated[str, Header()], **others: str):
        return format_values(path, x_a, others)

    @entry(no_auth=True)
    async def post_pens(self, x_a: Annotated[str, Header()], pen: Pen, dry: bool = False):
        return format_values(x_a, pen, dry)

    @entry(no_auth=True)
    async def get_pens(self, pen: Pen, x_a: Annotated[str, Header()] = "none"):
        return format_values(x_a, pen)

    @entry(no_auth=True)
    async def post_raw(self, x_a: Annotated[int, Header()], request: Request):
        return format_values(x_a, await request.body())

    @entry(no_auth=True)
    async def post_text(self, text: str = "", x_a: Annotated[str, Header()] = "none"):
        return format_values(text, x_a)

    @entry(no_auth=True)
    async def get_plain(self, x_a: Annotated[Any, Header()] = None):
        return format_values(x_a)

    @entry(no_auth=True)
    def get_sync(self, x_a: Annotated[str | UnsetType, Header()] = UNSET):
        return format_values(x_a)


def test_headers_are_bound_next_to_parameters_of_every_kind(connect: Connect):
    client = connect(Mixed())
    headers = {"x-a": "1"}
    assert_bound(client.get("/fixed?limit=2", headers=headers), "1", 2)
    assert_bound(client.get("/fixed"), "none", 1)
    assert_bound(client.get("/rest/1/2?b=3", headers=headers), (1, 2), "1", {"b": "3"})
    assert_bound(client.post("/pens", headers=headers, json={"colour": "red"}), "1", Pen("red"), False)
    assert_bound(client.post("/pens?dry=1", headers=headers, json={"colour": "red"}), "1", Pen("red"), True)
    assert_bound(client.get("/pens?colour=red", headers=headers), "1", Pen("red"))
    assert_bound(client.post("/raw", headers=headers, content=b"{"), 1, b"{")
    assert_bound(client.post("/text", headers={**headers, "content-type": "text/plain"}, content="t"), "t", "1")
    assert_bound(client.get("/plain", headers=headers), "1")
    assert_bound(client.get("/plain"), None)
    assert_bound(client.get("/sync", headers=headers), "1")
    assert_bound(client.get("/sync"), UNSET)
    response = client.get("/rest?x_a=2", headers=headers)
    assert_rejected(response, ("query", "x_a", "nothing", "The name of another parameter"))
    response = client.post("/raw", headers={"x-a": "x"}, content=b"{")
    assert_rejected(response, ("header", "x-a", "int", "Expected `int`, got `str`"))


class Jobs(StoringService):
    @entry(background=True, no_auth=True)
    async def post(self, x_trace: Annotated[str, Header()], session: Annotated[str, Cookie()], *, note: str = ""):
        return [x_trace, session, note]


def test_an_asynchronous_call_keeps_headers_and_cookies(connect: Connect):
    app = Jobs()
    headers = {"X-Trace": "a", "Cookie": "other=1; session=s", **EVENT}
    assert_accepted(connect(app).post("/", headers=headers, json={"note": "n"}))
    assert app.stored.json == ["a", "s", "n"]


def test_the_binding_is_the_same_whichever_path_a_request_takes(connect: Connect):
    client = connect(Service())
    headers = {"x-trace": "a", "x-level": "2"}
    responses: list[httpx2.Response] = [
        client.get("/items/3?limit=5", headers=headers),
        client.get("/items/3?limit=%35", headers=headers),  # full binding
    ]
    for response in responses:
        assert_bound(response, "a", 3, 5, 2)


@pytest.mark.parametrize("sent", ["é", "Ÿ"])
def test_a_header_is_latin_1_text(sent: str):
    response = TestClient(Mixed()).get("/plain", headers=[(b"x-a", sent.encode())])
    assert_bound(response, sent.encode().decode("latin-1"))
