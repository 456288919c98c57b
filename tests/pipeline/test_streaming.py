"""Generators are streamed; a failure before the first chunk is an error response."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse

from coworks_async import Problem, TechMicroService, entry, request, sse
from coworks_async.exceptions import ReturnError
from tests.clients import Connect, in_process, on_a_socket
from tests.pipeline.checks import assert_hidden_500, assert_logged_once, assert_problem, warnings_and_worse
from tests.tools import PATIENCE

CHUNKS: list[list[str | bytes | bytearray | memoryview]] = [
    ["a", "é"],
    [b"\xff", b""],
    [bytearray(b"x"), memoryview(b"y")],
    [],
    [""],
]


def test_an_async_and_a_sync_generator_are_streamed(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get_async(self, number: int):
            for chunk in CHUNKS[number]:
                yield chunk

        @entry(no_auth=True)
        def get_sync(self, number: int):
            yield from CHUNKS[number]

        @entry(no_auth=True)
        async def get_made(self, number: int):
            return (chunk for chunk in CHUNKS[number])

    client = connect(Service())
    for number, chunks in enumerate(CHUNKS):
        body = b"".join(chunk.encode() if isinstance(chunk, str) else bytes(chunk) for chunk in chunks)
        is_text = bool(chunks) and isinstance(chunks[0], str)
        for kind in ("async", "sync", "made"):
            response = client.get(f"/{kind}/{number}")
            assert (response.status_code, response.content) == (200, body)
            expected = "text/plain; charset=utf-8" if is_text else "application/octet-stream"
            assert response.headers["content-type"] == expected


def test_a_generator_can_have_a_status_and_headers(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return self.lines(), 202, {"content-type": "text/csv", "x-kind": "lines"}

        async def lines(self):
            yield "a;b\n"
            yield "1;2\n"

    response = connect(Service()).get("/")
    assert (response.status_code, response.text) == (202, "a;b\n1;2\n")
    assert response.headers.get_list("content-type") == ["text/csv"]
    assert response.headers["x-kind"] == "lines"


def test_a_first_chunk_that_fails_is_a_500(connect: Connect, caplog: pytest.LogCaptureFixture):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            raise KeyError("secret")
            yield

        @entry(no_auth=True)
        def get_sync(self):
            raise KeyError("secret")
            yield

    client = connect(Service())
    assert_hidden_500(client.get("/"))
    assert_logged_once(caplog, f"GET / ({Service.__qualname__}.get) failed", KeyError)
    caplog.clear()
    assert_hidden_500(client.get("/sync"))
    assert_logged_once(caplog, f"GET /sync ({Service.__qualname__}.get_sync) failed", KeyError)


def test_a_problem_before_the_first_chunk_is_the_response(connect: Connect, caplog: pytest.LogCaptureFixture):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            raise Problem(409, "Exists.")
            yield

    assert_problem(connect(Service()).get("/"), 409, "Conflict", "Exists.")
    assert warnings_and_worse(caplog) == []


def test_a_first_chunk_of_a_wrong_type_is_a_500_and_closes_the_generator(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    closed: list[str] = []

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            try:
                yield {"no": "chunk"}
            finally:
                closed.append("closed")

        @entry(no_auth=True)
        def get_sync(self):
            try:
                yield 1
            finally:
                closed.append("closed")

    client = connect(Service())
    assert_hidden_500(client.get("/"))
    message = f"GET / ({Service.__qualname__}.get): yielded dict; a stream yields str or bytes"
    assert_logged_once(caplog, message, ReturnError)
    assert_hidden_500(client.get("/sync"))
    assert closed == ["closed", "closed"]


def test_a_first_chunk_that_cannot_be_encoded_closes_the_generator_before_the_response(connect: Connect):
    lines: list[str] = []

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            try:
                yield "\ud800"
            finally:
                lines.append("closed")

        @entry(no_auth=True)
        def get_sync(self):
            try:
                yield "\ud800"
            finally:
                lines.append("closed")

    app = Service()

    @app.errorhandler(UnicodeEncodeError)
    def handle(error):
        lines.append("handled")
        return str(error.start), 500

    client = connect(app)
    for path in ("/", "/sync"):
        assert client.get(path).text == "0"
    assert lines == ["closed", "handled"] * 2


def breaking_later() -> TechMicroService:
    class Breaking(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            yield "started"
            raise KeyError("secret")

        @entry(no_auth=True)
        def get_sync(self):
            yield "started"
            raise KeyError("secret")

        @entry(no_auth=True)
        async def get_wrong(self):
            yield "started"
            yield 1

    return Breaking()


@pytest.mark.parametrize("path", ["/", "/sync", "/wrong"])
def test_a_later_failure_truncates_the_response(path: str, caplog: pytest.LogCaptureFixture):
    with on_a_socket(breaking_later()) as client, client.stream("GET", path) as response:
        assert response.status_code == 200
        received: list[str] = []
        with pytest.raises(httpx2.RemoteProtocolError, match="incomplete chunked read"):
            received.extend(response.iter_text())
        assert "".join(received) == "started"
    traced = [record for record in warnings_and_worse(caplog) if record.exc_info]
    assert len(traced) == 1
    assert traced[0].name == "breaking"
    # The second one is the server's, without a traceback.
    assert len(warnings_and_worse(caplog)) == 2


@pytest.mark.parametrize("path", ["/", "/sync", "/wrong"])
def test_a_later_failure_is_logged_once(path: str, caplog: pytest.LogCaptureFixture):
    with in_process(breaking_later()) as client:
        assert client.get(path).text == "started"
    [record] = warnings_and_worse(caplog)
    assert " after the response had started" in record.getMessage()
    assert record.exc_info is not None


@pytest.mark.parametrize("path", ["/", "/sync", "/response", "/events"])
def test_an_os_error_of_a_generator_is_logged_once_and_not_taken_for_a_disconnect(
    connect: Connect, path: str, caplog: pytest.LogCaptureFixture
):
    async def fail() -> AsyncIterator[str]:
        yield "started"
        raise FileNotFoundError("the page")

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return fail()

        @entry(no_auth=True)
        def get_sync(self):
            yield "started"
            raise FileNotFoundError("the page")

        @entry(no_auth=True)
        async def get_response(self):
            return StreamingResponse(fail())

        @entry(no_auth=True)
        async def get_events(self):
            return sse(fail())

    with suppress(httpx2.RemoteProtocolError):  # of uvicorn
        connect(Service()).get(path)
    [record] = [record for record in warnings_and_worse(caplog) if record.exc_info]
    assert record.getMessage().endswith(" failed after the response had started")
    assert record.exc_info is not None
    assert record.exc_info[0] is FileNotFoundError


def test_request_is_available_to_the_end_of_a_generator(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self, name: str = ""):
            for _ in range(3):
                yield f"{request.query_params['name']} {request.url.path}\n"
                await asyncio.sleep(0)

        @entry(no_auth=True)
        def get_sync(self, name: str = ""):
            for _ in range(3):
                yield f"{request.query_params['name']} {request.url.path}\n"

    client = connect(Service())
    assert client.get("/?name=a").text == "a /\n" * 3
    assert client.get("/sync?name=b").text == "b /sync\n" * 3


def test_an_error_handler_may_return_a_generator(connect: Connect):
    async def plain(request: Request):
        raise KeyError

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            raise KeyError

    app = Service()
    app.add_route("/plain", plain)

    @app.errorhandler(KeyError)
    async def lines(error):
        yield "one\n"
        yield "two\n"

    client = connect(app)
    for path in ("/", "/plain"):
        assert (client.get(path).status_code, client.get(path).text) == (200, "one\ntwo\n")


def test_a_stream_is_sent_chunk_by_chunk():
    release = threading.Event()

    class Service(TechMicroService):
        @entry(no_auth=True)
        def get(self):
            yield "first\n"
            release.wait(PATIENCE)
            yield "second\n"

    app: Starlette = Service()
    with on_a_socket(app) as client, client.stream("GET", "/") as response:
        lines = response.iter_lines()
        assert next(lines) == "first"
        release.set()
        assert next(lines) == "second"
