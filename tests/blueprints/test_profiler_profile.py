"""The profile of one request, as its task and its threads write it."""

import asyncio
import sys
import threading
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from coworks_async.blueprints.profiler_calls import Recorder
from coworks_async.blueprints.profiler_profile import Profile, Watched
from tests.blueprints.profiling import find, held_up, name_of, nothing, tree


def watch(coroutine: Coroutine[Any, Any, None]) -> Profile:
    profile = Profile()

    async def main() -> None:
        await Watched(coroutine, profile)

    asyncio.run(main())
    profile.end()
    return profile


async def nap() -> None:
    await asyncio.sleep(0)


def test_a_coroutine_waits_where_it_awaits():
    told: list[float] = []

    async def wait() -> None:
        await nap()
        await held_up(told)

    async def entry() -> None:
        await wait()

    profile = watch(entry())
    [seconds] = told
    waited = find(profile.root, "wait").waited
    assert seconds <= waited <= profile.waited <= profile.seconds
    assert find(profile.root, "entry").waited == 0
    # It began, went on after its nap, and went on again.
    assert find(profile.root, "wait").count == 3


def test_what_awaits_a_future_after_a_coroutine_has_ended_is_where_it_waits():
    told: list[float] = []

    async def entry() -> None:
        await nap()
        await held_up(told)

    profile = watch(entry())
    assert find(profile.root, "entry").waited >= told[0]
    assert find(profile.root, "nap").waited == 0


def test_the_frames_of_other_tasks_are_not_seen():
    async def entry() -> None:
        await asyncio.gather(stranger(), asyncio.sleep(0.002))

    async def stranger() -> None:
        for _ in range(3):
            helper()
            await asyncio.sleep(0)

    def helper() -> None:
        """Somebody else's."""

    profile = watch(entry())
    assert "helper" not in str(tree(profile.root))
    assert "gather" in str(tree(profile.root))


def test_the_frames_of_other_threads_are_not_seen():
    stop = threading.Event()

    def stranger() -> None:
        while not stop.is_set():
            helper()

    def helper() -> None:
        """Somebody else's."""

    async def entry() -> None:
        time.sleep(0.02)  # noqa: ASYNC251 - the others run while it does

    thread = threading.Thread(target=stranger)
    thread.start()
    try:
        profile = watch(entry())
    finally:
        stop.set()
        thread.join()
    assert tree(profile.root) == {"entry": {"sleep": {}}}


def test_what_is_raised_and_what_is_thrown_in_goes_through():
    async def entry() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            raise LookupError("cancelled") from None

    async def main() -> None:
        async def waits() -> None:
            await Watched(entry(), profile)

        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(LookupError, match="cancelled"):
            await task
        assert sys.getprofile() is None

    profile = Profile()
    asyncio.run(main())
    assert "entry" in tree(profile.root)


def test_a_function_in_a_thread_stands_where_it_was_waited_for():
    def work() -> None:
        time.sleep(0.01)

    profile = Profile()

    async def entry() -> None:
        await asyncio.to_thread(profile.run_in_thread, work, (), {})

    async def main() -> None:
        await Watched(entry(), profile)

    asyncio.run(main())
    [awaiting] = [call for call in find(profile.root, "entry").children.values() if name_of(call) == "to_thread"]
    assert tree(awaiting)["work"] == {"sleep": {}}
    assert find(profile.root, "work").children
    assert profile.waited < profile.seconds


def test_a_function_in_the_task_itself_is_written_down_but_once():
    profile = Profile()

    async def entry() -> None:
        profile.run_in_thread(nothing, (), {})

    async def main() -> None:
        await Watched(entry(), profile)

    asyncio.run(main())
    assert find(profile.root, "nothing").count == 1
    assert tree(profile.thread.root) == {}


def test_a_thread_that_called_too_much_is_told():
    profile = Profile()
    profile.thread = Recorder(limit=0)
    profile.run_in_thread(nothing, (), {})
    assert profile.cut


def test_of_two_threads_at_once_one_is_written_down():
    profile = Profile()

    def first() -> None:
        thread = threading.Thread(target=profile.run_in_thread, args=(nothing, (), {}))
        thread.start()
        thread.join()

    profile.run_in_thread(first, (), {})
    profile.resume()
    assert list(tree(profile.root)) == ["first"]
    assert "nothing" not in str(tree(profile.root))


def test_what_runs_in_a_thread_when_the_task_goes_on_is_told_later():
    profile = Profile()

    def work() -> None:
        profile.resume()
        told.append(tree(profile.root))

    told: list[Any] = []
    profile.run_in_thread(work, (), {})
    profile.resume()
    assert (told, list(tree(profile.root))) == ([{}], ["work"])
