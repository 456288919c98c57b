"""`request.after`: work that follows the response."""

import asyncio
import threading
from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import Message

from coworks_async import Problem, TechMicroService, entry, request
from coworks_async.exceptions import RequestContextError
from tests.clients import Connect, in_process, on_a_socket
from tests.pipeline.checks import create_scope, warnings_and_worse
from tests.tools import PATIENCE

pytestmark = pytest.mark.filterwarnings("error")


class Log:
    """Lines in the order of the work, and an event for its end."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ended = threading.Event()

    async def write(self, line: str) -> None:
        await asyncio.sleep(0)
        self.lines.append(line)

    async def fail(self) -> None:
        raise LookupError("no mail server")

    async def end(self) -> None:
        self.lines.append("end")
        self.ended.set()


class Shop(TechMicroService):
    def __init__(self, log: Log, **options: Any) -> None:
        super().__init__(**options)
        self.log = log

    @entry(no_auth=True)
    async def get(self):
        request.after(self.log.write("first"))
        request.after(self.log.fail())
        request.after(self.describe())
        request.after(self.log.end())
        return "answer"

    async def describe(self) -> None:
        request.after(self.log.write("scheduled by work"))
        self.log.lines.append(f"{request.method} {request.url.path}")

    @entry(no_auth=True)
    def get_thread(self):
        request.after(self.log.end())
        return "answer"

    @entry(no_auth=True)
    async def get_problem(self):
        request.after(self.log.end())
        raise Problem(409, "There is one already.")

    @entry(no_auth=True)
    async def get_stream(self):
        request.after(self.log.end())
        yield "one"
        self.log.lines.append("two")
        yield "two"

    @entry(no_auth=True)
    async def get_value(self):
        request.after("send the mail")  # type: ignore[arg-type]


def test_work_runs_in_order_after_the_response_with_the_request_before_teardown(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    log = Log()
    app = Shop(log)
    torn_down = threading.Event()

    @app.teardown_request
    def tear_down(error: Exception | None) -> None:
        log.lines.append(f"teardown {error}")
        torn_down.set()

    response = connect(app).get("/")
    assert (response.status_code, response.text) == (200, "answer")
    assert torn_down.wait(PATIENCE)
    assert log.lines == ["first", "GET /", "end", "scheduled by work", "teardown None"]
    [record] = warnings_and_worse(caplog)
    assert record.getMessage() == "Log.fail after the response of GET / (Shop.get) failed"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "no mail server"


@pytest.mark.parametrize(
    ("path", "status", "lines"),
    [("/thread", 200, ["end"]), ("/problem", 409, ["end"]), ("/stream", 200, ["two", "end"])],
)
def test_work_follows_sync_entries_errors_and_streams(connect: Connect, path: str, status: int, lines: list[str]):
    log = Log()
    assert connect(Shop(log)).get(path).status_code == status
    assert log.ended.wait(PATIENCE)
    assert log.lines == lines


def test_hooks_schedule_work(connect: Connect):
    log = Log()
    app = Shop(log)

    @app.before_request
    async def start() -> str:
        request.after(log.write("before_request"))
        return "answer"

    @app.after_request
    async def stop(response: Any) -> Any:
        request.after(log.end())
        return response

    assert connect(app).get("/").text == "answer"
    assert log.ended.wait(PATIENCE)
    assert log.lines == ["before_request", "end"]


def test_another_value_is_a_type_error(caplog: pytest.LogCaptureFixture):
    with in_process(Shop(Log())) as client:
        assert client.get("/value").status_code == 500
    assert (
        "TypeError: request.after received str, but takes a coroutine. Call an async function: "
        "request.after(send_mail(address))." in caplog.text
    )


def test_a_token_authorizer_has_no_request():
    with pytest.raises(RequestContextError):
        _ = request.after


def test_the_client_does_not_wait_on_a_socket():
    go, log = threading.Event(), Log()

    class Slow(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            request.after(asyncio.to_thread(go.wait, PATIENCE))
            request.after(log.end())
            return "answer"

    with on_a_socket(Slow()) as client:
        assert client.get("/").text == "answer"
        # On the same connection.
        assert client.get("/").text == "answer"
        assert not log.ended.is_set()
        go.set()
        assert log.ended.wait(PATIENCE)


def test_an_error_handler_of_a_route_and_of_middleware_schedules_work(connect: Connect):
    log = Log()

    def fail(request: Any) -> None:
        raise LookupError(request.url.path)

    class Failing:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope.get("path") == "/":
                raise LookupError("middleware")
            await self.app(scope, receive, send)

    app = Shop(log, routes=[Route("/route", fail)], middleware=[Middleware(Failing)])

    @app.errorhandler(LookupError)
    async def handle(error: LookupError) -> Any:
        request.after(log.write("handled"))
        request.after(log.end())
        return "handled", 410

    client = connect(app)
    for path in ("/", "/route"):
        log.ended.clear()
        assert client.get(path).status_code == 410
        assert log.ended.wait(PATIENCE)
    assert log.lines == ["handled", "end"] * 2


def test_work_runs_after_a_response_that_breaks_off():
    log = Log()

    class Breaking(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            request.after(log.end())
            yield "one"
            raise LookupError("no more")

    with on_a_socket(Breaking()) as client, client.stream("GET", "/"):
        assert log.ended.wait(PATIENCE)


async def run(app: TechMicroService, receive: Any = None, path: str = "/") -> list[Message]:
    """Run a request in this task and return the messages that the app sent."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(create_scope(path=path), receive, send)
    return sent


async def test_work_is_closed_and_logged_if_no_response_is_sent(caplog: pytest.LogCaptureFixture):
    class Reading(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            request.after(log.write("never"))
            request.after(log.end())
            await request.body()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    log = Log()
    assert await run(Reading(), receive) == []
    assert log.lines == []
    [record] = warnings_and_worse(caplog)
    assert record.getMessage().endswith("Reading.get): request.after did not finish: Log.write, Log.end")


async def test_a_cancelled_request_stops_its_work_and_logs_it(caplog: pytest.LogCaptureFixture):
    started, log = asyncio.Event(), Log()

    async def wait() -> None:
        started.set()
        await asyncio.sleep(PATIENCE)

    class Waiting(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            request.after(log.write("first"))
            request.after(wait())
            request.after(log.end())
            return "answer"

    task = asyncio.create_task(run(Waiting()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log.lines == ["first"]
    [record] = warnings_and_worse(caplog)
    assert record.getMessage().endswith("wait, Log.end")


async def test_a_cancelled_task_that_work_awaits_is_a_failure(caplog: pytest.LogCaptureFixture):
    log = Log()

    async def await_cancelled() -> None:
        task = asyncio.ensure_future(asyncio.sleep(PATIENCE))
        task.cancel()
        await task

    class Awaiting(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            request.after(await_cancelled())
            request.after(log.end())
            return "answer"

    assert len(await run(Awaiting())) == 2
    assert log.lines == ["end"]
    [record] = warnings_and_worse(caplog)
    assert record.getMessage().startswith(f"{await_cancelled.__qualname__} after the response of GET / ")


async def test_work_that_a_teardown_hook_schedules_does_not_run(caplog: pytest.LogCaptureFixture):
    log = Log()
    app = Shop(log)

    @app.teardown_request
    async def tear_down(error: Exception | None) -> None:
        request.after(log.write("never"))

    await run(app, path="/thread")
    assert log.lines == ["end"]
    [record] = warnings_and_worse(caplog)
    assert record.getMessage() == "GET /thread (Shop.get_thread): request.after did not finish: Log.write"
