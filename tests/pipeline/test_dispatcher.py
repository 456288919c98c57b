"""Where every request comes in: what is refused before an entry, and what an adapter may tell it."""

import logging

import pytest
from starlette.testclient import TestClient

from coworks_async import Blueprint, DeclarationError, TechMicroService, entry, request
from coworks_async.pipeline.authorizer import AUTHORIZED
from tests.clients import Connect
from tests.differences import differs


class Echo(TechMicroService):
    @entry(no_auth=True)
    async def get(self, name: str) -> str:
        return name


@differs("http-path")
@pytest.mark.parametrize("path", ["/%ff", "/a%c3", "/%e9t%e9"])
def test_a_path_that_is_no_utf_8_is_refused(connect: Connect, path: str):
    answer = connect(Echo()).get(path)
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
    with pytest.raises(DeclarationError, match="must be a string"):
        TechMicroService().register_blueprint(Blueprint(), prefix)


def test_a_path_parameter_has_an_ascii_name():
    class Service(TechMicroService):
        @entry
        async def get(self, numéro: int) -> int:
            return numéro

    with pytest.raises(DeclarationError, match="parameter 'numéro' is a path segment, whose name must be ASCII"):
        Service()
