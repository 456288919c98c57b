"""How an event ends on a container's loop, and what it leaves to the next."""

import asyncio
import contextvars
import gc
import sys

import pytest

from coworks_async.aws.loop import EventLoop
from tests.aws.looping import Counting, answer, loop

__all__ = ["loop"]


class Failed(Exception):
    pass


@pytest.mark.parametrize("error", [Failed, asyncio.CancelledError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("waits", [False, True])
def test_what_an_event_raises_is_raised_and_the_next_is_answered(
    loop: Counting, caplog: pytest.LogCaptureFixture, error: type[BaseException], waits: bool
):
    async def event():
        if waits:
            await asyncio.sleep(0)
        raise error

    with pytest.raises(error):
        loop.run(event())
    assert loop.run(answer()) == "answered"
    gc.collect()
    assert not caplog.records


def test_what_is_raised_beside_an_event_ends_that_and_the_next_is_answered(loop: Counting):
    ended: list[str] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    async def event():
        asyncio.get_running_loop().call_soon(interrupt)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("event")

    with pytest.raises(KeyboardInterrupt):
        loop.run(event())
    assert loop.run(answer()) == "answered"
    assert ended == ["event"]


def test_in_a_running_loop_it_refuses_and_leaves_that_one_alone(loop: Counting):
    async def outer():
        with pytest.raises(RuntimeError, match="runs an event loop already"):
            loop.run(answer())
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    asyncio.run(outer())
    with pytest.raises(RuntimeError, match="runs an event loop already"):
        loop.run(nested(loop))
    assert loop.run(answer()) == "answered"


async def nested(loop: EventLoop) -> None:
    loop.run(answer())


def test_context_variables_are_each_events_own(loop: Counting):
    seen: contextvars.ContextVar[int] = contextvars.ContextVar("seen", default=0)

    async def event(wait: bool):
        before = seen.get()
        seen.set(1)
        if wait:
            await asyncio.sleep(0)
        return before, seen.get()

    assert [loop.run(event(wait)) for wait in (False, True, False)] == [(0, 1)] * 3
    assert seen.get() == 0


def test_a_generator_left_in_its_midst_in_the_first_step_is_closed_by_the_loop(loop: Counting):
    ended: list[str] = []

    async def generate():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            ended.append("closed")

    async def event():
        async for _ in generate():
            break

    before = sys.get_asyncgen_hooks()
    loop.run(event())
    assert sys.get_asyncgen_hooks() == before
    gc.collect()
    for _ in range(3):
        loop.run(answer())
    assert ended == ["closed"]


def test_an_event_that_stops_the_loop_is_answered_all_the_same(loop: Counting):
    async def event():
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0)
        asyncio.get_running_loop().stop()
        return "answered"

    assert loop.run(event()) == "answered"
