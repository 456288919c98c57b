"""The deadline of an event: shortly before Lambda's timeout it is cancelled, and a request gets a 504."""

import asyncio
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from coworks_async import TechMicroService, entry
from coworks_async.exceptions import DeclarationError, EventTimeout
from coworks_async.gateway import VIAS, Via
from coworks_async.testing import TestClient
from tests.aws.events import METHOD_ARN, Context, Invoke, SendEvent, rest_event
from tests.cli.processes import until
from tests.tools import PATIENCE

MARGIN = 0.5
TIMEOUT = MARGIN + 0.1
REASON = "cancelled 0.5 s before Lambda's timeout. Shorten the work or raise the timeout."


@dataclass(frozen=True)
class Short(Context):
    """The context of an event that is cancelled after `seconds`."""

    seconds: float = 0.1
    start: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        return round((self.start + self.seconds + MARGIN - time.monotonic()) * 1000)


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


class Slow(TechMicroService):
    """Entries and routes that wait; `release` ends the threads of the sync ones."""

    def __init__(self, **options: Any) -> None:
        self.release, self.closed = threading.Event(), threading.Event()
        self.ended: list[Any] = []
        mounted = Starlette(routes=[Route("/page", self.respond), Route("/sync", self.respond_in_thread)])
        routes = [Route("/plain", self.respond), Mount("/mounted", mounted)]
        super().__init__(name="slow", routes=routes, **options)

    async def respond(self, request: StarletteRequest):
        await wait_for_ever()

    def respond_in_thread(self, request: StarletteRequest):
        self.release.wait(PATIENCE)
        return PlainTextResponse("late")

    @entry(no_auth=True)
    async def get(self):
        return "here"

    @entry(no_auth=True)
    async def get_waiting(self, number: int):
        await wait_for_ever()

    @entry(no_auth=True)
    def get_thread(self):
        self.release.wait(PATIENCE)
        return "late"

    @entry(no_auth=True)
    async def get_stream(self):
        try:
            yield "begun"
            await wait_for_ever()
        finally:
            self.ended.append("stream")

    @entry(no_auth=True)
    def get_items(self):
        yield "begun"
        self.release.wait(PATIENCE)

    @entry(no_auth=True)
    def get_second(self):
        yield "begun"
        yield from self._yield_late()

    @entry(no_auth=True)
    def get_first(self):
        return self._yield_late()

    def _yield_late(self):
        try:
            self.release.wait(PATIENCE)
            yield "late"
        finally:
            self.closed.set()
            raise LookupError("at the end")

    @entry(background=True, no_auth=True)
    async def post_job(self):
        await wait_for_ever()

    async def on_event(self, event, context):
        await wait_for_ever()

    async def store_response(self, response, headers):
        self.ended.append(response.status_code)


class Authorizing(Slow):
    @entry
    async def get_secret(self):
        return "secret"

    async def token_authorizer(self, token):
        await wait_for_ever()


class AuthorizingInThread(Slow):
    def token_authorizer(self, token):
        self.release.wait(PATIENCE)


@pytest.fixture
def app() -> Iterator[Slow]:
    app = Slow()
    yield app
    app.release.set()


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


ROUTES = {
    "/waiting/3": "/waiting/{number}",
    "/thread": "/thread",
    "/stream": "/stream",
    "/items": "/items",
    "/plain": "/plain",
    "/mounted/page": "/mounted/page",
    "/mounted/sync": "/mounted/sync",
}


@pytest.mark.parametrize("via", VIAS)
def test_a_request_that_takes_too_long_is_a_504_and_the_log_has_its_route_and_id(
    app: Slow, caplog: pytest.LogCaptureFixture, via: Via
):
    with TestClient(app, via=via, lambda_timeout=TIMEOUT) as client:
        for path, route in ROUTES.items():
            caplog.clear()
            response = client.get(path)
            assert (path, response.status_code) == (path, 504)
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json() == {
                "type": "about:blank",
                "title": "Gateway Timeout",
                "status": 504,
                "detail": "The service took too long to respond.",
            }
            [error] = errors(caplog)
            place, _, rest = error.partition(", request id ")
            assert place.startswith("GET '")
            assert place.endswith(f"{path}' on route {route}")
            assert rest[36:] == f": {REASON}"
        assert client.get("/").text == "here"


def test_the_504_of_a_head_request_has_no_body(app: Slow, send_event: SendEvent):
    response = send_event(app, rest_event("HEAD", "/waiting/3"), Short())
    assert (response.status, response.body) == (504, b"")


def test_an_asgi_server_has_no_deadline(app: Slow):
    with TestClient(app, lambda_timeout=0) as client:
        assert client.get("/").text == "here"


def test_the_access_log_has_the_504(app: Slow, send_event: SendEvent, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "slow")
    assert send_event(app, rest_event(path="/waiting/3"), Short()).status == 504
    [line] = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert (line["status"], line["route"], line["request_id"]) == (504, "/waiting/{number}", Context().aws_request_id)


@pytest.mark.parametrize("path", ["/waiting/3", "/thread", "/stream"])
def test_teardown_hooks_run_and_receive_the_cancellation(app: Slow, send_event: SendEvent, path: str):
    @app.teardown_request
    async def end(error):
        await asyncio.sleep(0.01)
        app.ended.append(type(error))

    send_event(app, rest_event())  # the short time must not include the start of the service
    assert send_event(app, rest_event(path=path), Short(seconds=0.3)).status == 504
    assert app.ended[-1] is asyncio.CancelledError
    assert ("stream" in app.ended) is (path == "/stream")


@pytest.mark.parametrize("path", ["/first", "/second"])
def test_a_thread_that_still_runs_a_sync_generator_closes_it_and_logs_a_failure(
    app: Slow, send_event: SendEvent, caplog: pytest.LogCaptureFixture, path: str
):
    send_event(app, rest_event())  # the short time must not include the start of the service
    gc.disable()  # it would close the generator, too, but at any time
    try:
        assert send_event(app, rest_event(path=path), Short(seconds=0.3)).status == 504
        assert not app.closed.is_set()
        app.release.set()
        assert app.closed.wait(PATIENCE)
    finally:
        gc.enable()
    until(lambda: "Closing a sync generator of a cancelled request failed" in caplog.messages)


def test_hooks_middleware_and_the_authorizer_are_cancelled_too(send_event: SendEvent):
    class Waiting:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                await wait_for_ever()
            await self.app(scope, receive, send)

    hooked = Slow()
    hooked.before_request(wait_for_ever)
    for app in (hooked, Slow(middleware=[Middleware(Waiting)])):
        assert send_event(app, rest_event(), Short()).status == 504
    event = rest_event(path="/secret", headers=[("Authorization", "token")])
    assert send_event(Authorizing(), event, Short()).status == 504


def test_a_complete_response_is_sent_although_a_hook_is_cancelled(
    app: Slow, send_event: SendEvent, caplog: pytest.LogCaptureFixture
):
    @app.teardown_request
    async def end(error):
        await wait_for_ever()

    response = send_event(app, rest_event(), Short())
    assert (response.status, response.body) == (200, b"here")
    [message] = errors(caplog)
    assert message.startswith("GET '/dev/' on route /, after its response, request id ")
    assert REASON in message


def test_an_entry_that_suppresses_the_cancellation_responds_itself(send_event: SendEvent):
    class Stubborn(Slow):
        @entry(no_auth=True)
        async def get_own(self):
            try:
                await wait_for_ever()
            except asyncio.CancelledError:
                return "partial"

    assert send_event(Stubborn(), rest_event(path="/own"), Short()).body == b"partial"


@pytest.mark.parametrize("create_context", [Context, lambda: Short(seconds=PATIENCE)])
def test_another_cancellation_is_a_500(
    send_event: SendEvent, caplog: pytest.LogCaptureFixture, create_context: Callable[[], Context]
):
    class Cancelling(Slow):
        @entry(no_auth=True)
        async def get_cancelled(self):
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

    app = Cancelling()
    assert send_event(app, rest_event(path="/waiting/3"), Short()).status == 504
    caplog.clear()
    assert send_event(app, rest_event(path="/cancelled"), create_context()).status == 500
    assert errors(caplog) == ["A request failed without a complete response"]


def test_each_event_has_its_own_deadline(send_event: SendEvent):
    class Sleeping(Slow):
        @entry(no_auth=True)
        async def get_sleep(self, milliseconds: int):
            await asyncio.sleep(milliseconds / 1000)
            return "slept"

    app = Sleeping()
    waits = [1.1]
    app.lambda_handler.after_event.append(lambda context: asyncio.sleep(waits.pop() if waits else 0.2))

    def status(milliseconds: float, context: Context) -> int:
        return send_event(app, rest_event(path=f"/sleep/{milliseconds:.0f}"), context).status

    assert status(0, Short(seconds=1)) == 200  # its deadline passes during `after_event`
    assert status(0, Short(seconds=1)) == 200
    start = time.monotonic()
    assert status(PATIENCE * 1000, Short(seconds=1)) == 504
    assert time.monotonic() - start > 0.9  # past the deadline of the event before
    assert status(0, Context()) == 200


def test_without_a_margin_there_is_no_deadline(send_event: SendEvent):
    class Patient(Slow):
        lambda_timeout_margin = None

        @entry(no_auth=True)
        async def get_sleep(self):
            await asyncio.sleep(0.1)
            return "slept"

    assert send_event(Patient(), rest_event(path="/sleep"), Short(seconds=0)).body == b"slept"


@pytest.mark.parametrize("value", [0, -1, True, "1", float("nan")])
def test_an_invalid_margin_is_a_declaration_error(value: Any):
    class Service(TechMicroService):
        lambda_timeout_margin = value

    with pytest.raises(DeclarationError, match=r"^Service\.lambda_timeout_margin is .*a number of seconds over 0"):
        Service()


def test_a_lifespan_that_starts_too_slowly_is_a_504_and_the_next_event_tries_again(send_event: SendEvent):
    started: list[str] = []

    @asynccontextmanager
    async def lifespan(app):
        started.append("started")
        if len(started) == 1:
            try:
                await wait_for_ever()
            finally:
                started.append("cancelled")
        yield

    app = Slow(lifespan=lifespan)
    assert send_event(app, rest_event(), Short()).status == 504
    assert send_event(app, rest_event(), Short(seconds=PATIENCE)).status == 200
    assert sorted(started) == ["cancelled", "started", "started"]


# Other events fail, so that Lambda tries them again or the gateway returns a 500.


@pytest.mark.parametrize("event", [{"source": "aws.events"}, {"Records": []}])
def test_another_event_fails_and_is_logged(app: Slow, invoke: Invoke, caplog: pytest.LogCaptureFixture, event: Any):
    with pytest.raises(EventTimeout, match=r"^cancelled 0.5 s before Lambda's timeout"):
        invoke(app, event, Short())
    assert errors(caplog) == [f"An event, request id {Context().aws_request_id}: {REASON}"]
    assert invoke(app, rest_event(), Short(seconds=PATIENCE))["statusCode"] == 200


@pytest.mark.parametrize("kind", [Authorizing, AuthorizingInThread])
def test_an_authorizer_event_fails_so_that_no_decision_is_cached(
    invoke: Invoke, caplog: pytest.LogCaptureFixture, kind: type[Slow]
):
    app = kind()
    event = {"type": "TOKEN", "authorizationToken": "s3cr3t", "methodArn": METHOD_ARN}
    with pytest.raises(EventTimeout):
        invoke(app, event, Short())
    app.release.set()
    assert errors(caplog) == [f"An authorizer event, request id {Context().aws_request_id}: {REASON}"]
    assert "s3cr3t" not in caplog.text


def test_the_gateway_responds_with_500_to_an_authorizer_that_takes_too_long():
    with TestClient(Authorizing(), via="rest", lambda_timeout=TIMEOUT) as client:
        assert client.get("/secret", headers={"Authorization": "token"}).status_code == 500


def test_an_asynchronous_call_fails_and_stores_nothing(app: Slow, caplog: pytest.LogCaptureFixture):
    with closing(app.lambda_handler), TestClient(app, via="rest", lambda_timeout=TIMEOUT) as client:
        response = client.post("/job", headers={"InvocationType": "Event"})
    assert response.status_code == 202
    call, failed_event, failed = errors(caplog)
    assert call == f"Asynchronous call {response.json()['request_id']} of post_job was cancelled"
    assert failed_event.startswith("The event of an asynchronous call, request id ")
    assert failed_event.endswith(REASON)
    assert failed == "An asynchronous call failed"
    assert app.ended == []


def test_events_have_a_deadline_on_the_event_loop_after_a_close(app: Slow, send_event: SendEvent):
    assert send_event(app, rest_event(), Short(seconds=PATIENCE)).status == 200
    app.lambda_handler.close()
    assert send_event(app, rest_event(path="/waiting/1"), Short()).status == 504
