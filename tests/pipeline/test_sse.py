"""`sse`: server-sent events, comments on idle connections, and the end of a stream."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import httpx2
import pytest
from starlette.requests import Request

from coworks_async import EventSourceResponse, Header, Problem, ServerSentEvent, TechMicroService, entry, request, sse
from coworks_async.aws.handler import STREAM_WARNING
from coworks_async.exceptions import ReturnError
from coworks_async.testing import TestClient
from tests.clients import Connect, in_process, on_a_socket
from tests.pipeline.checks import assert_hidden_500, assert_problem, warnings_and_worse
from tests.tools import PATIENCE


def sending(*events: Any) -> TechMicroService:
    """Create a service that sends these events: from an async generator, a sync one, and a list."""

    class Sending(TechMicroService):
        @entry(no_auth=True)
        async def get(self) -> EventSourceResponse:
            return sse(self.events())

        @entry(no_auth=True)
        def get_sync(self):
            return sse(event for event in events)

        @entry(no_auth=True)
        def get_list(self):
            return sse(list(events))

        async def events(self):
            for event in events:
                yield event

    return Sending()


@pytest.mark.parametrize(
    ("event", "sent"),
    [
        ("text", "data: text\n\n"),
        ("", "data: \n\n"),
        ("one\ntwo\r\nthree\rfour\u2028é", "data: one\ndata: two\ndata: three\ndata: four\u2028é\n\n"),
        ({"price": 3, "tags": ["a\nb"]}, 'data: {"price":3,"tags":["a\\nb"]}\n\n'),
        (17, "data: 17\n\n"),
        (None, "data: null\n\n"),
        (ServerSentEvent("text", event="price", id="7", retry=500), "data: text\nevent: price\nid: 7\nretry: 500\n\n"),
        (ServerSentEvent({"a": 1}, id=""), 'data: {"a":1}\nid: \n\n'),
        (ServerSentEvent(retry=500), "retry: 500\n\n"),
    ],
)
def test_an_event_is_text_json_or_a_server_sent_event(event: Any, sent: str):
    with in_process(sending(event)) as client:
        assert client.get("/").text == sent


def test_events_are_sent_from_any_iterable(connect: Connect):
    client = connect(sending("a", {"b": 1}))
    for path in ("/", "/sync", "/list"):
        response = client.get(path)
        assert (response.status_code, response.text) == (200, 'data: a\n\ndata: {"b":1}\n\n')
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"


def test_head_runs_no_event(connect: Connect):
    response = connect(sending("a")).head("/")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"


def test_the_entry_may_reject_the_request_before_the_stream(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self, last_event_id: Annotated[int, Header()] = 0):
            if last_event_id > 2:
                raise Problem(410, "Gone.")
            return sse([str(number) for number in range(last_event_id, 3)])

    client = connect(Service())
    assert client.get("/", headers={"Last-Event-ID": "1"}).text == "data: 1\n\ndata: 2\n\n"
    assert client.get("/", headers={"Last-Event-ID": "x"}).status_code == 422
    assert_problem(client.get("/", headers={"Last-Event-ID": "3"}), 410, "Gone", "Gone.")


def test_request_is_available_in_the_events(connect: Connect):
    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self, name: str = ""):
            return sse(self.events())

        async def events(self):
            for _ in range(2):
                yield request.query_params["name"]

    assert connect(Service()).get("/?name=a").text == "data: a\n\n" * 2


@pytest.mark.parametrize(
    "event",
    [
        ServerSentEvent("x", event="a\nb"),
        ServerSentEvent("x", id="a\rb"),
        ServerSentEvent("x", id="a\0b"),
        {"a": float("nan")},
        {"a": object()},
    ],
)
def test_an_event_that_cannot_be_sent_ends_the_stream_and_is_logged(event: Any, caplog: pytest.LogCaptureFixture):
    with in_process(sending("first", event, "last")) as client:
        for path in ("/", "/sync"):
            caplog.clear()
            assert client.get(path).text == "data: first\n\n"
            [record] = warnings_and_worse(caplog)
            assert record.exc_info is not None
            assert record.exc_info[0] is ReturnError


@pytest.mark.parametrize("via", ["rest", "http", "alb", "url"])
def test_a_failing_stream_is_a_500_in_lambda(via: Any, caplog: pytest.LogCaptureFixture):
    with TestClient(sending("first", {"a": float("nan")}), via=via) as client:
        assert_hidden_500(client.get("/"))


def test_lambda_sends_the_events_at_the_end(caplog: pytest.LogCaptureFixture):
    with TestClient(sending("a", "b"), via="http") as client:
        assert client.get("/").text == "data: a\n\ndata: b\n\n"
    [record] = warnings_and_worse(caplog)
    assert record.getMessage() == STREAM_WARNING


class Waiting(TechMicroService):
    """Sends an event when it is released, and records the end of its generators."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()
        self.closed = threading.Event()

    @entry(no_auth=True)
    async def get(self, ping: float = 15):
        return sse(self.events(), ping=ping)

    @entry(no_auth=True)
    async def get_silent(self):
        return sse(self.events(), ping=None)

    @entry(no_auth=True)
    def get_sync(self):
        return sse(self.sync_events())

    async def events(self):
        try:
            yield "first"
            # A timeout works only if the generator runs in one task.
            async with asyncio.timeout(PATIENCE):
                while not self.release.is_set():  # noqa: ASYNC110 - the test sets it in its thread
                    await asyncio.sleep(0.01)
                yield "last"
        finally:
            self.closed.set()

    def sync_events(self):
        try:
            while not self.release.is_set():
                yield "again"
                time.sleep(0.01)
        finally:
            self.closed.set()


def read_blocks(response: httpx2.Response) -> Iterator[str]:
    """Yield the events and comments of a stream."""
    block = ""
    for line in response.iter_lines():
        if line:
            block += f"{line}\n"
        else:
            yield block
            block = ""


@pytest.mark.parametrize("path", ["/", "/silent"])
def test_each_event_is_sent_at_once(path: str):
    app = Waiting()
    with on_a_socket(app) as client, client.stream("GET", path) as response:
        blocks = read_blocks(response)
        assert next(blocks) == "data: first\n"
        app.release.set()
        assert list(blocks) == ["data: last\n"]
    assert app.closed.wait(PATIENCE)


def test_comments_keep_an_idle_connection_open():
    app = Waiting()
    with on_a_socket(app) as client, client.stream("GET", "/?ping=0.01") as response:
        blocks = read_blocks(response)
        assert [next(blocks), next(blocks), next(blocks)] == ["data: first\n", ": ping\n", ": ping\n"]
        app.release.set()
        assert list(blocks)[-1] == "data: last\n"


@pytest.mark.parametrize("ping", [0, -1, float("nan")])
def test_the_time_between_comments_must_be_over_0(ping: float):
    with pytest.raises(ValueError, match=r"^sse\(ping=...\) must be over 0 seconds, or None for no comments, not "):
        sse([], ping=ping)


async def load() -> str:
    return "text"


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (lambda: Waiting().events, "not method. Did you forget to call it?"),
        (load, "not coroutine. Did you forget 'await'?"),
        (lambda: None, "not NoneType."),
        (lambda: ServerSentEvent("a"), "not ServerSentEvent."),
    ],
)
def test_what_is_not_iterable_is_rejected_before_the_stream(create: Callable[[], Any], message: str):
    with pytest.raises(TypeError) as caught:
        sse(create())
    assert str(caught.value) == f"sse(...) takes a generator or another iterable of events, {message}"


@pytest.mark.parametrize("path", ["/", "/?ping=0.01", "/sync"])
def test_the_generator_is_closed_when_the_client_disconnects(path: str, caplog: pytest.LogCaptureFixture):
    app = Waiting()
    with on_a_socket(app) as client:
        with client.stream("GET", path) as response:
            assert next(read_blocks(response)).startswith("data: ")
        assert app.closed.wait(PATIENCE)
    assert warnings_and_worse(caplog) == []


def test_a_failure_after_the_client_has_disconnected_is_logged(caplog: pytest.LogCaptureFixture):
    class Failing(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return sse(self.events())

        async def events(self):
            try:
                yield "first"
                await asyncio.sleep(PATIENCE)
            finally:
                raise KeyError("the reason")

    with on_a_socket(Failing()) as client, client.stream("GET", "/") as response:
        assert next(read_blocks(response)) == "data: first\n"
    [record] = [record for record in warnings_and_worse(caplog) if record.name == "failing"]
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError


def test_a_cancellation_in_the_generator_is_a_failure(caplog: pytest.LogCaptureFixture):
    class Cancelling(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return sse(self.events())

        async def events(self):
            yield "first"
            task = asyncio.create_task(asyncio.sleep(PATIENCE))
            task.cancel()
            await task

    with in_process(Cancelling()) as client:
        assert client.get("/").text == "data: first\n\n"
    [record] = warnings_and_worse(caplog)
    assert " after the response had started" in record.getMessage()


def test_an_open_stream_ends_when_the_server_stops():
    app = Waiting()
    with on_a_socket(app) as client:
        stream = client.stream("GET", "/")
        response = stream.__enter__()
        assert next(read_blocks(response)) == "data: first\n"
    assert app.closed.is_set()


def test_a_client_that_is_gone_while_an_event_is_sent_closes_the_generator():
    app = Waiting()
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            raise OSError("gone")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
    }
    asyncio.run(app(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert app.closed.is_set()


def test_a_plain_route_may_send_events():
    async def events(request: Request) -> EventSourceResponse:
        return sse(["a"])

    app = TechMicroService()
    app.add_route("/events", events)
    with in_process(app) as client:
        assert client.get("/events").text == "data: a\n\n"
