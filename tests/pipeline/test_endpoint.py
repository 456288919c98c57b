"""The steps around an entry: what it may declare and return, and who is told of what fails."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated
from urllib.parse import quote

import annotated_types
import httpx2
import pydantic
import pytest
import typing_extensions
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from coworks_async import DeclarationError, TechMicroService, entry
from tests.clients import Connect


@dataclass
class Cap:
    size: int = 3


@dataclass(frozen=True)
class Pen:
    colour: str
    price: Decimal = Decimal("1.00")
    caps: list[Cap] = field(default_factory=list)


class Default(TechMicroService):
    @entry(no_auth=True)
    async def post(self, pens: list[Pen] | None = None) -> list[Pen] | None:
        return pens

    @entry(no_auth=True)
    async def post_one(self, pen: Pen) -> Pen:
        return pen


def test_a_dataclass_keeps_the_defaults_that_the_client_left_out(connect: Connect):
    client = connect(Default())
    red = {"colour": "red", "price": "1.00", "caps": [{"size": 3}]}
    assert client.post("/one", json={"colour": "red", "caps": [{}]}).json() == red
    assert client.post("/", json={"pens": [{"colour": "red", "caps": [{}]}]}).json() == [red]


class Late(TechMicroService):
    @entry(no_auth=True)
    async def get(self) -> AsyncIterator[str]:
        yield "begun"
        raise ValueError("late")


def test_teardown_is_told_of_a_stream_that_breaks_off():
    app, told = Late(), []

    @app.teardown_request
    def keep(error: Exception | None) -> None:
        told.append(repr(error))

    TestClient(app, raise_server_exceptions=False).get("/")
    assert told == ["ValueError('late')"]


def test_a_422_lists_a_hundred_faults_and_counts_the_rest(connect: Connect):
    answer = connect(Default()).post("/one", json={"x" * 600 + str(number): 1 for number in range(1000)})
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert [error["name"] for error in errors[100:]] == ["", "colour"]
    assert errors[100]["detail"] == "And 900 more"
    assert len(answer.content) < 200_000


@pytest.mark.parametrize(
    "annotation",
    [
        pydantic.PositiveInt,
        list[pydantic.PositiveInt],
        Annotated[int, annotated_types.Ge(3)] | None,
        Annotated[str, pydantic.StringConstraints(max_length=2)],
        Annotated[int, pydantic.AfterValidator(abs)],
    ],
)
def test_a_constraint_that_would_not_be_looked_at_is_refused_when_the_service_is_built(annotation: object):
    class Service(TechMicroService):
        @entry
        async def get(self, *, value) -> None:
            """Its annotation is set below."""

        get.__annotations__["value"] = annotation

    with pytest.raises(DeclarationError, match=r"Service.get: cannot convert parameter 'value': .* has no effect"):
        Service()


@dataclass
class Constrained:
    size: pydantic.PositiveInt


def test_a_constraint_in_a_field_is_refused_as_well():
    class Service(TechMicroService):
        @entry
        async def post(self, item: Constrained) -> None:
            """Never served."""

    with pytest.raises(DeclarationError, match="has no effect"):
        Service()


class Older(typing_extensions.TypedDict):
    size: int


class Hooked(TechMicroService):
    @entry(no_auth=True)
    async def get(self, status: int = 200) -> Response:
        return Response("body", status)

    @entry(no_auth=True)
    async def get_header(self, value: str) -> tuple[str, dict[str, str]]:
        return "x", {"X-Value": value, **({"Content-Length": "2"} if value == "length" else {})}

    @entry(no_auth=True)
    async def post(self, item: Older) -> Older:
        return item

    @entry(no_auth=True)
    async def get_model(self) -> object:
        return Loose(data={"x": float("nan")})

    @entry(no_auth=True)
    async def get_rest(self, *path: str) -> str:
        return "entry"


class Loose(pydantic.BaseModel):
    data: dict[str, object] = {}


def test_a_typed_dict_of_typing_extensions_takes_the_whole_body(connect: Connect):
    assert connect(Hooked()).post("/", json={"size": "3"}).json() == {"size": 3}


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none_whoever_made_the_response(connect: Connect, status: int):
    client = connect(Hooked())
    answer = client.get("/", params={"status": status})
    assert (answer.status_code, answer.content) == (status, b"")
    assert client.get("/").text == "body"


@pytest.mark.parametrize("value", [" a", "a ", "\ta", "length"])
def test_a_header_that_servers_do_not_agree_on_is_a_500(connect: Connect, value: str):
    client = connect(Hooked())
    assert client.get(f"/header/{quote(value)}").status_code == 500


def test_a_nan_that_pydantic_would_write_as_null_is_a_500(connect: Connect):
    assert connect(Hooked()).get("/model").status_code == 500


def test_the_slash_does_not_change_which_route_answers():
    app = Hooked(routes=[Route("/rest/plain", lambda request: PlainTextResponse("plain"))])
    client = TestClient(app)
    assert [client.get(path).text for path in ("/rest/plain", "/rest/plain/", "/rest/other")] == [
        "plain",
        "plain",
        "entry",
    ]


def test_the_hooks_behind_one_that_fails_still_run_and_teardown_is_told():
    app, told = Hooked(), []

    @app.teardown_request
    async def keep(error: Exception | None) -> None:
        told.append(repr(error))

    @app.after_request
    async def secure(response: Response) -> Response:
        response.headers["x-frame-options"] = "DENY"
        return response

    @app.after_request
    async def fail(response: Response) -> Response:
        raise RuntimeError("hook")

    answer = TestClient(app).get("/")
    assert (answer.status_code, answer.headers["x-frame-options"]) == (500, "DENY")
    assert told == ["RuntimeError('hook')"]


async def test_teardown_is_told_of_a_request_that_is_cancelled():
    class Slow(TechMicroService):
        @entry(no_auth=True)
        async def get(self) -> None:
            begun.set()
            await asyncio.Event().wait()

    app, begun, told = Slow(), asyncio.Event(), []

    @app.teardown_request
    async def keep(error: BaseException | None) -> None:
        told.append(type(error))

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        task = asyncio.create_task(client.get("/"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert told == [asyncio.CancelledError]


class Sizes(pydantic.BaseModel):
    sizes: list[int]


def test_a_422_lists_three_hundred_faults_of_any_kind_and_counts_the_rest(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def post(self, item: Sizes) -> None:
            """Never reached."""

    answer = connect(Service()).post("/", json={"sizes": ["x"] * 400})
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert len(errors) == 301
    assert (errors[0]["name"], errors[-1]["detail"]) == ("sizes.0", "And 100 more")


class Site(pydantic.BaseModel):
    url: pydantic.HttpUrl
    title: str | None = None


def test_what_only_pydantic_can_write_is_no_nan(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self) -> Site:
            return Site(url=pydantic.HttpUrl("https://example.com/a"))

    assert connect(Service()).get("/").json() == {"url": "https://example.com/a", "title": None}
