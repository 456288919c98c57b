"""The tree of calls, as events make it."""

import asyncio
import sys
import threading
import time
from collections.abc import Coroutine
from types import CodeType, FrameType
from typing import Any

import pytest

from coworks_async.blueprints.profiler_calls import Call, Profile, Recorder, Watched, label


def frame() -> FrameType:
    """A frame of its own, each time."""
    return sys._getframe()


def other() -> FrameType:
    return sys._getframe()


def name_of(call: Call) -> str:
    return call.function.co_name if isinstance(call.function, CodeType) else call.function.__name__


def tree(call: Call) -> dict[str, Any]:
    """What called what, by names."""
    return {name_of(child): tree(child) for child in call.children.values()}


def test_calls_stand_in_what_called_them_and_are_counted():
    recorder = Recorder()
    outer = frame()
    recorder.note(outer, "call", None)
    for _ in range(3):
        inner = other()
        recorder.note(inner, "call", None)
        for event in ("c_call", "c_return", "c_call", "c_exception"):
            recorder.note(inner, event, len)
        recorder.note(inner, "return", None)
    recorder.note(outer, "return", None)
    assert tree(recorder.root) == {"frame": {"other": {"len": {}}}}
    [called] = recorder.root.children.values()
    [within] = called.children.values()
    assert (called.count, within.count, [call.count for call in within.children.values()]) == (1, 3, [6])


def test_the_time_between_two_events_is_that_of_the_innermost_call():
    recorder = Recorder()
    outer = frame()
    recorder.note(outer, "call", None)
    recorder.note(outer, "c_call", time.sleep)
    time.sleep(0.01)
    recorder.note(outer, "c_return", time.sleep)
    recorder.note(outer, "return", None)
    [called] = recorder.root.children.values()
    [slept] = called.children.values()
    assert slept.seconds >= 0.009
    assert called.seconds < slept.seconds


def test_c_functions_at_the_root_are_the_profilers_own():
    recorder = Recorder()
    recorder.note(frame(), "c_call", sys.setprofile)
    recorder.note(frame(), "c_return", sys.setprofile)
    assert tree(recorder.root) == {}


def test_a_return_that_no_call_was_told_of_changes_nothing():
    recorder = Recorder()
    outer = frame()
    recorder.note(outer, "call", None)
    recorder.note(other(), "return", None)
    recorder.note(outer, "c_call", len)
    assert tree(recorder.root) == {"frame": {"len": {}}}


def test_a_return_ends_what_stands_within_it_too():
    recorder = Recorder()
    outer = frame()
    recorder.note(outer, "call", None)
    recorder.note(outer, "c_call", len)
    recorder.note(outer, "return", None)
    recorder.note(other(), "call", None)
    assert tree(recorder.root) == {"frame": {"len": {}}, "other": {}}


def test_an_end_of_a_c_function_that_did_not_begin_is_nothing():
    recorder = Recorder()
    outer = frame()
    recorder.note(outer, "call", None)
    recorder.note(outer, "c_return", len)
    recorder.note(outer, "c_call", abs)
    assert tree(recorder.root) == {"frame": {"abs": {}}}


def test_what_is_over_the_limit_counts_for_what_called_it():
    recorder = Recorder(limit=2)
    outer = frame()
    recorder.note(outer, "call", None)
    inner = other()
    recorder.note(inner, "call", None)
    for _ in range(2):
        recorder.note(inner, "c_call", len)
        recorder.note(inner, "c_return", len)
    recorder.note(inner, "return", None)
    recorder.note(outer, "c_call", len)
    recorder.note(outer, "c_return", len)
    recorder.note(outer, "return", None)
    assert (recorder.cut, tree(recorder.root)) == (True, {"frame": {"other": {}}})
    recorder.note(frame(), "call", None)
    assert tree(recorder.root) == {"frame": {"other": {}}}


def watch(coroutine: Coroutine[Any, Any, None]) -> Profile:
    profile = Profile()

    async def main() -> None:
        await Watched(coroutine, profile)

    asyncio.run(main())
    profile.end()
    return profile


def find(call: Call, name: str) -> Call:
    """The one call of this name in a tree."""
    left, found = [call], []
    while left:
        one = left.pop()
        left += one.children.values()
        found += [child for child in one.children.values() if name_of(child) == name]
    [only] = found
    return only


async def nap(seconds: float) -> None:
    await asyncio.sleep(seconds)


def test_a_coroutine_waits_where_it_awaits():
    async def entry() -> None:
        await nap(0)
        await nap(0.1)

    profile = watch(entry())
    slept = find(profile.root, "sleep").waited
    # The rest of the time is the loop's; on a busy machine it may be long, so that halves are compared.
    assert slept >= 0.05
    assert find(profile.root, "nap").waited < slept
    assert slept <= profile.waited <= profile.seconds
    assert find(profile.root, "nap").count >= 3


def test_what_awaits_a_future_after_a_coroutine_has_ended_is_where_it_waits():
    async def entry() -> None:
        await nap(0)
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.1, future.set_result, None)
        await future

    profile = watch(entry())
    waited = find(profile.root, "entry").waited
    assert waited >= 0.05
    assert find(profile.root, "nap").waited < waited


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


def test_a_thread_that_called_too_much_is_told():
    profile = Profile()
    thread = Recorder(limit=0)
    thread.note(frame(), "call", None)
    profile.threads.append(thread)
    profile.resume()
    assert profile.cut


def test_a_function_in_the_task_itself_is_written_down_but_once():
    profile = Profile()

    async def entry() -> None:
        profile.run_in_thread(nothing, (), {})

    def nothing() -> None:
        """It is called, and that is all."""

    async def main() -> None:
        await Watched(entry(), profile)

    asyncio.run(main())
    assert find(profile.root, "nothing").count == 1
    assert profile.threads == []


def test_functions_are_named_as_pstats_names_them():
    code = frame.__code__
    assert label(code) == (__file__, code.co_firstlineno, "frame")
    assert label(len) == ("~", 0, "<built-in method builtins.len>")
    assert label([].append) == ("~", 0, "<method 'append' of 'list' objects>")
    assert label(time.sleep) == ("~", 0, "<built-in method time.sleep>")
