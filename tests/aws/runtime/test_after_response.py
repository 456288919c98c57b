"""Work after the response in the native runtime: background tasks, `request.after` and `after_event`."""

import asyncio
import logging
import threading
from typing import Any

import pytest
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse

from coworks_async import TechMicroService, entry, request
from tests.aws.events import rest_event
from tests.aws.runtime.native import native


class Shop(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "shop"


async def test_functions_in_after_event_run_after_the_response_and_before_the_next_event(
    caplog: pytest.LogCaptureFixture,
):
    log: list[Any] = []
    answered = threading.Event()

    async def later(context: Any) -> None:
        await asyncio.sleep(0.01)
        log.append(context.aws_request_id)

    def in_thread(context: Any) -> None:
        assert answered.wait(10)
        log.append("sync")

    def fail(context: Any) -> None:
        raise LookupError("no collector")

    class Recording(Shop):
        async def on_event(self, event: Any, context: Any) -> None:
            log.append(event)

    app = Recording()
    app.lambda_handler.after_event += [in_thread, fail, later]
    async with native(app) as runtime:
        first, second = (runtime.api.submit(name, request_id=name) for name in ("one", "two"))
        await first.result()
        answered.set()
        await second.result()
    assert log == ["one", "sync", "one", "two", "sync", "two"]
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "A function in after_event failed"
    ] * 2


async def test_work_after_the_response_runs_before_the_next_event_and_the_client_does_not_wait():
    log: list[str] = []
    go = asyncio.Event()

    async def work() -> None:
        await go.wait()
        log.append("work")

    class Working(Shop):
        @entry(no_auth=True)
        async def post(self):
            request.after(work())
            return JSONResponse("accepted", background=BackgroundTask(log.append, "background task"))

        @entry(no_auth=True)
        async def get_next(self):
            log.append("next event")
            return "next"

    app = Working()
    app.teardown_request(lambda error=None: log.append("teardown"))
    async with native(app) as runtime:
        assert (await runtime.request("POST")).json == "accepted"
        assert "work" not in log
        next_event = runtime.api.submit(rest_event(path="/next"))
        await asyncio.sleep(0.01)
        go.set()
        await next_event.result()
    assert log == ["background task", "work", "teardown", "next event", "teardown"]


@pytest.mark.parametrize(
    ("error", "source"),
    [(LookupError("no mail server"), "POST '/dev/' on route /"), (asyncio.CancelledError(), "The service")],
)
async def test_a_failure_after_the_response_is_logged_and_the_next_event_runs(
    caplog: pytest.LogCaptureFixture, error: BaseException, source: str
):
    class Failing(Shop):
        async def __call__(self, scope, receive, send):
            await super().__call__(scope, receive, send)
            if scope["type"] == "http" and scope["method"] == "POST":
                raise error

        @entry(no_auth=True)
        async def post(self):
            return "accepted"

    async with native(Failing()) as runtime:
        response = await runtime.request("POST")
        assert (response.status, response.body) == (200, b"accepted")
        assert (await runtime.request()).status == 200
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.getMessage() == f"{source} failed after its response"


async def test_work_of_request_after_is_cancelled_before_the_deadline_and_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
):
    async def wait() -> None:
        await asyncio.sleep(60)

    class Working(Shop):
        lambda_timeout_margin = 0.2

        @entry(no_auth=True)
        async def post(self):
            request.after(wait())
            return "accepted"

    async with native(Working(), seconds=0.4) as runtime:
        assert (await runtime.request("POST")).body == b"accepted"
        assert (await runtime.request()).status == 200
    unfinished, failure = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert unfinished.endswith("Working.post): request.after did not finish: " + wait.__qualname__)
    assert failure.startswith("POST '/dev/' on route /, after its response, request id ")
    assert "cancelled 0.2 s before Lambda's timeout" in failure


@pytest.mark.parametrize("is_early", [True, False])
async def test_work_after_the_response_is_cancelled_before_the_deadline_and_logged(
    caplog: pytest.LogCaptureFixture, is_early: bool
):
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(0 if is_early else 60)
        finally:
            ended.set()

    class Working(Shop):
        lambda_timeout_margin = 0.2

        @entry(no_auth=True)
        async def post(self):
            return JSONResponse("accepted", background=BackgroundTask(work))

    async with native(Working(), seconds=0.5) as runtime:
        assert (await runtime.request("POST")).json == "accepted"
        await ended.wait()
        assert (await runtime.request()).status == 200
    messages = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(messages) == (0 if is_early else 1)
    assert all("POST '/dev/' on route /, after its response, request id " in message for message in messages)
    assert ("cancelled 0.2 s before Lambda's timeout" in caplog.text) is not is_early


async def test_a_failing_background_task_is_logged(caplog: pytest.LogCaptureFixture):
    async def fail() -> None:
        raise LookupError("no mail server")

    class Failing(Shop):
        @entry(no_auth=True)
        async def post(self):
            return JSONResponse("accepted", background=BackgroundTask(fail))

    async with native(Failing()) as runtime:
        assert (await runtime.request("POST")).json == "accepted"
        assert (await runtime.request()).status == 200
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[0] is LookupError
