"""The loop of a container: an event that waits for nothing needs no round of it, and nobody notices."""

import asyncio
import gc
import signal
import socket
import threading
from typing import Any

import pytest

from coworks_async.aws.loop import EventLoop
from tests.aws.looping import Counting, answer, loop

__all__ = ["loop"]


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


@pytest.mark.parametrize("wait", [lambda: asyncio.sleep(0), lambda: asyncio.to_thread(int)])
def test_after_an_event_that_awaits_something_the_others_need_no_round_again(loop: Counting, wait: Any):
    async def event():
        await wait()

    loop.run(event())
    loop.run(answer())
    loop.runs = 0
    assert loop.run(answer()) == "answered"
    assert loop.runs == 0


def test_it_has_no_name_of_asyncios_own_loop_but_for_what_it_overrides():
    own = {name for name in (*vars(EventLoop), *EventLoop.__init__.__code__.co_names) if not name.startswith("__")}
    theirs = asyncio.SelectorEventLoop()
    overridden = {"add_signal_handler", "call_at", "call_soon", "call_soon_threadsafe", "is_running"}
    assert own & set(dir(theirs)) == overridden
    theirs.close()


# --- what else is in the loop has its turn


def test_a_task_that_was_left_behind_goes_on_with_the_next_events(loop: Counting):
    tasks: list[asyncio.Task[None]] = []
    done: list[int] = []

    async def behind():
        for number in range(4):
            done.append(number)
            await asyncio.sleep(0)

    async def event():
        tasks.append(asyncio.create_task(behind()))

    loop.run(event())
    for _ in range(4):
        loop.run(answer())
    assert done == [0, 1, 2, 3]


def test_a_task_of_the_start_goes_on_with_each_event():
    loop = Counting()
    tasks: list[asyncio.Task[None]] = []
    done: list[int] = []

    async def behind():
        while True:
            done.append(len(done))
            await asyncio.sleep(0)

    async def start():
        tasks.append(asyncio.create_task(behind()))

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.get_loop()
        loop.run(start())
        before = len(done)
        for _ in range(3):
            loop.run(answer())
        assert len(done) >= before + 3


def test_a_timer_rings_in_a_later_event_and_then_no_round_is_needed(loop: Counting):
    rung = threading.Event()

    async def event():
        asyncio.get_running_loop().call_later(0.05, rung.set)

    loop.run(event())
    loop.runs = 0
    while not rung.is_set():
        loop.run(answer())
    assert loop.runs > 1
    loop.run(answer())
    loop.runs = 0
    assert loop.run(answer()) == "answered"
    assert loop.runs == 0


def test_a_signal_that_the_loop_handles_is_handled_in_the_next_event(loop: Counting):
    handled: list[str] = []

    async def start():
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, handled.append, "told")

    loop.run(start())
    for _ in range(3):
        loop.run(answer())
    signal.raise_signal(signal.SIGUSR1)
    loop.run(answer())
    loop.run(answer())
    assert handled == ["told"]
    loop.remove_signal_handler(signal.SIGUSR1)


def test_what_the_garbage_collector_schedules_while_a_task_is_made_is_no_step_of_it(loop: Counting):
    done: list[int] = []

    class Cyclic:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            loop.call_soon(done.append, 1)

    before = gc.get_threshold()
    made = 0
    gc.set_threshold(1)
    try:
        for number in range(300):
            loop.run(answer())
            Cyclic()
            made += 1
            assert loop.run(answer(number)) == number
    finally:
        gc.set_threshold(*before)
    gc.collect()
    loop.run(answer())
    loop.run(answer())
    assert len(done) == made


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


def test_a_callback_of_the_start_runs_with_the_first_event():
    loop = Counting()
    done: list[str] = []

    async def start():
        asyncio.get_running_loop().call_soon(done.append, "called")

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.get_loop()
        loop.run(start())
        loop.run(answer())
        assert done == ["called"]


def test_in_debug_mode_every_step_is_a_round_which_asyncio_watches(caplog: pytest.LogCaptureFixture):
    async def slow():
        threading.Event().wait(0.02)

    loop = Counting()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.01
    with asyncio.Runner(loop_factory=lambda: loop, debug=True) as runner:
        runner.get_loop()
        loop.run(answer())
        loop.run(slow())
    assert "Executing" in caplog.text
