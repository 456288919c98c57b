"""`url_for`: the URL of an entry, from which the same values are bound."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount

from coworks_async import (
    Blueprint,
    Cookie,
    Header,
    RequestContextError,
    TechMicroService,
    UnknownEndpoint,
    entry,
    request,
)
from coworks_async.testing import TestClient
from tests.clients import Connect, run_server
from tests.differences import differs
from tests.tools import PATIENCE


class Colour(Enum):
    DARK_RED = "dark red"


class Admin(Blueprint):
    @entry(no_auth=True)
    async def get_route(self):
        return "routes"


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return [self.url_for("get"), self.url_for("get", _external=True)]

    @entry(no_auth=True)
    async def get_pens(self, key, page__number__: int = 0, filter__: dict[str, str] | None = None, q: str = ""):
        return {"key": key, "page": page__number__, "filter": filter__, "q": q}

    @entry(no_auth=True)
    async def get_kinds(self, on: date, colour: Colour, flag: bool, *, at: datetime, ident: UUID, price: Decimal):
        return [on, colour, flag, at, ident, price]

    @entry(no_auth=True)
    async def get_files(self, *path, tags: list[str] = []):  # noqa: B006
        return {"path": list(path), "tags": tags}

    @entry(no_auth=True)
    async def get_starlette(self):
        return [str(request.url_for("get_pens", key="blue")), str(request.url_for("admin:get_route"))]

    @entry(no_auth=True)
    async def get_urls(self):
        return [
            self.url_for("get_pens", key="a"),
            self.url_for("admin.get_route", _external=True),
            self.url_for("get_pens", _external=True, key="é", q="a b"),
        ]


def shop() -> Shop:
    app = Shop()
    app.register_blueprint(Admin(), url_prefix="/admin")
    return app


def test_an_endpoint_is_the_method_name_with_the_blueprint_name():
    app = shop()
    assert app.url_for("get") == "/"
    assert app.url_for("get_pens", key="blue") == "/pens/blue"
    assert app.url_for("admin.get_route") == "/admin/route"


def test_parameters_that_are_not_in_the_path_become_the_query():
    url = shop().url_for("get_pens", key="b", q="a&b", new="x y", several=["1", "2"], none=None, empty=[], flag=True)
    assert url == "/pens/b?q=a%26b&new=x+y&several=1&several=2&flag=true"


def test_a_parameter_has_the_name_that_a_client_uses():
    url = shop().url_for("get_pens", key="b", page__number__=3, filter__={"a.b": "c", "d": "e"})
    assert url == "/pens/b?page%5Bnumber%5D=3&filter%5Ba.b%5D=c&filter%5Bd%5D=e"


def test_the_rest_of_a_path_can_be_a_sequence_or_a_string():
    app = shop()
    assert app.url_for("get_files") == "/files"
    assert app.url_for("get_files", path=["a", "b c"]) == app.url_for("get_files", path="a/b c") == "/files/a/b%20c"
    assert app.url_for("get_files", path=(1, True), tags={"x"}) == "/files/1/true?tags=x"


def test_segments_are_encoded():
    assert shop().url_for("get_pens", key="a b?c#d%2F=é") == "/pens/a%20b%3Fc%23d%252F%3D%C3%A9"


@differs("http-question-mark")
def test_a_url_leads_to_the_entry_with_the_same_values(connect: Connect):
    app = shop()
    client = connect(app)
    values: dict[str, Any] = {"key": "a b?é%", "page__number__": 3, "filter__": {"a.b": "c&d"}, "q": "+ %20"}
    response = client.get(app.url_for("get_pens", **values)).json()
    assert response == {"key": "a b?é%", "page": 3, "filter": {"a.b": "c&d"}, "q": "+ %20"}
    moment = datetime(2024, 2, 29, 12, 30, 0, 5, tzinfo=UTC)
    ident = UUID("12345678-1234-5678-1234-567812345678")
    path: dict[str, Any] = {"on": moment.date(), "colour": Colour.DARK_RED, "flag": False}
    url = app.url_for("get_kinds", **path, at=moment, ident=ident, price=Decimal(1))
    assert client.get(url).json() == ["2024-02-29", "dark red", False, "2024-02-29T12:30:00.000005Z", str(ident), "1"]
    files = client.get(app.url_for("get_files", path=["a", "é b"], tags=["x&y", ""])).json()
    assert files == {"path": ["a", "é b"], "tags": ["x&y", ""]}


@pytest.mark.parametrize(("path", "key"), [("/pens/%2541", "%41"), ("/pens/%252F", "%2F"), ("/pens/%2500", "%00")])
def test_a_path_is_decoded_once(connect: Connect, path: str, key: str):
    response = connect(shop()).get(path)
    assert (response.status_code, response.json()["key"]) == (200, key)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1).filter(
    lambda text: text not in (".", "..")  # removed by clients
)


names = st.from_regex("[a-z.]+", fullmatch=True)


@given(texts, st.integers(-(2**63), 2**63), st.dictionaries(names, texts), texts)
def test_all_values_are_received_unchanged(key: str, page: int, filters: dict[str, str], q: str):
    response = CLIENT.get(APP.url_for("get_pens", key=key, page__number__=page, filter__=filters, q=q))
    assert response.json() == {"key": key, "page": page, "filter": filters or None, "q": q}


APP = shop()
CLIENT = TestClient(APP)


@pytest.mark.parametrize(
    ("endpoint", "params", "message"),
    [
        ("get_nothing", {}, r"Unknown endpoint 'get_nothing'\. Endpoints: admin\.get_route, get, get_files, "),
        ("get_route", {}, "Unknown endpoint 'get_route'"),
        ("get_pens", {}, r"The path of 'get_pens' requires: key\."),
        ("get_kinds", {"on": 1}, r"The path of 'get_kinds' requires: colour, flag\."),
        ("get_pens", {"key": ""}, r"key='' is not one segment of the path of 'get_pens'\."),
        ("get_pens", {"key": "a/b"}, r"key='a/b' is not one segment of the path of 'get_pens'\."),
    ],
)
def test_an_invalid_endpoint_or_path_parameter_is_an_error(endpoint: str, params: dict[str, Any], message: str):
    with pytest.raises(UnknownEndpoint, match=message):
        shop().url_for(endpoint, **params)


def test_an_external_url_has_the_scheme_and_host_of_the_request(connect: Connect):
    client = connect(shop())
    base = str(client.base_url).rstrip("/")
    assert client.get("/").json() == ["/", f"{base}/"]
    assert client.get("/urls").json() == ["/pens/a", f"{base}/admin/route", f"{base}/pens/%C3%A9?q=a+b"]
    assert client.get("/", headers={"host": "shop.example:8080"}).json()[1] == "http://shop.example:8080/"


def test_an_external_url_outside_a_request_is_an_error():
    with pytest.raises(RequestContextError, match="There is no current request"):
        shop().url_for("get", _external=True)


def test_url_for_includes_the_mount_of_the_service(connect: Connect):
    client = connect(Starlette(routes=[Mount("/out/{name}", Starlette(routes=[Mount("/in", shop())]))]))
    base = str(client.base_url).rstrip("/")
    root = "/out/a%20b/in"
    assert client.get(f"{root}/").json() == [f"{root}/", f"{base}{root}/"]
    assert client.get(f"{root}/urls").json()[:2] == [f"{root}/pens/a", f"{base}{root}/admin/route"]


def test_url_for_includes_the_root_path_of_the_server():
    with run_server(shop(), root_path="/api") as base, httpx2.Client(base_url=base, timeout=PATIENCE) as client:
        assert client.get("/").json() == ["/api/", f"{base}/api/"]
        assert client.get("/starlette").json() == [f"{base}/api/pens/blue", f"{base}/api/admin/route"]


def test_starlettes_url_for_works(connect: Connect):
    app = shop()
    client = connect(app)
    base = str(client.base_url).rstrip("/")
    assert client.get("/starlette").json() == [f"{base}/pens/blue", f"{base}/admin/route"]
    assert app.url_path_for("get_files", path="a/b") == "/files/a/b"


def test_a_header_or_a_cookie_is_not_part_of_a_url():
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(
            self, q: str = "", trace: Annotated[str, Header()] = "", session: Annotated[str, Cookie()] = ""
        ): ...

    app = Service()
    assert app.url_for("get", q="a") == "/?q=a"
    with pytest.raises(UnknownEndpoint, match="'trace' of 'get' is a header"):
        app.url_for("get", trace="a")
    with pytest.raises(UnknownEndpoint, match="'session' of 'get' is a cookie"):
        app.url_for("get", session="a")


class Words(TechMicroService):
    @entry(no_auth=True)
    async def get_été(self):
        return "summer"

    @entry(no_auth=True)
    async def get_ночь(self):
        return "night"

    @entry("/a$b/c:d@e", no_auth=True)
    async def get_reserved(self):
        return "reserved"

    @entry(no_auth=True)
    async def get_redirect(self, endpoint: str):
        return None, 303, {"Location": self.url_for(endpoint)}


@pytest.mark.parametrize(
    ("endpoint", "path", "text"),
    [
        ("get_été", "/%C3%A9t%C3%A9", "summer"),
        ("get_ночь", "/%D0%BD%D0%BE%D1%87%D1%8C", "night"),
        ("get_reserved", "/a$b/c:d@e", "reserved"),
    ],
)
def test_a_static_path_is_encoded(connect: Connect, endpoint: str, path: str, text: str):
    client = connect(Words())
    response = client.get(f"/redirect/{endpoint}")
    assert (response.status_code, response.headers["location"]) == (303, path)
    assert client.get(response.headers["location"]).text == text
