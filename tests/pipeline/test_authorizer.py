"""Authorization: tokens, results of `token_authorizer`, and the default authorizer."""

import logging
import os
import threading
import types
from collections import UserDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest
from anyio import to_thread

from coworks_async import Blueprint, TechMicroService, entry, request
from coworks_async.pipeline.authorizer import matches_environment_token
from tests.clients import Connect, on_a_socket
from tests.differences import differs
from tests.pipeline.checks import assert_problem, warnings_and_worse
from tests.tools import PATIENCE


def authorized_by(authorizer, name="shop"):
    """Create a service whose `token_authorizer` is this function."""

    class Service(TechMicroService):
        async def token_authorizer(self, token: str):
            return authorizer(token)

        @entry
        async def get(self):
            return {"auth": dict(request.auth)}

    return Service(name=name)


class Default(TechMicroService):
    @entry
    async def get(self):
        return {"auth": request.auth}

    @entry(no_auth=True)
    async def get_open(self):
        return {"auth": request.auth}


def token(value: str) -> dict[str, str]:
    return {"authorization": value}


# --- missing, rejected and accepted tokens


@differs("http-own-errors", "remapped-headers")
def test_a_missing_token_is_a_401_with_a_challenge(connect: Connect):
    client = connect(authorized_by(lambda token: True, name="pen-shop"))
    for headers in ({}, {"authorization": ""}):
        response = client.get("/", headers=headers)
        assert_problem(response, 401, "Unauthorized", "A valid token is required.")
        assert response.headers["www-authenticate"] == 'Token realm="pen-shop"'


@differs("http-own-errors", "remapped-headers")
def test_a_name_that_is_invalid_in_a_header_is_escaped_in_the_challenge(connect: Connect):
    response = connect(authorized_by(lambda token: True, name='a "shop"\\é\n')).get("/")
    assert_problem(response, 401, "Unauthorized", "A valid token is required.")
    assert response.headers["www-authenticate"] == 'Token realm="a -shop----"'


@differs("http-own-errors")
def test_a_rejected_token_is_a_403(connect: Connect):
    response = connect(authorized_by(lambda token: False)).get("/", headers=token("any"))
    assert_problem(response, 403, "Forbidden", "Token rejected.")
    assert "www-authenticate" not in response.headers


def test_the_authorizer_receives_the_raw_header_value(connect: Connect):
    client = connect(authorized_by(lambda token: {"token": token}))
    for value in ("token", "Bearer a.b.c", "Basic dTpw", 'Digest a="b, c"', "in  side"):
        assert client.get("/", headers=token(value)).json() == {"auth": {"token": value}}


@differs("rest-repeated-token")
def test_a_repeated_header_is_joined_to_one_token(connect: Connect):
    client = connect(authorized_by(lambda token: {"token": token}))
    for values, joined in [(("a", "b"), "a,b"), (("", "b"), ",b"), (("a", ""), "a,")]:
        response = client.get("/", headers=[("Authorization", value) for value in values])
        assert response.json() == {"auth": {"token": joined}}


def test_a_second_token_never_hides_behind_an_allowed_one(connect: Connect):
    """A REST API asks about one of the values only."""
    client = connect(authorized_by(lambda token: {"token": token} if token == "good" else False))
    assert client.get("/", headers=token("good")).json() == {"auth": {"token": "good"}}
    for values in (("evil", "good"), ("good", "evil"), ("good", "good")):
        assert client.get("/", headers=[("Authorization", value) for value in values]).status_code == 403
    response = client.get("/", headers=[("Authorization", "good"), ("authorization", "evil"), ("accept", "*/*")])
    assert response.status_code == 403


PRINCIPALS = {
    "empty": {},
    "dict": {"rights": ["read"]},
    "proxy": types.MappingProxyType({"a": 1}),
    "own": UserDict(b=2),
}


def test_true_and_a_mapping_allow_and_set_the_principal(connect: Connect):
    client = connect(authorized_by({"true": True, **PRINCIPALS}.get))
    assert client.get("/", headers=token("true")).json() == {"auth": {}}
    for value, principal in PRINCIPALS.items():
        response = client.get("/", headers=token(value))
        assert (response.status_code, response.json()) == (200, {"auth": dict(principal)})


def test_false_and_none_deny(connect: Connect, caplog: pytest.LogCaptureFixture):
    client = connect(authorized_by({"false": False, "none": None}.get))
    for value in ("false", "none", "neither"):
        assert client.get("/", headers=token(value)).status_code == 403
    assert warnings_and_worse(caplog) == []


@differs("cached-authorizer-result")
def test_a_string_allows_only_on_the_stage_of_that_name(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    client = connect(authorized_by(lambda token: token))
    assert client.get("/", headers=token("dev")).json() == {"auth": {}}
    for value in ("v1", "DEV", "dev ok", "*"):
        assert client.get("/", headers=token(value)).status_code == 403
    monkeypatch.setenv("CWS_STAGE", "v1")
    assert client.get("/", headers=token("v1")).status_code == 200
    assert client.get("/", headers=token("dev")).status_code == 403


INVALID_RESULTS = {
    "int": 1,
    "zero": 0,
    "list": ["dev"],
    "empty": [],
    "tuple": (True, {}),
    "bytes": b"dev",
    "type": dict,
}


@differs("http-own-errors")
def test_any_other_result_denies_and_is_logged_as_an_error(connect: Connect, caplog: pytest.LogCaptureFixture):
    client = connect(authorized_by(INVALID_RESULTS.get))
    for value, result in INVALID_RESULTS.items():
        caplog.clear()
        assert_problem(client.get("/", headers=token(value)), 403, "Forbidden", "Token rejected.")
        [record] = warnings_and_worse(caplog)
        assert (record.name, record.levelno) == ("shop", logging.ERROR)
        kind = type(result).__name__
        assert record.getMessage().startswith(f"token_authorizer returned {kind}; access denied. Return True, ")


# --- which requests need a token


def test_every_entry_requires_a_token_unless_it_has_no_auth(connect: Connect):
    class Extra(Blueprint):
        @entry
        async def get(self):
            return "closed"

        @entry(no_auth=True)
        async def post(self):
            return "open"

    class Service(TechMicroService):
        async def get(self):
            return "closed"

        @entry
        async def post(self):
            return "closed"

        @entry(no_auth=True)
        async def put(self):
            return {"auth": request.auth}

    app = Service()
    app.register_blueprint(Extra(), url_prefix="extra")
    client = connect(app)
    for method, path in [("GET", "/"), ("HEAD", "/"), ("POST", "/"), ("GET", "/extra"), ("HEAD", "/extra")]:
        assert client.request(method, path).status_code == 401
    assert client.post("/extra").text == "open"
    for headers in ({}, token("any")):
        assert client.put("/", headers=headers).json() == {"auth": {}}


def test_token_key_names_another_header(connect: Connect):
    class Service(TechMicroService):
        token_key = "X-Api-Key"

        async def token_authorizer(self, token: str):
            return token == "token"

        @entry
        async def get(self):
            return "in"

    client = connect(Service())
    assert client.get("/", headers={"x-api-key": "token"}).text == "in"
    assert client.get("/", headers={"X-API-KEY": "other"}).status_code == 403
    assert client.get("/", headers=token("token")).status_code == 401


def test_the_token_is_checked_before_the_body_is_read(connect: Connect):
    class Service(TechMicroService):
        @entry
        async def post(self, number: int):
            return number

    client = connect(Service(max_body_size=10))
    assert client.post("/x", content=b"{" * 100, headers={"content-type": "application/json"}).status_code == 401


# --- the default authorizer


def test_by_default_the_token_is_compared_with_the_environment(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    client = connect(Default())
    monkeypatch.setenv("TOKEN", "token")
    assert client.get("/", headers=token("token")).json() == {"auth": {}}
    for value in ("Token", "toke", "token2", "other"):
        assert client.get("/", headers=token(value)).status_code == 403
    assert client.get("/").status_code == 401
    assert client.get("/open").json() == {"auth": {}}


def test_without_a_token_in_the_environment_everything_is_rejected(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    client = connect(Default())
    for value in ("None", "any", "False"):
        monkeypatch.delenv("TOKEN", raising=False)
        assert client.get("/", headers=token(value)).status_code == 403
        monkeypatch.setenv("TOKEN", "")
        assert client.get("/", headers=token(value)).status_code == 403
        assert client.get("/", headers=token("")).status_code == 401


@pytest.mark.parametrize("expected", ["clé", "鍵", "k\udcff"])
def test_the_token_is_compared_as_bytes(monkeypatch: pytest.MonkeyPatch, expected: str):
    monkeypatch.setenv("TOKEN", expected)
    sent = os.fsencode(expected)
    # Starlette's test client would send other bytes for these headers.
    with on_a_socket(Default()) as client:
        assert client.get("/", headers=[(b"authorization", sent)]).status_code == 200
        for other in (sent + b"\xc2", sent[:-1], b"cl\xe9", b"k?", b"?"):
            assert client.get("/", headers=[(b"authorization", other)]).status_code == 403


def test_a_token_that_cannot_be_a_header_value_is_rejected(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TOKEN", "?")
    assert matches_environment_token("?")
    assert not matches_environment_token("€")


def test_no_token_is_ever_logged(connect: Connect, caplog: pytest.LogCaptureFixture):
    class Service(TechMicroService):
        async def token_authorizer(self, token: str):
            if token.endswith("raise"):
                raise ValueError(token)
            return [token] if token.endswith("else") else token.endswith("yes")

        @entry
        async def get(self):
            raise ValueError

    caplog.set_level(logging.DEBUG)
    client = connect(Service())
    for value in ("secret-yes", "secret-no", "secret-else", "secret-raise"):
        client.get("/", headers=token(value))
    assert len(warnings_and_worse(caplog)) == 3
    assert "secret" not in caplog.text


# --- sync authorizers


def test_a_sync_authorizer_does_not_wait_for_blocked_sync_entries():
    blocked, may_end = threading.Event(), threading.Event()

    @asynccontextmanager
    async def one_thread_for_entries(app):
        to_thread.current_default_thread_limiter().total_tokens = 1
        yield

    class Service(TechMicroService):
        def token_authorizer(self, token: str):
            return {"token": token}

        @entry
        async def get(self):
            return request.auth

        @entry(no_auth=True)
        def get_blocked(self):
            blocked.set()
            assert may_end.wait(PATIENCE)
            return "ended"

    with (
        on_a_socket(Service(lifespan=one_thread_for_entries)) as client,
        ThreadPoolExecutor() as pool,
    ):
        try:
            slow = pool.submit(client.get, "/blocked")
            assert blocked.wait(PATIENCE)
            for value in ("a", "b"):
                assert client.get("/", headers=token(value), timeout=30).json() == {"token": value}
            assert not slow.done()
        finally:
            may_end.set()
        assert slow.result().text == "ended"


def test_an_awaitable_that_a_sync_authorizer_returns_is_awaited(connect: Connect):
    async def authorize(token: str):
        return token == "good"

    class Service(TechMicroService):
        def token_authorizer(self, token: str):
            return authorize(token)

        @entry
        async def get(self):
            return "in"

    client = connect(Service())
    assert client.get("/", headers=token("good")).text == "in"
    assert client.get("/", headers=token("bad")).status_code == 403
