"""The dispatcher: invalid paths, declaration errors in Lambda, and authorization by an adapter."""

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
def test_a_path_that_is_not_utf_8_is_a_400(connect: Connect, path: str):
    response = connect(Echo()).get(path)
    assert response.status_code == 400
    assert response.json()["detail"] == "The path is not UTF-8."


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
def test_internal_parameter_names_are_available_to_clients(connect: Connect, name: str):
    client = connect(Anything())
    assert client.get("/", params={name: "1"}).json() == {name: "1"}
    assert client.post("/", params={name: "1"}).json() == {name: "1"}


@pytest.mark.parametrize("name", ["this", "self"])
def test_the_name_of_the_receiver_is_rejected(connect: Connect, name: str):
    response = connect(Anything()).get("/", params={name: "1"})
    assert response.status_code == 422
    assert [error["name"] for error in response.json()["errors"]] == [name]


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


def test_in_lambda_a_declaration_error_is_a_500_of_that_entry_only(
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
        response = client.get("/wrong")
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert "value" in caplog.text
    assert client.get("/right").text == "right"


def test_debug_set_later_has_no_effect_in_lambda(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "late")

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self) -> str:
            raise ValueError("a secret")

    app = Service()
    app.debug = True
    response = TestClient(app, raise_server_exceptions=False).get("/")
    assert response.status_code == 500
    assert "secret" not in response.text


def test_an_adapters_authorization_applies_only_to_its_service():
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
def test_an_invalid_token_key_is_a_declaration_error(token_key: str):
    class Service(TechMicroService):
        pass

    Service.token_key = token_key
    with pytest.raises(DeclarationError, match=r"Service.token_key: .* is not a valid header name"):
        Service()


def test_url_for_accepts_a_parameter_named_endpoint():
    class Service(TechMicroService):
        @entry
        async def get(self, endpoint: str) -> str:
            return endpoint

    assert Service().url_for("get", endpoint="a b") == "/a%20b"


class Uninitialized(Blueprint):
    def __init__(self) -> None:
        """Does not call super().__init__()."""


@pytest.mark.parametrize("blueprint", [Blueprint, Uninitialized(), None, "items"])
def test_registering_something_else_than_a_blueprint_is_an_error(blueprint: Blueprint):
    with pytest.raises(DeclarationError, match="is not an initialized Blueprint instance"):
        TechMicroService().register_blueprint(blueprint)


def test_a_prefix_that_is_not_a_string_is_an_error():
    prefix: str = None  # type: ignore[assignment]
    with pytest.raises(DeclarationError, match="must be a string"):
        TechMicroService().register_blueprint(Blueprint(), prefix)


def test_a_path_parameter_must_have_an_ascii_name():
    class Service(TechMicroService):
        @entry
        async def get(self, numéro: int) -> int:
            return numéro

    with pytest.raises(DeclarationError, match="parameter 'numéro' is a path segment, whose name must be ASCII"):
        Service()
