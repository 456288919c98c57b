"""The steps around an entry: values in and out, failures and teardown."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import annotated_types
import httpx2
import pydantic
import pytest
import typing_extensions
from starlette.responses import FileResponse, PlainTextResponse, Response
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


def test_missing_fields_of_a_dataclass_have_their_defaults(connect: Connect):
    client = connect(Default())
    red = {"colour": "red", "price": "1.00", "caps": [{"size": 3}]}
    assert client.post("/one", json={"colour": "red", "caps": [{}]}).json() == red
    assert client.post("/", json={"pens": [{"colour": "red", "caps": [{}]}]}).json() == [red]


class Late(TechMicroService):
    @entry(no_auth=True)
    async def get(self) -> AsyncIterator[str]:
        yield "started"
        raise ValueError("late")


def test_teardown_receives_the_error_of_a_stream():
    app, seen = Late(), []

    @app.teardown_request
    def keep(error: Exception | None) -> None:
        seen.append(repr(error))

    TestClient(app, raise_server_exceptions=False).get("/")
    assert seen == ["ValueError('late')"]


def test_a_422_lists_a_hundred_unknown_names_and_counts_the_rest(connect: Connect):
    response = connect(Default()).post("/one", json={"x" * 600 + str(number): 1 for number in range(1000)})
    assert response.status_code == 422
    errors = response.json()["errors"]
    assert [error["name"] for error in errors[100:]] == ["", "colour"]
    assert errors[100]["detail"] == "900 more errors are not listed"
    assert len(response.content) < 200_000


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
def test_an_unsupported_constraint_is_a_declaration_error(annotation: object):
    class Service(TechMicroService):
        @entry
        async def get(self, *, value) -> None:
            """The annotation is set below."""

        get.__annotations__["value"] = annotation

    with pytest.raises(DeclarationError, match=r"Service.get: cannot convert parameter 'value': .* has no effect"):
        Service()


@dataclass
class Constrained:
    size: pydantic.PositiveInt


def test_an_unsupported_constraint_of_a_field_is_a_declaration_error():
    class Service(TechMicroService):
        @entry
        async def post(self, item: Constrained) -> None:
            """Not called."""

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


def test_a_typed_dict_of_typing_extensions_is_a_structured_parameter(connect: Connect):
    assert connect(Hooked()).post("/", json={"size": "3"}).json() == {"size": 3}


@pytest.mark.parametrize("status", [204, 304])
def test_the_body_of_a_response_with_a_bodiless_status_is_removed(connect: Connect, status: int):
    client = connect(Hooked())
    response = client.get("/", params={"status": status})
    assert (response.status_code, response.content) == (status, b"")
    assert client.get("/").text == "body"


def test_a_file_with_a_bodiless_status_is_not_sent(connect: Connect, tmp_path: Path):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self) -> Response:
            return FileResponse(tmp_path / "page.txt", 304, {"etag": '"1"'})

    (tmp_path / "page.txt").write_text("page")
    response = connect(Service()).get("/")
    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", '"1"')


@pytest.mark.parametrize("value", [" a", "a ", "\ta", "length"])
def test_a_header_that_some_servers_reject_is_a_500(connect: Connect, value: str):
    client = connect(Hooked())
    assert client.get(f"/header/{quote(value)}").status_code == 500


def test_a_nan_that_pydantic_would_write_as_null_is_a_500(connect: Connect):
    assert connect(Hooked()).get("/model").status_code == 500


def test_a_trailing_slash_does_not_change_which_route_matches():
    app = Hooked(routes=[Route("/rest/plain", lambda request: PlainTextResponse("plain"))])
    client = TestClient(app)
    assert [client.get(path).text for path in ("/rest/plain", "/rest/plain/", "/rest/other")] == [
        "plain",
        "plain",
        "entry",
    ]


def test_after_a_failing_hook_the_others_run_and_teardown_receives_the_error():
    app, seen = Hooked(), []

    @app.teardown_request
    async def keep(error: Exception | None) -> None:
        seen.append(repr(error))

    @app.after_request
    async def secure(response: Response) -> Response:
        response.headers["x-frame-options"] = "DENY"
        return response

    @app.after_request
    async def fail(response: Response) -> Response:
        raise RuntimeError("hook")

    response = TestClient(app).get("/")
    assert (response.status_code, response.headers["x-frame-options"]) == (500, "DENY")
    assert seen == ["RuntimeError('hook')"]


async def test_teardown_receives_the_cancellation_of_a_request():
    class Slow(TechMicroService):
        @entry(no_auth=True)
        async def get(self) -> None:
            started.set()
            await asyncio.Event().wait()

    app, started, seen = Slow(), asyncio.Event(), []

    @app.teardown_request
    async def keep(error: BaseException | None) -> None:
        seen.append(type(error))

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        task = asyncio.create_task(client.get("/"))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert seen == [asyncio.CancelledError]


class Sizes(pydantic.BaseModel):
    sizes: list[int]


def test_a_422_lists_three_hundred_errors_and_counts_the_rest(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def post(self, item: Sizes) -> None:
            """Not called."""

    response = connect(Service()).post("/", json={"sizes": ["x"] * 400})
    assert response.status_code == 422
    errors = response.json()["errors"]
    assert len(errors) == 301
    assert (errors[0]["name"], errors[-1]["detail"]) == ("sizes.0", "100 more errors are not listed")


class Site(pydantic.BaseModel):
    url: pydantic.HttpUrl
    title: str | None = None


def test_a_type_that_only_pydantic_encodes_is_not_taken_for_nan(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self) -> Site:
            return Site(url=pydantic.HttpUrl("https://example.com/a"))

    assert connect(Service()).get("/").json() == {"url": "https://example.com/a", "title": None}
