"""Where every request comes in: what is refused before an entry, and what an adapter may tell it."""

import asyncio
import logging
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

from coworks_async import Blueprint, DeclarationError, TechMicroService, entry, request
from coworks_async.pipeline.authorizer import AUTHORIZED
from tests.clients import Connect


class Echo(TechMicroService):
    @entry(no_auth=True)
    async def get(self, name: str) -> str:
        return name


@pytest.mark.parametrize("path", ["/%ff", "/a%c3", "/%e9t%e9"])
def test_a_path_that_is_no_utf_8_is_refused(path: str):
    client = TestClient(Echo())
    answer = client.get(path)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "The path is not UTF-8."


def test_a_replacement_character_that_was_sent_is_bound(connect: Connect):
    assert connect(Echo()).get("/%EF%BF%BD").text == "\ufffd"


class Anything(TechMicroService):
    @entry(no_auth=True)
    def get(this, **others: str) -> dict[str, str]:  # noqa: N805
        return others

    @entry(no_auth=True)
    async def post(self, **others: str) -> dict[str, str]:
        return others


@pytest.mark.parametrize("name", ["function", "func", "args", "kwargs", "scope", "hook"])
def test_no_name_of_ours_is_in_the_way_of_a_clients(connect: Connect, name: str):
    client = connect(Anything())
    assert client.get("/", params={name: "1"}).json() == {name: "1"}
    assert client.post("/", params={name: "1"}).json() == {name: "1"}


@pytest.mark.parametrize("name", ["this", "self"])
def test_the_name_of_the_receiver_is_refused_by_name(connect: Connect, name: str):
    answer = connect(Anything()).get("/", params={name: "1"})
    assert answer.status_code == 422
    assert [error["name"] for error in answer.json()["errors"]] == [name]


def test_a_hook_may_read_the_form_before_the_entry_does(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def post(self, *, size: int, kind: str = "") -> list[int | str]:
            return [size, kind]

    app = Service()

    @app.before_request
    async def look() -> None:
        form = await request.form()
        assert form["size"] == "3"

    client = connect(app)
    assert client.post("/", data={"size": "3"}).json() == [3, ""]
    assert client.post("/", data={"size": "3"}, files={"kind": (None, b"x")}).json() == [3, "x"]


def test_a_mistake_that_only_lambda_finds_late_is_a_500_of_that_entry_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "late")

    class Late(TechMicroService):
        @entry(no_auth=True)
        async def get_wrong(self, value: complex = 0j) -> str:
            return "never"

        @entry(no_auth=True)
        async def get_right(self) -> str:
            return "right"

    client = TestClient(Late())
    with caplog.at_level(logging.ERROR):
        answer = client.get("/wrong")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "value" in caplog.text
    assert client.get("/right").text == "right"


def test_debug_set_later_shows_nothing_in_lambda_either(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "late")

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self) -> str:
            raise ValueError("a secret")

    app = Service()
    app.debug = True
    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_whom_an_adapter_tells_of_is_let_in_by_that_service_alone():
    class Inner(TechMicroService):
        async def token_authorizer(self, token: str) -> bool:
            return False

        @entry
        async def get(self) -> dict[str, object]:
            return dict(request.auth or {})

    class Outer(Inner):
        pass

    outer, inner = Outer(), Inner()
    outer.mount("/inner", inner)

    class Adapter:
        async def __call__(self, scope, receive, send):
            await outer({**scope, AUTHORIZED: (outer, {"name": "Ann"})}, receive, send)

    client = TestClient(Adapter())
    assert client.get("/").json() == {"name": "Ann"}
    assert client.get("/inner/").status_code == 401


@pytest.mark.parametrize("token_key", ["", "X Token", "Tokén", None])
def test_a_token_key_that_is_no_headers_name_is_refused_when_the_service_is_built(token_key: str):
    class Service(TechMicroService):
        pass

    Service.token_key = token_key
    with pytest.raises(DeclarationError, match=r"Service.token_key is .*, which is no header's name"):
        Service()


def test_a_parameter_of_any_name_can_be_put_into_a_url():
    class Service(TechMicroService):
        @entry
        async def get(self, endpoint: str) -> str:
            return endpoint

    assert Service().url_for("get", endpoint="a b") == "/a%20b"


class Unmade(Blueprint):
    def __init__(self) -> None:
        """Forgets its base's."""


@pytest.mark.parametrize("blueprint", [Blueprint, Unmade(), None, "items"])
def test_what_is_no_blueprint_is_refused(blueprint: Blueprint):
    with pytest.raises(DeclarationError, match="takes a Blueprint's instance"):
        TechMicroService().register_blueprint(blueprint)


def test_a_prefix_that_is_no_string_is_refused():
    prefix: str = None  # type: ignore[assignment]
    with pytest.raises(DeclarationError, match="which is no string"):
        TechMicroService().register_blueprint(Blueprint(), prefix)


def test_a_path_parameter_has_an_ascii_name():
    class Service(TechMicroService):
        @entry
        async def get(self, numéro: int) -> int:
            return numéro

    with pytest.raises(DeclarationError, match=r"Service.get: the parameter 'numéro' stands in the path"):
        Service()


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

    with pytest.raises(DeclarationError, match=r"Service.get: the parameter 'value' .* would not be looked at"):
        Service()


@dataclass
class Constrained:
    size: pydantic.PositiveInt


def test_a_constraint_in_a_field_is_refused_as_well():
    class Service(TechMicroService):
        @entry
        async def post(self, item: Constrained) -> None:
            """Never served."""

    with pytest.raises(DeclarationError, match="would not be looked at"):
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
            await asyncio.sleep(60)

    app, told = Slow(), []

    @app.teardown_request
    async def keep(error: BaseException | None) -> None:
        told.append(type(error))

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        task = asyncio.create_task(client.get("/"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert told == [asyncio.CancelledError]
