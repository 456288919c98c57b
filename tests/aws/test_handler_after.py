"""What comes after an event: the functions in `after_event`, which change no answer."""

import asyncio
import logging
from collections.abc import Generator
from typing import Any

import pytest

from coworks_async import TechMicroService, entry
from tests.aws.lambdas import Ask, Context, Invoke, rest


class Swept(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "here"

    async def on_event(self, event: Any, context: Any):
        raise LookupError("no such queue")


def test_each_gets_the_context_after_each_event_whatever_came_of_it(ask: Ask, invoke: Invoke):
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

    app = Swept()
    app.lambda_handler.after_event += [lambda context: seen.append(("sync", context.aws_request_id)), later, Sent]
    both = [(kind, Context().aws_request_id) for kind in ("sync", "async", "awaitable")]
    assert ask(app, rest()).body == b"here"
    assert seen == both
    with pytest.raises(LookupError):
        invoke(app, {"source": "aws.events"})
    assert seen == both * 2


@pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt])
def test_what_ends_the_process_ends_it_here_too(invoke: Invoke, ending: type[BaseException]):
    def end(context: Any) -> None:
        raise ending

    class Ending(TechMicroService):
        async def on_event(self, event: Any, context: Any):
            raise ending

    app = Swept()
    app.lambda_handler.after_event.append(end)
    with pytest.raises(ending):
        invoke(app, rest())
    with pytest.raises(ending):
        invoke(Ending(), {"source": "aws.events"})


@pytest.mark.parametrize("error", [ValueError(), asyncio.CancelledError()])
@pytest.mark.parametrize("waits", [False, True])
def test_one_that_fails_is_logged_and_the_request_is_answered(
    ask: Ask, caplog: pytest.LogCaptureFixture, error: BaseException, waits: bool
):
    seen: list[Any] = []

    def fail(context: Any) -> None:
        raise error

    async def fail_later(context: Any) -> None:
        raise error

    app = Swept()
    app.lambda_handler.after_event += [fail_later if waits else fail, seen.append]
    assert ask(app, rest()).body == b"here"
    assert len(seen) == 1
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == "A function in after_event failed"
    assert record.exc_info is not None
    assert record.exc_info[1] is error
