"""Functions in `after_event`, which do not change the result."""

import asyncio
import logging
from collections.abc import Generator
from typing import Any

import pytest

from coworks_async import TechMicroService, entry, request
from tests.aws.events import Context, Invoke, SendEvent, rest_event


class Example(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "here"

    async def on_event(self, event: Any, context: Any):
        raise LookupError("no such queue")


def test_each_function_gets_the_context_after_every_event(send_event: SendEvent, invoke: Invoke):
    seen: list[tuple[str, Any]] = []

    async def later(context: Any) -> None:
        await asyncio.sleep(0)
        seen.append(("async", context.aws_request_id))

    class Sent:
        def __init__(self, context: Any) -> None:
            self.context = context

        def __await__(self) -> Generator[None, None, None]:
            seen.append(("awaitable", self.context.aws_request_id))
            yield

    app = Example()
    app.lambda_handler.after_event += [lambda context: seen.append(("sync", context.aws_request_id)), later, Sent]
    both = [(kind, Context().aws_request_id) for kind in ("sync", "async", "awaitable")]
    assert send_event(app, rest_event()).body == b"here"
    assert seen == both
    with pytest.raises(LookupError):
        invoke(app, {"source": "aws.events"})
    assert seen == both * 2


@pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt])
def test_system_exit_and_keyboard_interrupt_are_raised(invoke: Invoke, ending: type[BaseException]):
    def end(context: Any) -> None:
        raise ending

    class Ending(TechMicroService):
        async def on_event(self, event: Any, context: Any):
            raise ending

    app = Example()
    app.lambda_handler.after_event.append(end)
    with pytest.raises(ending):
        invoke(app, rest_event())
    with pytest.raises(ending):
        invoke(Ending(), {"source": "aws.events"})


@pytest.mark.parametrize("error", [ValueError(), asyncio.CancelledError()])
@pytest.mark.parametrize("waits", [False, True])
def test_a_failing_function_is_logged_and_the_response_is_sent(
    send_event: SendEvent, caplog: pytest.LogCaptureFixture, error: BaseException, waits: bool
):
    seen: list[Any] = []

    def fail(context: Any) -> None:
        raise error

    async def fail_later(context: Any) -> None:
        raise error

    app = Example()
    app.lambda_handler.after_event += [fail_later if waits else fail, seen.append]
    assert send_event(app, rest_event()).body == b"here"
    assert len(seen) == 1
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == "A function in after_event failed"
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_work_of_request_after_runs_before_the_handler_returns():
    log: list[str] = []

    async def work() -> None:
        log.append(request.method)

    class Shop(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            request.after(work())
            return "answer"

    assert Shop().lambda_handler(rest_event(), Context())["statusCode"] == 200
    assert log == ["GET"]
