"""Limits of asynchronous calls under an ASGI server: how many run at a time, and how long a shutdown waits for them."""

import asyncio
import threading
import time
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import Message

from coworks_async import DeclarationError, TechMicroService, entry
from coworks_async.testing import TestClient
from tests.clients import Connect, in_process, on_a_socket
from tests.pipeline.async_services import EVENT, StoringService, Waiting, assert_accepted
from tests.pipeline.checks import assert_problem, create_scope
from tests.tools import PATIENCE


class Limited(Waiting):
    max_async_calls = 2


@pytest.mark.parametrize("transport", [in_process, on_a_socket])
def test_a_call_over_the_limit_is_a_503_with_retry_after_and_does_not_run(transport: Any):
    app = Limited()
    with transport(app) as client:
        for _ in range(2):
            assert_accepted(client.get("/", headers=EVENT))
        rejected = client.get("/", headers=EVENT)
        detail = "The service runs 2 asynchronous calls, which is its limit. Try again later."
        assert_problem(rejected, 503, "Service Unavailable", detail)
        assert rejected.headers["retry-after"] == "5"
        app.may_end.set()
    assert len(app.stored.items) == 2


def test_a_place_is_free_again_when_a_call_has_ended():
    app = Limited()
    app.may_end.set()
    with TestClient(app) as client:
        for number in range(5):
            assert_accepted(client.get("/", headers=EVENT))
            while len(app.stored.items) <= number:
                time.sleep(0.002)


def test_other_requests_do_not_count(connect: Connect):
    class Single(StoringService):
        max_async_calls = 1

        @entry(background=True, no_auth=True)
        async def get(self):
            return "direct"

    client = connect(Single())
    for _ in range(3):
        assert client.get("/").text == "direct"


def test_in_lambda_calls_are_not_limited():
    class Single(Waiting):
        max_async_calls = 1

    app = Single()
    app.may_end.set()
    with TestClient(app, via="rest") as client:
        for _ in range(3):
            assert_accepted(client.get("/", headers=EVENT))
    assert len(app.stored.items) == 3


async def test_a_place_is_free_again_if_the_202_cannot_be_sent():
    class Single(Waiting):
        max_async_calls = 1

    app = Single()
    app.may_end.set()
    scope = create_scope(headers=[(b"invocationtype", b"Event")])
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def fail(message: Message) -> None:
        raise OSError("the client has left")

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 0))

    for _ in range(2):
        with pytest.raises(OSError, match="the client has left"):
            await app({**scope}, receive, fail)
    assert app.stored.items == []
    await app({**scope}, receive, send)
    assert statuses == [202, 0]
    await asyncio.to_thread(app.stored.added.wait, PATIENCE)
    assert len(app.stored.items) == 1


def test_without_limits_all_calls_run_and_the_shutdown_waits_for_them():
    class Unlimited(Waiting):
        max_async_calls = None
        async_shutdown_timeout = None

    app = Unlimited()
    with TestClient(app) as client:
        for _ in range(150):
            assert_accepted(client.get("/", headers=EVENT))
        threading.Timer(0.1, app.may_end.set).start()
    assert len(app.stored.items) == 150


# --- the shutdown


@pytest.mark.parametrize("transport", [in_process, on_a_socket])
def test_calls_that_run_at_the_deadline_are_cancelled_and_logged_before_the_lifespan_ends(
    transport: Any, caplog: pytest.LogCaptureFixture
):
    messages: list[str] = []

    @asynccontextmanager
    async def lifespan(app):
        yield
        messages.extend(caplog.messages)

    class Impatient(Waiting):
        async_shutdown_timeout = 0.1

    app = Impatient(lifespan=lifespan)
    with transport(app) as client:
        request_id = assert_accepted(client.get("/", headers=EVENT))
        assert app.started.wait(PATIENCE)
        started = time.monotonic()
    assert time.monotonic() - started < PATIENCE / 2
    assert f"Asynchronous call {request_id} of get was cancelled" in messages
    assert app.stored.items == []


def test_a_sync_entry_that_cannot_be_cancelled_does_not_delay_the_end_of_the_lifespan():
    started, may_end = threading.Event(), threading.Event()

    @asynccontextmanager
    async def lifespan(app):
        yield
        may_end.set()

    class Blocking(StoringService):
        async_shutdown_timeout = 0

        @entry(background=True, no_auth=True)
        def get(self):
            started.set()
            assert may_end.wait(PATIENCE)

    with TestClient(Blocking(lifespan=lifespan)) as client:
        assert_accepted(client.get("/", headers=EVENT))
        assert started.wait(PATIENCE)
        begin = time.monotonic()
    assert time.monotonic() - begin < PATIENCE / 2


# --- declarations


@pytest.mark.parametrize("value", [0, -1, 1.5, "10", True])
def test_an_invalid_max_async_calls_is_a_declaration_error(value: Any):
    class Service(TechMicroService):
        max_async_calls = value

    with pytest.raises(DeclarationError, match=r"^Service\.max_async_calls is .*It must be an integer over 0"):
        Service()


@pytest.mark.parametrize("value", [-1, float("nan"), "10", True])
def test_an_invalid_async_shutdown_timeout_is_a_declaration_error(value: Any):
    class Service(TechMicroService):
        async_shutdown_timeout = value

    with pytest.raises(DeclarationError, match=r"^Service\.async_shutdown_timeout is .*It must be a number of seconds"):
        Service()
