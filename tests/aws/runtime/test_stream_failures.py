"""Streamed responses to requests that fail, before or after the start of the response."""

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from coworks_async import TechMicroService, entry
from coworks_async.aws.runtime.errors import ERROR_TYPE
from coworks_async.aws.runtime.stream import ERROR_BODY
from tests.aws.events import rest_event
from tests.aws.runtime.native import native
from tests.aws.runtime.streams import Shop, access_log, failure, logged, prelude, problem, result_of, streaming


@pytest.fixture(autouse=True)
def info_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


async def fail_late():
    yield b"begun"
    raise LookupError("late")


async def respond_late(request: Any) -> Response:
    return StreamingResponse(fail_late())


class Breaking:
    """A middleware that fails after it has sent the start of a response."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/started"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            raise LookupError("late")
        await self.app(scope, receive, send)


@pytest.mark.parametrize(("path", "chunks"), [("/late", (b"begun",)), ("/plain", (b"begun",)), ("/started", ())])
async def test_a_failure_after_the_start_is_an_error_in_the_trailers(
    path: str, chunks: Any, caplog: pytest.LogCaptureFixture
):
    app = Shop(routes=[Route("/plain", respond_late)], middleware=[Middleware(Breaking)])
    async with native(streaming(app)) as runtime:
        result = await runtime.api.submit(rest_event(path=path), request_id="id-1").result()
        assert prelude(await result_of(runtime, rest_event()))["statusCode"] == 200
    assert (prelude(result)["statusCode"], result.chunks[2:]) == (200, chunks)
    assert [name for name, _ in result.trailers] == [ERROR_TYPE, ERROR_BODY]
    error = failure(result)
    assert (error["errorType"], error["errorMessage"], error["requestId"]) == ("LookupError", "late", "id-1")
    assert access_log(caplog) == [(200, "LookupError"), (200, None)]
    assert len(logged(caplog, logging.ERROR)) == 1


class Incomplete(TechMicroService):
    """Sends messages, and returns or raises."""

    messages: Any = ()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await super().__call__(scope, receive, send)
        for message in self.messages:
            await send(message)


START = {"type": "http.response.start", "status": 200, "headers": []}


async def test_a_stream_without_its_last_message_is_a_failure(caplog: pytest.LogCaptureFixture):
    class Cut(Incomplete):
        messages = (START, {"type": "http.response.body", "body": b"begun", "more_body": True})

    async with native(streaming(Cut())) as runtime:
        result = await result_of(runtime, rest_event())
    assert result.chunks[2:] == (b"begun",)
    assert failure(result)["errorMessage"] == "the app returned without completing the response"
    assert logged(caplog) == ["A request failed without a complete response"]
    assert access_log(caplog) == [(200, "RuntimeError")]


@pytest.mark.parametrize("messages", [(), (START, START), ({"type": "http.response.body", "body": b""},)])
async def test_messages_out_of_order_are_a_failure(messages: Any, caplog: pytest.LogCaptureFixture):
    class Wrong(Incomplete):
        pass

    Wrong.messages = messages
    async with native(streaming(Wrong())) as runtime:
        result = await result_of(runtime, rest_event())
    if messages[:1] == (START,):
        assert "unexpected ASGI message" in failure(result)["errorMessage"]
    else:
        assert problem(result)[0] == 500
    assert logged(caplog) == ["A request failed without a complete response"]


async def test_a_header_with_a_line_break_is_a_500(caplog: pytest.LogCaptureFixture):
    class Wrong(Incomplete):
        messages = (START | {"headers": [(b"x-name", b"a\r\nb")]},)

    async with native(streaming(Wrong())) as runtime:
        assert problem(await result_of(runtime, rest_event()))[0] == 500
    assert logged(caplog) == ["A request failed without a complete response"]
    assert "invalid header 'x-name': it contains a line break" in caplog.text


async def test_an_empty_chunk_does_not_end_the_stream():
    class Empty(Incomplete):
        messages = (
            START,
            {"type": "http.response.body", "more_body": True},
            {"type": "http.response.body", "body": b"a"},
        )

    async with native(streaming(Empty())) as runtime:
        assert (await result_of(runtime, rest_event())).chunks[2:] == (b"a",)


async def test_a_failing_startup_is_a_problem():
    @asynccontextmanager
    async def lifespan(app: Any):
        raise ConnectionError("no database")
        yield

    async with native(streaming(Shop(lifespan=lifespan))) as runtime:
        assert problem(await result_of(runtime, rest_event()))[0] == 500


async def test_an_event_that_cannot_be_read_is_a_problem():
    event = rest_event("POST") | {"body": "?", "isBase64Encoded": True}
    async with native(streaming(Shop())) as runtime:
        assert problem(await result_of(runtime, event))[0] == 400


async def test_a_cancelled_request_is_a_500():
    class Cancelled(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

    async with native(streaming(Cancelled())) as runtime:
        assert problem(await result_of(runtime, rest_event()))[0] == 500


async def test_the_deadline_is_a_504_before_the_start_and_an_error_in_the_trailers_after_it(
    caplog: pytest.LogCaptureFixture,
):
    closed: list[str] = []

    class Slow(TechMicroService):
        lambda_timeout_margin = 0.3

        @entry(no_auth=True)
        async def get(self):
            await asyncio.sleep(60)

        @entry(no_auth=True)
        async def get_stream(self):
            try:
                yield "begun"
                await asyncio.sleep(60)
            finally:
                closed.append("closed")

    async with native(streaming(Slow()), seconds=0.5) as runtime:
        assert problem(await result_of(runtime, rest_event()))[0] == 504
        result = await result_of(runtime, rest_event(path="/stream"))
    assert result.chunks[2:] == (b"begun",)
    assert failure(result)["errorType"] == "EventTimeout"
    assert closed == ["closed"]
    assert access_log(caplog) == [(504, None), (200, "EventTimeout")]
    assert len(logged(caplog)) == 2


@pytest.mark.parametrize(
    ("error", "source"),
    [(LookupError("no mail server"), "GET '/dev/whole' on route /whole"), (asyncio.CancelledError(), "The service")],
)
async def test_a_failure_after_the_response_is_logged_and_the_response_is_complete(
    error: BaseException, source: str, caplog: pytest.LogCaptureFixture
):
    class Failing(Shop):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await super().__call__(scope, receive, send)
            if scope["type"] == "http" and scope["path"].endswith("/whole"):
                raise error

    async with native(streaming(Failing())) as runtime:
        result = await result_of(runtime, rest_event(path="/whole"))
        assert prelude(await result_of(runtime, rest_event()))["statusCode"] == 200
    assert (result.chunks[2:], result.trailers) == ((b"whole",), ())
    assert logged(caplog) == [f"{source} failed after its response"]
