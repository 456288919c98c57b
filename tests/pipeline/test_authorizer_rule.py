"""`token_authorizer`: sync or async, it receives only the token, and access is denied if it fails."""

import logging
import threading
from asyncio import CancelledError
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message

from coworks_async import RequestContextError, TechMicroService, entry, request
from tests.clients import Connect
from tests.differences import differs
from tests.pipeline.checks import assert_hidden_500, warnings_and_worse


def token(value: str) -> dict[str, str]:
    return {"authorization": value}


def test_a_sync_authorizer_runs_in_a_thread(connect: Connect):
    threads: list[threading.Thread] = []

    class Service(TechMicroService):
        def token_authorizer(self, token: str):
            threads.append(threading.current_thread())
            return {"token": token}

        @entry
        async def get(self):
            threads.append(threading.current_thread())
            return request.auth

    assert connect(Service()).get("/", headers=token("a")).json() == {"token": "a"}
    assert threads[0] is not threads[1]


def test_a_sync_authorizer_may_return_an_awaitable(connect: Connect):
    async def look_up(token: str):
        return token == "token"

    class Service(TechMicroService):
        def token_authorizer(self, token: str):
            return look_up(token)

        @entry
        async def get(self):
            return "in"

    client = connect(Service())
    assert client.get("/", headers=token("token")).text == "in"
    assert client.get("/", headers=token("other")).status_code == 403


ERRORS = [
    *(ValueError(), HTTPException(200), HTTPException(404), TimeoutError("secret-token"), SystemError()),
    CancelledError(),  # of an awaited task
]


@differs("http-own-errors")
def test_a_failing_authorizer_is_a_500_and_denies(connect: Connect):
    reached: list[str] = []

    class Service(TechMicroService):
        async def token_authorizer(self, token: str):
            raise ERRORS[int(token)]

        @entry
        async def get(self):
            reached.append("entry")

    app = Service()
    app.before_request(lambda: reached.append("before"))
    app.after_request(lambda response: reached.append("after"))
    app.teardown_request(lambda error: reached.append("teardown"))
    app.errorhandler(Exception)(lambda error: reached.append("errorhandler"))
    client = connect(app)
    for number in range(len(ERRORS)):
        assert_hidden_500(client.get("/", headers=token(str(number))))
    assert reached == []


@differs("http-own-errors")
def test_a_failing_authorizer_is_logged_once_with_its_traceback_and_without_the_token(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    class Service(TechMicroService):
        def token_authorizer(self, token: str):
            try:
                return int(token)
            except ValueError as error:
                raise LookupError(token) from error

        @entry
        async def get(self):
            return "in"

    assert_hidden_500(connect(Service()).get("/", headers=token("secret-token")))
    [record] = warnings_and_worse(caplog)
    assert (record.name, record.levelno) == ("service", logging.ERROR)
    lines = record.getMessage().splitlines()
    assert lines[0] == "token_authorizer failed; access denied"
    assert "return int(token)" in [line.strip() for line in lines]
    assert lines[-1] == "LookupError"
    assert "ValueError" in lines
    assert "secret-token" not in caplog.text


@differs("http-own-errors")
def test_a_failing_authorizer_whose_causes_form_a_cycle_is_logged_with_each_once(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    class Service(TechMicroService):
        async def token_authorizer(self, token: str):
            error, cause = LookupError(token), ValueError(token)
            cause.__cause__ = error
            raise error from cause

        @entry
        async def get(self):
            return "in"

    assert_hidden_500(connect(Service()).get("/", headers=token("secret-token")))
    [record] = warnings_and_worse(caplog)
    lines = record.getMessage().splitlines()
    assert lines[:3] == ["token_authorizer failed; access denied", "ValueError", "then"]
    assert lines[-1] == "LookupError"
    assert (lines.count("ValueError"), lines.count("LookupError")) == (1, 1)


def test_request_raises_with_the_reason_in_the_authorizer(connect: Connect):
    reasons: list[str] = []

    def read_header():
        try:
            return request.headers["x-let-me-in"]
        except RequestContextError as error:
            reasons.append(str(error))
            return bool(request)

    class Async(TechMicroService):
        async def token_authorizer(self, token: str):
            return read_header()

        @entry
        async def get(self):
            return "in"

    class Sync(Async):
        def token_authorizer(self, token: str):
            return read_header()

    for app in (Async(), Sync()):
        assert connect(app).get("/", headers={**token("a"), "x-let-me-in": "1"}).status_code == 403
    assert len(reasons) == 2
    assert all("token_authorizer receives only the token" in reason for reason in reasons)


def test_request_raises_in_the_authorizer_during_another_request(connect: Connect):
    class Inner(TechMicroService):
        async def token_authorizer(self, token: str):
            return bool(request)

        @entry
        async def get(self):
            return request.url.path

    inner = Inner()

    class Outer(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            sent: list[Message] = []

            async def send(message):
                sent.append(message)

            scope = {**request.scope, "headers": [(b"authorization", b"any")], "path": "/", "method": "GET"}
            del scope["coworks.request"]
            await inner(scope, request.receive, send)
            return {"inner": sent[0]["status"], "outer": request.url.path}

    assert connect(Outer()).get("/").json() == {"inner": 403, "outer": "/"}


@differs("http-own-errors")
def test_using_request_in_the_authorizer_is_a_logged_500(connect: Connect, caplog: pytest.LogCaptureFixture):
    class UsingRequest(TechMicroService):
        async def token_authorizer(self, token: str):
            return request.method

        @entry
        async def get(self):
            return "in"

    assert_hidden_500(connect(UsingRequest()).get("/", headers=token("a")))
    assert "RequestContextError" in caplog.text


def test_a_principal_is_converted_as_a_gateway_would(connect: Connect):
    principal = {"id": UUID(int=7), "limit": Decimal("1.50"), "days": (date(2026, 1, 2),), 7: {"deep": {"a": None}}}
    converted = {"id": str(UUID(int=7)), "limit": "1.50", "days": ["2026-01-02"], "7": {"deep": {"a": None}}}
    seen: list[object] = []

    class Service(TechMicroService):
        async def token_authorizer(self, token: str):
            return principal

        @entry
        async def get(self):
            seen.append(request.auth)

    assert connect(Service()).get("/", headers=token("a")).status_code == 204
    assert [repr(auth) for auth in seen] == [repr(converted)]


@differs("http-own-errors")
@pytest.mark.parametrize("principal", [{"name": "x" * 4086}, {"set": object()}, {"nan": float("nan")}])
def test_a_principal_over_4_kb_or_not_valid_json_is_a_500(
    connect: Connect, caplog: pytest.LogCaptureFixture, principal: dict[str, object]
):
    class Service(TechMicroService):
        async def token_authorizer(self, token: str):
            return principal

        @entry
        async def get(self):
            return "in"

    assert_hidden_500(connect(Service()).get("/", headers=token("a")))
    [record] = warnings_and_worse(caplog)
    assert record.getMessage().startswith("token_authorizer returned")
    assert record.getMessage().endswith("; access denied")
