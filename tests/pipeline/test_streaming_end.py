"""Generators are always closed."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from time import monotonic

import pytest
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import Message

from coworks_async import TechMicroService, entry, request
from tests.clients import Connect, in_process, on_a_socket
from tests.pipeline.checks import assert_hidden_500, assert_logged_once, create_scope, warnings_and_worse
from tests.tools import PATIENCE


class Log:
    """Lines written by a generator, and an event for its end."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.closed = threading.Event()

    def close(self) -> None:
        self.lines.append("closed")
        self.closed.set()


def test_a_head_closes_the_generator_and_runs_the_background_task(connect: Connect):
    log = Log()
    ran = threading.Event()

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            try:
                yield "first"
                log.lines.append("second")
                yield "second"
            finally:
                log.close()

        @entry(no_auth=True)
        async def get_response(self):
            return StreamingResponse(iter(["a", "b"]), 203, {"x-kind": "stream"}, background=BackgroundTask(ran.set))

    client = connect(Service())
    head = client.head("/")
    assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", "text/plain; charset=utf-8")
    assert log.closed.wait(PATIENCE)
    assert log.lines == ["closed"]
    head = client.head("/response")
    assert (head.status_code, head.content, head.headers["x-kind"]) == (203, b"", "stream")
    assert ran.wait(PATIENCE)


def test_a_bodiless_status_closes_the_generator(connect: Connect):
    log = Log()

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return self.chunks(), 204

        async def chunks(self):
            try:
                yield "first"
            finally:
                log.close()

    response = connect(Service()).get("/")
    assert (response.status_code, response.content) == (204, b"")
    assert log.lines == ["closed"]


def closing(log: Log) -> AsyncIterator[str]:
    """Return a generator that logs its end, after its first chunk is read."""

    async def chunks() -> AsyncIterator[str]:
        try:
            yield "first"
            yield "second"
        finally:
            log.close()

    return chunks()


def test_a_generator_whose_headers_are_rejected_is_not_started(connect: Connect):
    started = threading.Event()

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return self.chunks(), 200, {"Transfer-Encoding": "chunked"}

        async def chunks(self):
            started.set()
            yield "first"

    assert_hidden_500(connect(Service()).get("/"))
    assert not started.is_set()


def test_a_bodiless_status_set_by_after_request_closes_the_generator(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    log = Log()

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return closing(log)

    app = Service()

    @app.after_request
    async def empty(response):
        response.status_code = 204
        return response

    response = connect(app).get("/")
    assert (response.status_code, response.content) == (204, b"")
    assert log.lines == ["closed"]
    assert warnings_and_worse(caplog) == []


@pytest.mark.parametrize("path", ["/plain", "/hook"])
def test_a_head_closes_the_generator_of_an_error_handler(connect: Connect, path: str):
    log = Log()

    async def fail(*args):
        raise KeyError

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get_hook(self):
            return "replaced"

    app = Service(routes=[Route("/plain", fail)])
    app.after_request(fail)
    app.errorhandler(KeyError)(lambda error: closing(log))
    response = connect(app).head(path)
    assert (response.status_code, response.content) == (200, b"")
    assert log.closed.wait(PATIENCE)


async def test_a_head_of_a_plain_route_sends_no_chunk_of_an_error_handler():
    async def fail(request: Request):
        raise KeyError

    async def receive() -> Message:
        raise AssertionError

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    app = TechMicroService(routes=[Route("/plain", fail)])
    app.errorhandler(KeyError)(lambda error: closing(Log()))
    await app(create_scope("HEAD", "/plain"), receive, send)
    assert [message.get("body") for message in sent] == [None, b""]


def endless(log: Log) -> TechMicroService:
    class Endless(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            try:
                while True:
                    yield "more\n"
                    await asyncio.sleep(0.01)
            finally:
                log.close()

        @entry(no_auth=True)
        def get_sync(self) -> Iterator[str]:
            try:
                while not log.closed.wait(0.01):
                    yield "more\n"
            finally:
                log.close()

    return Endless()


@pytest.mark.parametrize("transport", [in_process, on_a_socket])
@pytest.mark.parametrize("path", ["/", "/sync"])
def test_a_disconnect_closes_the_generator(transport, path: str, caplog: pytest.LogCaptureFixture):
    log = Log()
    with transport(endless(log)) as client:
        with client.stream("GET", path) as response:
            assert next(response.iter_text()).startswith("more\n")
        assert log.closed.wait(PATIENCE)
    assert log.lines == ["closed"]
    assert warnings_and_worse(caplog) == []


class Greedy(TechMicroService):
    """Streams without ever waiting, for at most 30 seconds."""

    def __init__(self, log: Log) -> None:
        super().__init__(routes=[Route("/route", self.respond)])
        self.log = log
        self.count = 0

    async def chunks(self) -> AsyncIterator[str]:
        end = monotonic() + 30
        try:
            while monotonic() < end:
                self.count += 1
                yield "more\n" * 1000
        finally:
            self.log.close()

    @entry(no_auth=True)
    async def get(self):
        return self.chunks()

    @entry(no_auth=True)
    async def get_response(self):
        return StreamingResponse(self.chunks())

    async def respond(self, request: Request) -> StreamingResponse:
        return StreamingResponse(self.chunks())

    @entry(no_auth=True)
    async def get_other(self):
        return "other"


@pytest.mark.parametrize("path", ["/", "/response", "/route"])
def test_a_stream_that_never_waits_ends_when_its_client_leaves(path: str, caplog: pytest.LogCaptureFixture):
    app = Greedy(Log())
    with on_a_socket(app) as client:
        with client.stream("GET", path) as response:
            assert next(response.iter_text()).startswith("more\n")
        assert client.get("/other", timeout=20).text == "other"
        # Each request lets the stream run once, if it still runs.
        counts = [(client.get("/other").text, app.count)[1] for _ in range(20)]
        assert counts[-1] == counts[-2]
    assert path != "/" or app.log.lines == ["closed"]
    assert warnings_and_worse(caplog) == []


def test_a_stream_that_never_waits_leaves_time_for_other_requests():
    log = Log()
    with on_a_socket(Greedy(log)) as client, client.stream("GET", "/") as response:
        chunks = response.iter_raw()
        for _ in range(20):
            assert next(chunks).startswith((b"more", b"ore", b"re", b"e", b"\n"))
        assert client.get("/other", timeout=20).text == "other"
        assert not log.closed.is_set()


def test_a_generator_whose_response_is_replaced_by_after_request_is_closed(connect: Connect):
    log = Log()

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            try:
                yield "first"
            finally:
                log.close()

        @entry(no_auth=True)
        async def get_wrapped(self):
            yield "first"
            yield "second"

    app = Service()

    @app.after_request
    async def replace(response):
        if request.url.path == "/":
            return StreamingResponse(iter(["replaced"]))
        return StreamingResponse(shout(response.body_iterator))

    async def shout(chunks):
        async for chunk in chunks:
            yield chunk.upper()

    client = connect(app)
    assert client.get("/").text == "replaced"
    assert log.closed.wait(PATIENCE)
    assert client.get("/wrapped").text == "FIRSTSECOND"


def test_a_generator_that_fails_at_its_end_is_logged_once(connect: Connect, caplog: pytest.LogCaptureFixture):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            try:
                yield "first"
            finally:
                raise KeyError("at the end")

    app = Service()
    torn = threading.Event()

    @app.teardown_request
    def tear(error):
        torn.set()

    connect(app).head("/")
    assert torn.wait(PATIENCE)
    assert_logged_once(caplog, f"Closing the generator of GET / ({Service.__qualname__}.get) failed", KeyError)


async def test_a_disconnect_reported_by_send_closes_the_generator(caplog: pytest.LogCaptureFixture):
    """Since ASGI 2.4, sending to a disconnected client raises OSError."""
    log = Log()

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        log.lines.append(message["type"])
        if message["type"] == "http.response.body":
            raise OSError

    await endless(log)(create_scope(asgi={"spec_version": "2.4"}), receive, send)
    assert log.lines == ["http.response.start", "http.response.body", "closed"]
    assert warnings_and_worse(caplog) == []
