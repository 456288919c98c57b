"""The gateway in front of the native runtime, on a socket: streams, errors, and clients that leave."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx2
import pytest

from coworks_async import TechMicroService, entry
from coworks_async.gateway.in_memory import InMemoryFunction
from coworks_async.gateway.messages import Via
from coworks_async.gateway.native import NativeGatewayApp
from tests.clients import on_a_socket
from tests.tools import PATIENCE

via_streaming = pytest.mark.parametrize("via", ["rest", "url"])


class Shop(TechMicroService):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.closed = threading.Event()
        self.sent = 0

    async def token_authorizer(self, token: str) -> Any:
        if token == "broken":
            raise LookupError("no database")
        return token == "token"

    @entry
    async def get(self):
        return "shop"

    @entry(no_auth=True)
    async def get_times(self):
        for _ in range(5):
            yield f"{time.monotonic()}\n"
            await asyncio.sleep(0.1)

    @entry(no_auth=True)
    async def get_endless(self):
        try:
            while True:
                self.sent += 1
                yield "x" * 65536
        finally:
            self.closed.set()

    @entry(no_auth=True)
    async def get_broken(self):
        yield "begun"
        raise LookupError("late")

    @entry(no_auth=True)
    async def get_silent(self):
        yield "begun"
        while not self.closed.is_set():  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(0.01)

    @entry(no_auth=True)
    async def get_slow(self):
        await asyncio.sleep(0.3)
        self.closed.set()
        return "slow"


@contextmanager
def serve(app: TechMicroService, via: Via, **options: Any) -> Iterator[httpx2.Client]:
    gateway = NativeGatewayApp(app, via, InMemoryFunction(app, via), **options)
    with on_a_socket(gateway) as client:
        yield client


@via_streaming
def test_chunks_arrive_when_they_are_yielded(via: Via):
    with serve(Shop(), via) as client, client.stream("GET", "/times") as response:
        delays = [time.monotonic() - float(line) for line in response.iter_lines()]
    assert len(delays) == 5
    # Two processors run the service, the server, the client and other tests.
    assert sorted(delays)[2] < 0.1


@via_streaming
def test_a_failure_in_mid_stream_truncates_the_response(via: Via):
    with serve(Shop(), via) as client, client.stream("GET", "/broken") as response:
        assert response.status_code == 200
        received: list[str] = []
        with pytest.raises(httpx2.RemoteProtocolError, match="incomplete chunked read"):
            received.extend(response.iter_text())
    assert received == ["begun"]


@via_streaming
def test_a_client_that_leaves_closes_the_generator(via: Via):
    app = Shop()
    with serve(app, via) as client:
        with client.stream("GET", "/endless") as response:
            assert next(response.iter_raw())
        assert app.closed.wait(PATIENCE)
        assert client.get("/times").status_code == 200


async def test_a_request_that_the_server_cancels_closes_the_generator():
    app = Shop()
    gateway = NativeGatewayApp(app, "url", InMemoryFunction(app, "url"))
    await gateway.start()
    begun = asyncio.Event()
    # Some servers send an empty part after the body.
    received: list[Any] = [{"type": "http.request", "body": b"", "more_body": False}] * 2

    async def receive() -> Any:
        if received:
            return received.pop()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        begun.set()

    scope = {"type": "http", "method": "GET", "path": "/endless", "query_string": b"", "headers": []}
    request = asyncio.create_task(gateway(scope, receive, send))
    await begun.wait()
    request.cancel()
    await asyncio.wait({request})
    await gateway.stop()
    assert app.closed.is_set()


def test_a_slow_client_slows_the_generator_down():
    app = Shop()
    with serve(app, "url") as client:
        with client.stream("GET", "/endless"):
            previous = -1
            while app.sent != previous:
                previous = app.sent
                time.sleep(0.1)
        assert app.sent * 65536 < 64 * 1024 * 1024
        assert app.closed.wait(PATIENCE)


def test_an_event_runs_to_its_end_if_the_client_leaves_before_the_response(capsys: pytest.CaptureFixture[str]):
    app = Shop()
    with serve(app, "url") as client:
        with pytest.raises(httpx2.ReadTimeout):
            client.get("/slow", timeout=0.1)
        assert app.closed.wait(PATIENCE)
        # It runs after that event.
        assert client.get("/times").status_code == 200
    assert "[ERROR]" not in capsys.readouterr().err


def read_truncated(app: Shop, via: Via, **options: Any) -> str:
    """Return what a client receives of a stream that is silent for ever."""
    with serve(app, via, **options) as client, client.stream("GET", "/silent") as response:
        assert response.status_code == 200
        received: list[str] = []
        with pytest.raises(httpx2.RemoteProtocolError):
            received.extend(response.iter_text())
        app.closed.set()
    return "".join(received)


def test_a_stream_without_chunks_ends_at_the_idle_timeout(capsys: pytest.CaptureFixture[str]):
    assert read_truncated(Shop(), "rest", idle_timeout=0.1) == "begun"
    assert "[ERROR] FunctionError: No chunk arrived for 0.1 seconds.\n" in capsys.readouterr().err


def test_an_event_that_exceeds_the_timeout_is_a_502_of_the_gateway(capsys: pytest.CaptureFixture[str]):
    class Blocked(Shop):
        lambda_timeout_margin = None

    with serve(Blocked(), "url", lambda_timeout=0.1) as client:
        response = client.get("/slow")
    assert (response.status_code, response.json()) == (502, {"message": "Internal Server Error"})
    assert re.search(r"\[ERROR\] FunctionError: .* Task timed out after 0.10 seconds\n", capsys.readouterr().err)


def test_a_stream_that_exceeds_the_timeout_is_cut(capsys: pytest.CaptureFixture[str]):
    class Blocked(Shop):
        lambda_timeout_margin = None

    assert read_truncated(Blocked(), "url", lambda_timeout=0.2) == "begun"
    assert "Task timed out after 0.20 seconds\n" in capsys.readouterr().err


def test_an_authorizer_that_fails_is_a_500_and_is_logged_once(capsys: pytest.CaptureFixture[str]):
    with serve(Shop(), "rest") as client:
        assert client.get("/", headers={"Authorization": "broken"}).status_code == 500
        assert client.get("/", headers={"Authorization": "token"}).text == "shop"
        assert client.get("/").status_code == 401
    error = "[ERROR] AuthorizerError: token_authorizer failed; access denied\n"
    assert capsys.readouterr().err.count(error) == 1


@via_streaming
def test_a_body_over_the_limit_is_a_413(via: Via):
    with serve(Shop(), via) as client:
        assert client.post("/", content=b"x" * (10 * 1024 * 1024 + 1)).status_code == 413


def test_a_service_that_fails_to_shut_down_is_logged(caplog: pytest.LogCaptureFixture):
    @asynccontextmanager
    async def lifespan(app):
        yield
        raise LookupError("no end")

    with serve(Shop(lifespan=lifespan), "url") as client:
        client.get("/times")
    assert "The service failed to shut down" in caplog.text


async def test_a_client_that_disconnects_during_its_body_runs_nothing():
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    app = Shop()
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    await NativeGatewayApp(app, "rest", InMemoryFunction(app, "rest"))(scope, receive, send)
    assert sent == []
