"""One event loop and one lifespan per execution environment."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.middleware import Middleware

from coworks_async import TechMicroService, entry, request
from coworks_async.exceptions import StartupError
from tests.aws.events import METHOD_ARN, Context, Event, Invoke, SendEvent, http_event, rest_event


class Pooled(TechMicroService):
    """Has a pool from its lifespan, and a worker that its first request starts."""

    @entry(no_auth=True)
    async def get(self):
        loop = asyncio.get_running_loop()
        if not hasattr(self.state, "queue"):
            self.state.queue = asyncio.Queue()
            self.state.worker = asyncio.create_task(self.work(self.state.queue))
            self.state.loop = loop
        done: asyncio.Future[str] = loop.create_future()
        await self.state.queue.put(done)
        return {"pool": request.state.pool, "worker": await done, "same": loop is self.state.loop}

    async def work(self, queue: asyncio.Queue[asyncio.Future[str]]) -> None:
        while True:
            (await queue.get()).set_result("worked")


def create_lifespan(log: list[str], fail: Callable[[str], None] = lambda phase: None):
    @asynccontextmanager
    async def lifespan(app):
        fail("startup")
        log.append("startup")
        await asyncio.sleep(0)
        yield {"pool": f"pool {log.count('startup')}"}
        fail("shutdown")
        log.append("shutdown")

    return lifespan


def test_the_lifespan_starts_once_and_connections_work_across_events(send_event: SendEvent):
    log: list[str] = []
    app = Pooled(lifespan=create_lifespan(log))
    for _ in range(50):
        for event in (rest_event(), http_event()):
            assert send_event(app, event).json == {"pool": "pool 1", "worker": "worked", "same": True}
    assert log == ["startup"]


def test_state_is_copied_for_each_request(send_event: SendEvent):
    class Counting(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            request.state.seen = hasattr(request.state, "seen")
            return {"seen": request.state.seen, "pool": request.state.pool}

    app = Counting(lifespan=create_lifespan([]))
    for _ in range(2):
        assert send_event(app, rest_event()).json == {"seen": False, "pool": "pool 1"}


def test_close_stops_the_lifespan_and_the_next_event_starts_it_again(send_event: SendEvent):
    log: list[str] = []
    app = TechMicroService(name="any", lifespan=create_lifespan(log))
    app.lambda_handler.close()
    send_event(app, rest_event())
    app.lambda_handler.close()
    app.lambda_handler.close()
    assert log == ["startup", "shutdown"]
    send_event(app, rest_event())
    assert log == ["startup", "shutdown", "startup"]


def test_close_cancels_remaining_tasks(send_event: SendEvent):
    ended: list[str] = []

    class Leaving(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            self.state.task = asyncio.create_task(self.wait())
            await asyncio.sleep(0)
            return "left"

        async def wait(self):
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("cancelled")

    app = Leaving()
    assert send_event(app, rest_event()).body == b"left"
    app.lambda_handler.close()
    assert ended == ["cancelled"]


# --- failing startup and shutdown


def fail_startup(times: int, error: Exception) -> Callable[[str], None]:
    left = [times]

    def fail(phase: str) -> None:
        if phase == "startup" and left[0]:
            left[0] -= 1
            raise error

    return fail


def test_a_failing_startup_is_a_500_logged_once_and_the_next_event_tries_again(
    send_event: SendEvent, caplog: pytest.LogCaptureFixture
):
    log: list[str] = []
    app = Pooled(lifespan=create_lifespan(log, fail_startup(2, ConnectionError("no database"))))
    for _ in range(2):
        caplog.clear()
        response = send_event(app, rest_event())
        assert (response.status, response.header("content-type")) == (500, "application/problem+json")
        assert "database" not in str(response.raw)
        [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert record.getMessage() == (
            "A request failed: The service failed to start (ConnectionError: no database). The next event tries again."
        )
        assert record.exc_info is not None
        assert record.exc_info[0] is ConnectionError
    assert send_event(app, rest_event()).json["pool"] == "pool 1"
    assert log == ["startup"]


OTHER_EVENTS: list[dict[str, Any]] = [
    {"type": "TOKEN", "authorizationToken": "a", "methodArn": METHOD_ARN},
    {"source": "aws.events"},
]


@pytest.mark.parametrize("event", OTHER_EVENTS)
def test_a_failing_startup_fails_other_events(invoke: Invoke, event: Event):
    app = Pooled(lifespan=create_lifespan([], fail_startup(1, ConnectionError("no database"))))
    with pytest.raises(StartupError, match="ConnectionError: no database") as failed:
        invoke(app, event)
    assert isinstance(failed.value.__cause__, ConnectionError)
    assert invoke(app, rest_event())["statusCode"] == 200


def test_a_lifespan_swallowed_by_a_middleware_is_a_failing_startup(invoke: Invoke):
    class Swallowing:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            assert scope["type"] == "lifespan"

    app = TechMicroService(name="any", middleware=[Middleware(Swallowing)])
    with pytest.raises(StartupError, match=r"failed to start \(its lifespan ended early\)"):
        invoke(app, {})


def test_a_failing_shutdown_is_logged_and_the_loop_closed(send_event: SendEvent, caplog: pytest.LogCaptureFixture):
    loops: list[asyncio.AbstractEventLoop] = []

    def fail(phase: str) -> None:
        loops.append(asyncio.get_running_loop())
        if phase == "shutdown":
            raise LookupError("no end")

    app = TechMicroService(name="any", lifespan=create_lifespan([], fail))
    send_event(app, rest_event())
    app.lambda_handler.close()
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == "The service failed to shut down"
    assert record.exc_info is not None
    assert record.exc_info[0] is LookupError
    assert loops[0] is loops[1]
    assert loops[0].is_closed()


# --- other event loops and threads


def test_asyncio_run_elsewhere_does_not_interfere(send_event: SendEvent):
    async def other():
        await asyncio.sleep(0)

    app = Pooled(lifespan=create_lifespan([]))
    asyncio.run(other())
    for _ in range(3):
        assert send_event(app, rest_event()).json == {"pool": "pool 1", "worker": "worked", "same": True}
        asyncio.run(other())
        thread = threading.Thread(target=lambda: asyncio.run(other()))
        thread.start()
        thread.join()


def test_events_may_come_from_several_threads(send_event: SendEvent):
    app = Pooled(lifespan=create_lifespan([]))
    _ = app.lambda_handler  # created once, when Lambda imports the module
    responses: list[Any] = []
    threads = [threading.Thread(target=lambda: responses.append(send_event(app, rest_event()).json)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert responses == [{"pool": "pool 1", "worker": "worked", "same": True}] * 8


def test_the_current_event_loop_of_the_thread_is_unchanged(send_event: SendEvent):
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        app = Pooled(lifespan=create_lifespan([]))
        send_event(app, rest_event())
        assert asyncio.get_event_loop() is loop
        app.lambda_handler.close()
        assert asyncio.get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def test_a_handler_called_in_a_running_loop_returns_a_500_and_logs_why(
    send_event: SendEvent, caplog: pytest.LogCaptureFixture
):
    app = Pooled(lifespan=create_lifespan([]))
    assert send_event(app, rest_event()).status == 500
    assert "The handler was called in a running event loop" in caplog.text
    # In another thread it works.
    response = await asyncio.to_thread(send_event, app, rest_event())
    assert response.json == {"pool": "pool 1", "worker": "worked", "same": True}


@pytest.mark.parametrize("path", ["/async", "/sync"])
def test_an_entry_that_calls_its_own_handler_gets_a_500_and_logs_why(
    send_event: SendEvent, caplog: pytest.LogCaptureFixture, path: str
):
    class Calling(TechMicroService):
        @entry(no_auth=True)
        async def get_async(self):
            return send_event(self, rest_event(path="/here")).status

        @entry(no_auth=True)
        def get_sync(self):
            return send_event(self, rest_event(path="/here")).status

        @entry(no_auth=True)
        async def get_here(self):
            return "here"

    app = Calling()
    assert send_event(app, rest_event(path=path)).json == 500
    assert "An entry called the handler of its own service" in caplog.text
    assert send_event(app, rest_event(path="/here")).body == b"here"


def test_close_during_an_event_does_nothing(send_event: SendEvent):
    class Closing(Pooled):
        @entry(no_auth=True)
        async def get_close(self):
            self.lambda_handler.close()
            return "still here"

    app = Closing(lifespan=create_lifespan([]))
    assert send_event(app, rest_event(path="/close")).body == b"still here"
    assert send_event(app, rest_event()).json["pool"] == "pool 1"


def test_context_variables_do_not_leak_into_the_next_event(send_event: SendEvent):
    from contextvars import ContextVar

    seen: ContextVar[str] = ContextVar("seen", default="nothing")

    class Setting(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            before = seen.get()
            seen.set("this")
            return before

    app = Setting()
    assert [send_event(app, rest_event()).body for _ in range(2)] == [b"nothing"] * 2


def test_the_request_id_may_be_empty(send_event: SendEvent):
    assert send_event(Pooled(lifespan=create_lifespan([])), rest_event(), Context(aws_request_id="")).status == 200
