"""The loop of a container: an event that waits for nothing needs no round of it, and nobody notices."""

import asyncio
import contextvars
import gc
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from coworks_async.aws.loop import EventLoop


class Counting(EventLoop):
    """Counts how often it was run."""

    runs = 0

    def run_forever(self) -> None:
        self.runs += 1
        super().run_forever()


@pytest.fixture
def loop() -> Iterator[Counting]:
    """A loop after a start in which nothing was left behind."""
    loop = Counting()
    loop.run(asyncio.sleep(0))
    loop.settle(tasks=0)
    loop.runs = 0
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.get_loop()
        yield loop


async def answer(value: Any = "answered") -> Any:
    return value


def test_an_event_that_waits_for_nothing_needs_no_round(loop: Counting):
    assert [loop.run(answer(number)) for number in range(3)] == [0, 1, 2]
    assert loop.runs == 0


def test_an_event_that_waits_goes_on_in_the_loop_as_the_same_task(loop: Counting):
    async def event():
        task = asyncio.current_task()
        await asyncio.sleep(0)
        return task is asyncio.current_task(), task.get_name() if task else ""

    assert loop.run(event()) == (True, "event")
    assert loop.runs == 1
    assert loop.run(event()) == (True, "event")


def test_the_first_step_is_one_of_a_running_loop(loop: Counting):
    async def event():
        running = asyncio.get_running_loop()
        inner = answer()
        with pytest.raises(RuntimeError, match="running event loop"):
            asyncio.run(inner)
        inner.close()
        return running is loop, loop.is_running(), asyncio.current_task() in asyncio.all_tasks()

    assert loop.run(event()) == (True, True, True)
    assert not loop.is_running()
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
    assert asyncio.all_tasks(loop) == set()


def test_timeouts_groups_and_threads_work_from_the_first_step_on(loop: Counting):
    async def event():
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.to_thread(str, number)) for number in range(3)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        return [task.result() for task in tasks]

    assert loop.run(event()) == ["0", "1", "2"]


# --- what else is in the loop has its turn


def test_a_task_that_was_left_behind_goes_on_with_the_next_events(loop: Counting):
    done: list[int] = []

    async def behind():
        for number in range(4):
            done.append(number)
            await asyncio.sleep(0)

    async def event():
        event.task = asyncio.create_task(behind())  # type: ignore[attr-defined]

    loop.run(event())
    for _ in range(4):
        loop.run(answer())
    assert done == [0, 1, 2, 3]


def test_a_task_of_the_start_goes_on_with_each_event():
    loop = Counting()
    done: list[int] = []

    async def behind():
        while True:
            done.append(len(done))
            await asyncio.sleep(0)

    async def start():
        start.task = asyncio.create_task(behind())  # type: ignore[attr-defined]

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.get_loop()
        loop.run(start())
        loop.settle(tasks=0)
        before = len(done)
        for _ in range(3):
            loop.run(answer())
        assert len(done) >= before + 3


@pytest.mark.parametrize("when", ["in the start", "in an event"])
def test_a_timer_rings_in_a_later_event(loop: Counting, when: str):
    rung = threading.Event()

    async def event():
        asyncio.get_running_loop().call_later(0, rung.set)

    loop.run(event())
    if when == "in the start":
        loop.settle(tasks=0)
    loop.run(answer())
    loop.run(answer())
    assert rung.is_set()


def test_what_another_thread_schedules_runs_in_the_next_event(loop: Counting):
    done = threading.Event()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(done.set,))
    thread.start()
    thread.join()
    loop.run(answer())
    assert done.is_set()


def test_a_file_that_is_watched_is_looked_at_in_each_event(loop: Counting):
    read: list[bytes] = []
    ours, theirs = socket.socketpair()

    async def event():
        asyncio.get_running_loop().add_reader(ours, lambda: read.append(ours.recv(10)))

    with ours, theirs:
        loop.run(event())
        theirs.send(b"told")
        loop.run(answer())
        loop.run(answer())
        assert read == [b"told"]
        loop.remove_reader(ours)


def test_a_callback_of_the_start_has_run_before_the_first_event():
    loop = Counting()
    done: list[str] = []

    async def start():
        asyncio.get_running_loop().call_soon(done.append, "called")

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.get_loop()
        loop.run(start())
        loop.settle(tasks=0)
        assert done == ["called"]


def test_in_debug_mode_every_step_is_a_round_which_asyncio_watches(caplog: pytest.LogCaptureFixture):
    async def slow():
        threading.Event().wait(0.02)

    loop = Counting()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.01
    with asyncio.Runner(loop_factory=lambda: loop, debug=True) as runner:
        runner.get_loop()
        loop.settle(tasks=0)
        loop.run(slow())
    assert "Executing" in caplog.text


# --- how it ends


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
