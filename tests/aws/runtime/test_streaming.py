"""Responses that the native runtime streams, in this process with the Runtime API simulator."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from coworks_async import TechMicroService, entry, request, sse
from coworks_async.aws.event_formats.http_api import FunctionUrlEvent
from coworks_async.aws.event_formats.infer import RequestEvent
from coworks_async.aws.event_formats.rest import RestEvent
from coworks_async.aws.handler import STREAM_WARNING
from coworks_async.aws.runtime.errors import RuntimeInitError
from coworks_async.aws.runtime.stream import read_callers
from tests.aws.events import alb_event, http_event, rest_event, url_event
from tests.aws.runtime.native import native
from tests.aws.runtime.streams import Shop, access_log, logged, prelude, problem, result_of, streaming

STREAM_EVENTS = pytest.mark.parametrize("create_event", [rest_event, url_event])


@pytest.fixture(autouse=True)
def info_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@STREAM_EVENTS
async def test_a_generator_is_sent_chunk_by_chunk(create_event: Any, caplog: pytest.LogCaptureFixture):
    async with native(streaming(Shop())) as runtime:
        result = await result_of(runtime, create_event())
    assert prelude(result) == {"statusCode": 200, "headers": {"content-type": "text/plain; charset=utf-8"}}
    assert result.chunks[2:] == (b"0 ", b"1 ", b"2 ")
    assert result.trailers == ()
    assert access_log(caplog) == [(200, None)]
    assert logged(caplog) == []


async def test_chunks_arrive_while_the_entry_runs():
    go = asyncio.Event()

    class Waiting(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            yield b"first"
            await go.wait()
            yield b"second"

    async with native(streaming(Waiting())) as runtime:
        chunks = runtime.api.submit(rest_event()).chunks()
        assert [await anext(chunks) for _ in range(3)][2] == b"first"
        go.set()
        assert await anext(chunks) == b"second"


async def test_streaming_responses_events_and_files_are_sent_as_they_are_produced(tmp_path: Path):
    content = b"x" * 100_000
    file = tmp_path / "file.bin"
    file.write_bytes(content)

    class Sending(TechMicroService):
        @entry(no_auth=True)
        async def get_response(self):
            return StreamingResponse(iter(["a", "b"]))

        @entry(no_auth=True)
        async def get_events(self):
            return sse(["a", "b"])

        @entry(no_auth=True)
        async def get_file(self):
            return FileResponse(file)

    async with native(streaming(Sending())) as runtime:
        results = [await result_of(runtime, rest_event(path=f"/{name}")) for name in ("response", "events", "file")]
    assert results[0].chunks[2:] == (b"a", b"b")
    assert results[1].chunks[2:] == (b"data: a\n\n", b"data: b\n\n")
    assert len(results[2].chunks) > 3
    assert b"".join(results[2].chunks[2:]) == content


@STREAM_EVENTS
async def test_every_response_has_the_streaming_format(create_event: Any, caplog: pytest.LogCaptureFixture):
    async with native(streaming(Shop())) as runtime:
        whole = await result_of(runtime, create_event(path="/whole"))
        missing = await result_of(runtime, create_event(path="/missing"))
        failing = await result_of(runtime, create_event(path="/failing"))
    assert (prelude(whole)["statusCode"], whole.chunks[2:]) == (200, (b"whole",))
    assert problem(missing)[0] == 404
    assert problem(failing)[0] == 500
    assert access_log(caplog) == [(200, None), (404, None), (500, None)]


@pytest.mark.parametrize("event", [http_event(), alb_event(), rest_event() | {"version": "1.0"}])
async def test_a_caller_that_cannot_stream_receives_the_whole_response_with_one_warning(
    event: Any, caplog: pytest.LogCaptureFixture
):
    async with native(streaming(Shop())) as runtime:
        results = [await result_of(runtime, event) for _ in range(2)]
    assert [result.json()["body"] for result in results] == ["0 1 2 "] * 2
    assert logged(caplog) == [STREAM_WARNING]


@pytest.mark.parametrize(
    ("caller", "streamed", "buffered"),
    [(RestEvent, rest_event(), url_event()), (FunctionUrlEvent, url_event(), rest_event())],
)
async def test_only_the_listed_callers_receive_a_stream(caller: type[RequestEvent], streamed: Any, buffered: Any):
    async with native(streaming(Shop(), caller)) as runtime:
        assert prelude(await result_of(runtime, streamed))["statusCode"] == 200
        assert (await result_of(runtime, buffered)).json()["body"] == "0 1 2 "


HEADERS = [("x-one", "1"), ("x-list", "a"), ("x-list", "b"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]


def plain(*headers: tuple[str, str], status: int = 200, body: bytes = b"body") -> TechMicroService:
    """Return a service with a plain route that sends these headers."""

    async def respond(request: Any) -> Response:
        response = Response(body, status)
        response.raw_headers = [(name.encode(), value.encode()) for name, value in headers]
        return response

    return streaming(Shop(routes=[Route("/plain", respond)]))


async def test_repeated_headers_and_cookies_are_all_sent():
    async with native(plain(*HEADERS)) as runtime:
        rest = await result_of(runtime, rest_event(path="/plain"))
        url = await result_of(runtime, url_event(path="/plain"))
    cookies = ["a=1", "b=2"]
    assert prelude(rest) == {
        "statusCode": 200,
        "headers": {"x-one": "1"},
        "multiValueHeaders": {"x-list": ["a", "b"]},
        "cookies": cookies,
    }
    assert prelude(url) == {"statusCode": 200, "headers": {"x-one": "1", "x-list": "a, b"}, "cookies": cookies}


async def test_hop_by_hop_headers_are_removed():
    async with native(plain(("connection", "close"), ("x-one", "1"))) as runtime:
        assert prelude(await result_of(runtime, rest_event(path="/plain")))["headers"] == {"x-one": "1"}


async def test_a_binary_body_is_sent_as_it_is():
    body = bytes(range(256))
    headers = [("content-type", "application/octet-stream")]
    async with native(streaming(Shop())) as runtime:
        result = await result_of(runtime, url_event("POST", headers=headers, body=body))
    assert result.chunks[2:] == (body,)


async def test_a_response_over_6_mb_is_sent():
    class Large(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "x" * 7_000_000

        @entry(no_auth=True)
        async def get_chunks(self):
            for _ in range(20):
                yield "x" * 500_000

    async with native(streaming(Large())) as runtime:
        assert len((await result_of(runtime, rest_event())).body) > 7_000_000
        assert len((await result_of(runtime, rest_event(path="/chunks"))).body) > 10_000_000


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_has_none(status: int):
    async with native(plain(status=status)) as runtime:
        result = await result_of(runtime, rest_event(path="/plain"))
    assert (prelude(result)["statusCode"], result.chunks[2:]) == (status, ())


@pytest.mark.parametrize("path", ["/", "/whole", "/plain", "/failing"])
async def test_the_response_to_head_has_no_body(path: str):
    async with native(plain()) as runtime:
        result = await result_of(runtime, rest_event("HEAD", path))
    assert (prelude(result)["statusCode"], result.chunks[2:]) == (500 if path == "/failing" else 200, ())


async def test_an_entry_that_returns_none_is_a_204():
    async with native(streaming(Shop())) as runtime:
        result = await result_of(runtime, rest_event(path="/nothing"))
    assert prelude(result) == {"statusCode": 204, "headers": {}}
    assert (result.chunks[2:], result.trailers) == ((), ())


async def test_work_after_the_response_runs_after_the_last_chunk_and_before_the_next_event():
    log: list[str] = []
    go = asyncio.Event()

    async def work() -> None:
        await go.wait()
        log.append("work")

    class Working(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return StreamingResponse(iter(["a", "b"]), background=BackgroundTask(work))

        @entry(no_auth=True)
        async def get_next(self):
            log.append("next event")
            return "next"

    async with native(streaming(Working())) as runtime:
        assert (await result_of(runtime, rest_event())).chunks[2:] == (b"a", b"b")
        assert log == []
        next_event = runtime.api.submit(rest_event(path="/next"))
        go.set()
        await next_event.result()
    assert log == ["work", "next event"]


async def test_receive_returns_a_disconnect_once_the_response_is_complete():
    received: list[str] = []

    class Listening(TechMicroService):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                return await super().__call__(scope, receive, send)
            received.append((await receive())["type"])
            listener = asyncio.create_task(receive())
            await PlainTextResponse("done")(scope, receive, send)
            received.append((await listener)["type"])

    async with native(streaming(Listening())) as runtime:
        await result_of(runtime, rest_event())
    assert received == ["http.request", "http.disconnect"]


async def test_a_5xx_response_writes_the_metric(capsys: pytest.CaptureFixture[str]):
    async with native(streaming(Shop()), version="7") as runtime:
        for path in ("/failing", "/whole"):
            await result_of(runtime, rest_event(path=path))
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "ServerErrors" in line]
    assert line["Version"] == "7"


async def test_the_invocation_id_is_returned_if_lambda_sends_one():
    async with native(streaming(Shop())) as runtime:
        result = await runtime.api.submit(rest_event(), headers={"Lambda-Runtime-Invocation-Id": "once"}).result()
    assert result.value("Lambda-Runtime-Invocation-Id") == "once"


class Recording(Shop):
    """Records the events that are not requests."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    async def on_event(self, event: Any, context: Any) -> str:
        self.events.append(event)
        return "recorded"


COMPLETION = {"requestContext": {"apiId": "abcdef123", "stage": "dev"}}


async def test_the_event_after_a_stream_of_a_rest_api_is_acknowledged_silently(caplog: pytest.LogCaptureFixture):
    app = Recording()
    async with native(streaming(app, RestEvent)) as runtime:
        result = await result_of(runtime, COMPLETION)
    assert (result.kind, result.json()) == ("response", None)
    assert app.events == []
    assert caplog.records == []


@pytest.mark.parametrize(
    ("event", "caller"),
    [
        ({}, RestEvent),
        ([], RestEvent),
        ({"source": "aws.events"}, RestEvent),
        ({"requestContext": "dev"}, RestEvent),
        ({"requestContext": {"connectionId": "L0SM9cOFvHcCIhw=", "stage": "dev", "routeKey": "$connect"}}, RestEvent),
        # A result that Lambda sends to a destination, a request of VPC Lattice, an authorizer event of AppSync.
        ({"requestContext": {"condition": "Success"}, "requestPayload": {}, "responsePayload": {}}, RestEvent),
        ({"method": "GET", "path": "/", "requestContext": {"region": "eu-west-1"}}, RestEvent),
        ({"authorizationToken": "token", "requestContext": {"apiId": "abcdef123"}}, RestEvent),
        ({"rawPath": "/", **COMPLETION}, RestEvent),
        (COMPLETION, FunctionUrlEvent),
    ],
)
async def test_other_events_go_to_on_event(event: Any, caller: type[RequestEvent]):
    app = Recording()
    async with native(streaming(app, caller)) as runtime:
        assert (await result_of(runtime, event)).json() == "recorded"
    assert app.events == [event]


@pytest.mark.parametrize(
    ("text", "callers"),
    [
        ("", set()),
        ("url", {FunctionUrlEvent}),
        ("url, rest", {FunctionUrlEvent, RestEvent}),
        ("rest url", {FunctionUrlEvent, RestEvent}),
    ],
)
def test_cws_stream_lists_callers(text: str, callers: Any):
    assert read_callers({"CWS_STREAM": text}) == callers
    assert read_callers({}) == set()


def test_an_unknown_caller_in_cws_stream_is_an_error():
    with pytest.raises(RuntimeInitError, match=r"CWS_STREAM: 'http' is not a caller that streams\. Use 'url', 'rest'"):
        read_callers({"CWS_STREAM": "url,http"})


@STREAM_EVENTS
async def test_work_of_request_after_runs_after_the_end_of_a_stream(create_event: Any):
    log: list[str] = []

    async def work() -> None:
        log.append(request.method)

    class Shop(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            request.after(work())
            yield "one"
            log.append("two")
            yield "two"

    async with native(streaming(Shop())) as runtime:
        result = await runtime.api.submit(create_event()).result()
        assert result.chunks[2:] == (b"one", b"two")
    assert log == ["two", "GET"]
