"""One container: one event loop and one lifespan, from the first event to the end."""

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
from tests.aws.lambdas import METHOD_ARN, Ask, Context, Event, Invoke, http, rest


class Pooled(TechMicroService):
    """Has a pool from its lifespan, and one that its first request opens."""

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


def lifespan_of(log: list[str], fail: Callable[[str], None] = lambda what: None):
    @asynccontextmanager
    async def lifespan(app):
        fail("startup")
        log.append("startup")
        await asyncio.sleep(0)
        yield {"pool": f"pool {log.count('startup')}"}
        fail("shutdown")
        log.append("shutdown")

    return lifespan


def test_a_hundred_events_are_one_start_and_what_one_opened_works_in_the_next(ask: Ask):
    log: list[str] = []
    app = Pooled(lifespan=lifespan_of(log))
    for _ in range(50):
        for event in (rest(), http()):
            assert ask(app, event).json == {"pool": "pool 1", "worker": "worked", "same": True}
    assert log == ["startup"]


def test_state_is_each_requests_own_and_what_the_lifespan_yielded_is_in_it(ask: Ask):
    class Counting(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            request.state.seen = hasattr(request.state, "seen")
            return {"seen": request.state.seen, "pool": request.state.pool}

    app = Counting(lifespan=lifespan_of([]))
    for _ in range(2):
        assert ask(app, rest()).json == {"seen": False, "pool": "pool 1"}


def test_a_close_ends_the_lifespan_and_the_next_event_starts_it_again(ask: Ask):
    log: list[str] = []
    app = TechMicroService(name="any", lifespan=lifespan_of(log))
    app.lambda_handler.close()
    ask(app, rest())
    app.lambda_handler.close()
    app.lambda_handler.close()
    assert log == ["startup", "shutdown"]
    ask(app, rest())
    assert log == ["startup", "shutdown", "startup"]


def test_tasks_left_behind_are_cancelled_at_the_end(ask: Ask):
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
    assert ask(app, rest()).body == b"left"
    app.lambda_handler.close()
    assert ended == ["cancelled"]


# --- a start that fails


def failing_times(times: int, error: Exception) -> Callable[[str], None]:
    left = [times]

    def fail(what: str) -> None:
        if what == "startup" and left[0]:
            left[0] -= 1
            raise error

    return fail


def test_a_start_that_fails_is_a_500_with_one_log_and_the_next_event_tries_again(
    ask: Ask, caplog: pytest.LogCaptureFixture
):
    log: list[str] = []
    app = Pooled(lifespan=lifespan_of(log, failing_times(2, ConnectionError("no database"))))
    for _ in range(2):
        caplog.clear()
        answer = ask(app, rest())
        assert (answer.status, answer.header("content-type")) == (500, "application/problem+json")
        assert "database" not in str(answer.raw)
        [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert record.getMessage() == (
            "A request came before the service could start: The startup of the service failed (ConnectionError: "
            "no database); the next event tries again."
        )
        assert record.exc_info is not None
        assert record.exc_info[0] is ConnectionError
    assert ask(app, rest()).json["pool"] == "pool 1"
    assert log == ["startup"]


OTHERS: list[dict[str, Any]] = [
    {"type": "TOKEN", "authorizationToken": "a", "methodArn": METHOD_ARN},
    {"source": "aws.events"},
]


@pytest.mark.parametrize("event", OTHERS)
def test_an_event_that_is_no_request_fails_by_a_start_that_fails(invoke: Invoke, event: Event):
    app = Pooled(lifespan=lifespan_of([], failing_times(1, ConnectionError("no database"))))
    with pytest.raises(StartupError, match="ConnectionError: no database") as failed:
        invoke(app, event)
    assert isinstance(failed.value.__cause__, ConnectionError)
    assert invoke(app, rest())["statusCode"] == 200


def test_a_lifespan_that_a_middleware_swallows_is_a_start_that_fails(invoke: Invoke):
    class Swallowing:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            assert scope["type"] == "lifespan"

    app = TechMicroService(name="any", middleware=[Middleware(Swallowing)])
    with pytest.raises(StartupError, match=r"failed \(it ended\)"):
        invoke(app, {})


def test_an_end_that_fails_is_logged_and_the_loop_closed(ask: Ask, caplog: pytest.LogCaptureFixture):
    loops: list[asyncio.AbstractEventLoop] = []

    def fail(what: str) -> None:
        loops.append(asyncio.get_running_loop())
        if what == "shutdown":
            raise LookupError("no end")

    app = TechMicroService(name="any", lifespan=lifespan_of([], fail))
    ask(app, rest())
    app.lambda_handler.close()
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == "The shutdown of the service failed"
    assert record.exc_info is not None
    assert record.exc_info[0] is LookupError
    assert loops[0] is loops[1]
    assert loops[0].is_closed()


# --- loops of others


def test_asyncio_run_before_between_and_in_a_thread_changes_nothing(ask: Ask):
    async def other():
        await asyncio.sleep(0)

    app = Pooled(lifespan=lifespan_of([]))
    asyncio.run(other())
    for _ in range(3):
        assert ask(app, rest()).json == {"pool": "pool 1", "worker": "worked", "same": True}
        asyncio.run(other())
        thread = threading.Thread(target=lambda: asyncio.run(other()))
        thread.start()
        thread.join()


def test_events_may_come_from_several_threads_one_after_the_other(ask: Ask):
    app = Pooled(lifespan=lifespan_of([]))
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(app, rest()).json)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [{"pool": "pool 1", "worker": "worked", "same": True}] * 8


def test_no_loop_is_left_behind_as_somebodys_current_one(ask: Ask):
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    try:
        app = Pooled(lifespan=lifespan_of([]))
        ask(app, rest())
        assert asyncio.get_event_loop() is made
        app.lambda_handler.close()
        assert asyncio.get_event_loop() is made
    finally:
        asyncio.set_event_loop(None)
        made.close()


async def test_in_a_running_loop_a_request_is_a_500_that_the_log_explains(ask: Ask, caplog: pytest.LogCaptureFixture):
    app = Pooled(lifespan=lifespan_of([]))
    assert ask(app, rest()).status == 500
    assert "the handler was called in a running event loop" in caplog.text
    # In a thread of its own it is answered.
    answer = await asyncio.to_thread(ask, app, rest())
    assert answer.json == {"pool": "pool 1", "worker": "worked", "same": True}


@pytest.mark.parametrize("path", ["/async", "/sync"])
def test_an_entry_that_calls_the_handler_of_its_own_service_is_told_so(
    ask: Ask, caplog: pytest.LogCaptureFixture, path: str
):
    class Calling(TechMicroService):
        @entry(no_auth=True)
        async def get_async(self):
            return ask(self, rest(path="/here")).status

        @entry(no_auth=True)
        def get_sync(self):
            return ask(self, rest(path="/here")).status

        @entry(no_auth=True)
        async def get_here(self):
            return "here"

    app = Calling()
    assert ask(app, rest(path=path)).json == 500
    assert "an entry called the handler of its own service" in caplog.text
    assert ask(app, rest(path="/here")).body == b"here"


def test_a_close_in_the_midst_of_an_event_does_nothing(ask: Ask):
    class Closing(Pooled):
        @entry(no_auth=True)
        async def get_close(self):
            self.lambda_handler.close()
            return "still here"

    app = Closing(lifespan=lifespan_of([]))
    assert ask(app, rest(path="/close")).body == b"still here"
    assert ask(app, rest()).json["pool"] == "pool 1"


def test_context_variables_of_one_event_are_not_in_the_next(ask: Ask):
    from contextvars import ContextVar

    seen: ContextVar[str] = ContextVar("seen", default="nothing")

    class Setting(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            before = seen.get()
            seen.set("this")
            return before

    app = Setting()
    assert [ask(app, rest()).body for _ in range(2)] == [b"nothing"] * 2


def test_the_context_need_not_be_lambdas(ask: Ask):
    assert ask(Pooled(lifespan=lifespan_of([])), rest(), Context(aws_request_id="")).status == 200
