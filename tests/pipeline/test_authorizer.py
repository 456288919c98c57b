"""Authorize: who is let in and who is not."""

import logging
import os
import types
from collections import UserDict

import pytest

from coworks_async import Blueprint, TechMicroService, entry, request
from coworks_async.pipeline.authorizer import matches_environment_token
from tests.clients import Connect, on_a_socket
from tests.differences import differs
from tests.pipeline.checks import assert_problem, warnings_and_worse


def ruled_by(rule, name="ruled"):
    """Return a service whose rule is this function of the token."""

    class Ruled(TechMicroService):
        async def token_authorizer(self, token: str):
            return rule(token)

        @entry
        async def get(self):
            return {"auth": None if request.auth is None else dict(request.auth)}

    return Ruled(name=name)


class Default(TechMicroService):
    @entry
    async def get(self):
        return {"auth": request.auth}

    @entry(no_auth=True)
    async def get_open(self):
        return {"auth": request.auth}


def token(value: str) -> dict[str, str]:
    return {"authorization": value}


# --- no token, a token refused, a token taken


@differs("http-refusals", "url-challenge")
def test_no_token_is_a_401_with_a_challenge(connect: Connect):
    client = connect(ruled_by(lambda token: True, name="pen-shop"))
    for headers in ({}, {"authorization": ""}):
        answer = client.get("/", headers=headers)
        assert_problem(answer, 401, "Unauthorized", "A token is needed.")
        assert answer.headers["www-authenticate"] == 'Token realm="pen-shop"'


@differs("http-refusals", "url-challenge")
def test_a_name_that_no_header_can_hold_is_still_a_challenge(connect: Connect):
    answer = connect(ruled_by(lambda token: True, name='a "shop"\\é\n')).get("/")
    assert_problem(answer, 401, "Unauthorized", "A token is needed.")
    assert answer.headers["www-authenticate"] == 'Token realm="a -shop----"'


@differs("http-refusals")
def test_a_refused_token_is_a_403(connect: Connect):
    answer = connect(ruled_by(lambda token: False)).get("/", headers=token("any"))
    assert_problem(answer, 403, "Forbidden", "The token is refused.")
    assert "www-authenticate" not in answer.headers


def test_the_rule_gets_the_raw_value_of_the_header(connect: Connect):
    client = connect(ruled_by(lambda token: {"token": token}))
    for value in ("token", "Bearer a.b.c", "Basic dTpw", 'Digest a="b, c"', "in  side"):
        assert client.get("/", headers=token(value)).json() == {"auth": {"token": value}}


@differs("rest-repeated-token")
def test_a_repeated_header_is_one_token_and_not_one_of_the_two(connect: Connect):
    client = connect(ruled_by(lambda token: {"token": token}))
    for values, told in [(("a", "b"), "a,b"), (("", "b"), ",b"), (("a", ""), "a,")]:
        answer = client.get("/", headers=[("Authorization", value) for value in values])
        assert answer.json() == {"auth": {"token": told}}


MAPPINGS = {"empty": {}, "dict": {"rights": ["read"]}, "proxy": types.MappingProxyType({"a": 1}), "own": UserDict(b=2)}


def test_true_and_a_mapping_let_in_and_the_entry_finds_the_principal(connect: Connect):
    client = connect(ruled_by({"true": True, **MAPPINGS}.get))
    assert client.get("/", headers=token("true")).json() == {"auth": {}}
    for value, principal in MAPPINGS.items():
        answer = client.get("/", headers=token(value))
        assert (answer.status_code, answer.json()) == (200, {"auth": dict(principal)})


def test_false_and_none_let_nobody_in(connect: Connect, caplog: pytest.LogCaptureFixture):
    client = connect(ruled_by({"false": False, "none": None}.get))
    for value in ("false", "none", "neither"):
        assert client.get("/", headers=token(value)).status_code == 403
    assert warnings_and_worse(caplog) == []


@differs("cached-verdict")
def test_a_string_lets_in_on_the_stage_of_this_name_alone(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    client = connect(ruled_by(lambda token: token))
    assert client.get("/", headers=token("dev")).json() == {"auth": {}}
    for value in ("v1", "DEV", "dev ok", "*"):
        assert client.get("/", headers=token(value)).status_code == 403
    monkeypatch.setenv("CWS_STAGE", "v1")
    assert client.get("/", headers=token("v1")).status_code == 200
    assert client.get("/", headers=token("dev")).status_code == 403


OTHERS = {"int": 1, "zero": 0, "list": ["dev"], "empty": [], "tuple": (True, {}), "bytes": b"dev", "type": dict}


@differs("http-refusals")
def test_anything_else_lets_nobody_in_and_is_an_error_in_the_log(connect: Connect, caplog: pytest.LogCaptureFixture):
    client = connect(ruled_by(OTHERS.get))
    for value, verdict in OTHERS.items():
        caplog.clear()
        assert_problem(client.get("/", headers=token(value)), 403, "Forbidden", "The token is refused.")
        [record] = warnings_and_worse(caplog)
        assert (record.name, record.levelno) == ("ruled", logging.ERROR)
        assert record.getMessage() == f"token_authorizer returned {type(verdict).__name__}, which lets nobody in"


# --- where a token is asked for


def test_every_entry_asks_for_a_token_unless_it_says_no_auth(connect: Connect):
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
        assert client.put("/", headers=headers).json() == {"auth": None}


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


def test_the_token_is_asked_for_before_anything_is_read(connect: Connect):
    class Service(TechMicroService):
        @entry
        async def post(self, number: int):
            return number

    client = connect(Service(max_body_size=10))
    assert client.post("/x", content=b"{" * 100, headers={"content-type": "application/json"}).status_code == 401


# --- the default rule


def test_by_default_the_token_is_the_environments(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    client = connect(Default())
    monkeypatch.setenv("TOKEN", "token")
    assert client.get("/", headers=token("token")).json() == {"auth": {}}
    for value in ("Token", "toke", "token2", "other"):
        assert client.get("/", headers=token(value)).status_code == 403
    assert client.get("/").status_code == 401
    assert client.get("/open").json() == {"auth": None}


def test_without_a_token_in_the_environment_everybody_is_refused(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    client = connect(Default())
    for value in ("None", "any", "False"):
        monkeypatch.delenv("TOKEN", raising=False)
        assert client.get("/", headers=token(value)).status_code == 403
        monkeypatch.setenv("TOKEN", "")
        assert client.get("/", headers=token(value)).status_code == 403
        assert client.get("/", headers=token("")).status_code == 401


@pytest.mark.parametrize("expected", ["clé", "鍵", "k\udcff"])
def test_the_token_is_compared_as_the_bytes_of_the_environment(monkeypatch: pytest.MonkeyPatch, expected: str):
    monkeypatch.setenv("TOKEN", expected)
    sent = os.fsencode(expected)
    # Starlette's own test client would send these headers as other bytes.
    with on_a_socket(Default()) as client:
        assert client.get("/", headers=[(b"authorization", sent)]).status_code == 200
        for other in (sent + b"\xc2", sent[:-1], b"cl\xe9", b"k?", b"?"):
            assert client.get("/", headers=[(b"authorization", other)]).status_code == 403


def test_a_token_that_no_header_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch):
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
