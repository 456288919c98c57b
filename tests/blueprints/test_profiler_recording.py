"""The call tree of a profile: what is recorded, where, and with which times."""

import asyncio
import json
import re
import sys
import threading
import time
from collections.abc import AsyncGenerator, Coroutine, Generator
from types import FrameType
from typing import Any

import pytest
from starlette.concurrency import iterate_in_threadpool

from coworks_async.blueprints import profiler
from coworks_async.blueprints.profiler import Call, Profile, format_table, render_page
from tests.blueprints.profiled_service import clean_up, leaf, wait_at_least


def run_recorded(coroutine: Coroutine[Any, Any, Any], profile: Profile) -> Any:
    """Run a coroutine in a new event loop and record it."""

    async def main() -> Any:
        return await profile.record(coroutine)

    return asyncio.run(main())


def record(coroutine: Coroutine[Any, Any, Any]) -> Profile:
    profile = new_profile()
    run_recorded(coroutine, profile)
    profile.end()
    return profile


def new_profile() -> Profile:
    return Profile("GET", "/")


def short_name(qualified: str) -> str:
    return qualified.rstrip(">").rpartition(".")[2]


def get_call_tree(call: Call) -> dict[str, Any]:
    """Return the names of the calls, each with the names of its callees."""
    return {short_name(label[2]): get_call_tree(child) for label, child in call.children.items()}


def find_call(profile: Profile, name: str) -> Call:
    """Return the only call of a function."""
    [found] = [call for stack, call in profile.walk() if short_name(stack[-1][2]) == name]
    return found


async def nap() -> None:
    await asyncio.sleep(0)


def test_calls_are_counted_below_their_caller():
    async def entry() -> None:
        for _ in range(3):
            leaf()
        abs(-1)

    profile = record(entry())
    assert get_call_tree(profile.root) == {"entry": {"leaf": {"sum": {}}, "abs": {}}}
    assert [find_call(profile, name).count for name in ("entry", "leaf", "sum")] == [1, 3, 3]


def test_c_functions_that_raise_have_ended():
    async def entry() -> None:
        with pytest.raises(ValueError, match="invalid literal"):
            int("pen")
        try:
            list[int]().pop()
        except IndexError:
            abs(-1)

    assert {"pop", "abs"} <= get_call_tree(record(entry()).root)["entry"].keys()


def test_time_counts_for_the_innermost_function():
    started = time.perf_counter()

    async def entry() -> None:
        time.sleep(0.01)  # noqa: ASYNC251

    profile = record(entry())
    ended = time.perf_counter()
    assert 0.01 <= find_call(profile, "sleep").seconds <= ended - started
    assert find_call(profile, "entry").seconds <= ended - started - 0.01


def test_c_functions_have_the_names_that_pstats_shows():
    async def entry() -> None:
        len("")
        time.sleep(0)  # noqa: ASYNC251
        list[int]().append(1)

    names = {stack[-1] for stack, _ in record(entry()).walk()}
    for name in ("builtins.len", "time.sleep", "list.append"):
        assert ("~", 0, f"<built-in method {name}>") in names


def outer_frame() -> FrameType:
    return sys._getframe()


def inner_frame() -> FrameType:
    return sys._getframe()


def handle_events(*events: tuple[FrameType, str]) -> Profile:
    """Record events as `sys.setprofile` reports them, those of C functions for `len`."""
    profile = new_profile()
    for frame, event in events:
        profile.handle_event(frame, event, len)
    return profile


def test_events_of_c_functions_count_for_their_caller():
    outer, inner = outer_frame(), inner_frame()
    calls = [(inner, event) for event in ("c_call", "c_return", "c_call", "c_exception")]
    profile = handle_events((outer, "call"), *3 * [(inner, "call"), *calls, (inner, "return")], (outer, "return"))
    assert get_call_tree(profile.root) == {"outer_frame": {"inner_frame": {"len": {}}}}
    assert [call.count for _, call in profile.walk()] == [1, 3, 6]


def test_c_functions_outside_of_any_call_are_not_recorded():
    outer = outer_frame()
    assert get_call_tree(handle_events((outer, "c_call"), (outer, "c_return")).root) == {}


def test_the_return_of_an_unknown_frame_is_ignored():
    outer, inner = outer_frame(), inner_frame()
    profile = handle_events((outer, "call"), (inner, "return"), (outer, "c_call"))
    assert get_call_tree(profile.root) == {"outer_frame": {"len": {}}}


def test_a_return_ends_the_callees_too():
    outer, inner = outer_frame(), inner_frame()
    profile = handle_events((outer, "call"), (outer, "c_call"), (outer, "return"), (inner, "call"))
    assert get_call_tree(profile.root) == {"outer_frame": {"len": {}}, "inner_frame": {}}


def test_the_end_of_an_unknown_c_function_is_ignored():
    outer = outer_frame()
    profile = handle_events((outer, "call"), (outer, "c_return"), (outer, "c_call"))
    assert get_call_tree(profile.root) == {"outer_frame": {"len": {}}}


def test_calls_above_the_limit_count_for_their_caller(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(profiler, "MAX_CALLS", 1)
    outer, inner = outer_frame(), inner_frame()
    started = time.perf_counter()
    profile = handle_events((outer, "call"), (inner, "call"), (inner, "return"), (outer, "return"))
    assert get_call_tree(profile.root) == {"outer_frame": {}}
    assert 0 < find_call(profile, "outer_frame").seconds <= time.perf_counter() - started


def test_waiting_counts_for_the_function_that_awaits():
    seconds: list[float] = []

    async def wait() -> None:
        await nap()
        await wait_at_least(seconds)

    async def entry() -> None:
        await wait()

    profile = record(entry())
    waited = find_call(profile, "wait").waited
    assert seconds[0] <= waited <= profile.waited <= profile.seconds
    assert find_call(profile, "entry").waited == 0
    # Called once and resumed twice.
    assert find_call(profile, "wait").count == 3


def test_waiting_after_an_awaited_coroutine_counts_for_its_caller():
    seconds: list[float] = []

    async def entry() -> None:
        await nap()
        await wait_at_least(seconds)

    profile = record(entry())
    assert find_call(profile, "entry").waited >= seconds[0]


def test_other_tasks_are_not_recorded():
    async def entry() -> None:
        await asyncio.gather(other(), asyncio.sleep(0.002))

    async def other() -> None:
        for _ in range(3):
            leaf()
            await asyncio.sleep(0)

    profile = record(entry())
    assert "leaf" not in str(get_call_tree(profile.root))
    assert "gather" in str(get_call_tree(profile.root))


def test_other_threads_are_not_recorded():
    stop = threading.Event()

    def other() -> None:
        while not stop.is_set():
            leaf()

    async def entry() -> None:
        time.sleep(0.02)  # noqa: ASYNC251 - the other thread runs meanwhile

    thread = threading.Thread(target=other)
    thread.start()
    try:
        profile = record(entry())
    finally:
        stop.set()
        thread.join()
    assert get_call_tree(profile.root) == {"entry": {"sleep": {}}}


def test_a_cancelled_coroutine_can_await_and_raise():
    async def entry() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            leaf()
            await asyncio.sleep(0)
            raise LookupError("cancelled") from None

    async def main() -> None:
        async def wait() -> None:
            await profile.record(entry())

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(LookupError, match="cancelled"):
            await task
        assert sys.getprofile() is None

    profile = new_profile()
    asyncio.run(main())
    assert "entry" in get_call_tree(profile.root)
    assert "leaf" in str(get_call_tree(profile.root))


def test_a_thread_is_recorded_below_the_call_that_waits_for_it():
    def work() -> None:
        time.sleep(0.01)

    profile = new_profile()

    async def entry() -> None:
        await asyncio.to_thread(profile.run, work)

    run_recorded(entry(), profile)
    assert get_call_tree(profile.root)["entry"]["to_thread"]["work"] == {"sleep": {}}
    assert find_call(profile, "sleep").seconds >= 0.01
    profile.end()
    assert profile.waited < profile.seconds


def test_a_thread_waits_for_the_step_of_the_task_that_started_it():
    started = threading.Event()

    def work() -> None:
        started.set()
        profile.run(leaf)

    profile = new_profile()

    async def entry() -> None:
        thread = threading.Thread(target=work)
        thread.start()
        started.wait()
        time.sleep(0.01)  # noqa: ASYNC251 - the step goes on while the thread waits
        await asyncio.to_thread(thread.join)

    run_recorded(entry(), profile)
    assert "leaf" in get_call_tree(profile.root)["entry"]["to_thread"]


def test_a_function_called_in_the_task_itself_is_recorded_once():
    profile = new_profile()

    async def entry() -> None:
        profile.run(leaf)

    run_recorded(entry(), profile)
    assert find_call(profile, "leaf").count == 1


def test_of_a_task_and_a_thread_that_run_at_the_same_time_one_is_recorded():
    profile = new_profile()
    started, stop = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        stop.wait()

    async def entry() -> None:
        future = asyncio.get_running_loop().run_in_executor(None, profile.run, work)
        while not started.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0)
        leaf()
        stop.set()
        await future

    run_recorded(entry(), profile)
    assert "work" in str(get_call_tree(profile.root))
    assert "leaf" not in str(get_call_tree(profile.root))


def test_nothing_is_recorded_after_the_end():
    profile = new_profile()

    def parts() -> Generator[int]:
        yield 1
        leaf()

    iterator = profile.iterate(parts())
    assert next(iterator) == 1
    profile.end()
    assert list(iterator) == []
    assert get_call_tree(profile.root) == {"parts": {}}


def test_a_generator_is_recorded_in_whichever_threads_it_runs():
    profile = new_profile()

    def parts() -> Generator[int]:
        for number in range(3):
            leaf()
            yield number

    async def entry() -> list[int]:
        return [number async for number in iterate_in_threadpool(profile.iterate(parts()))]

    assert run_recorded(entry(), profile) == [0, 1, 2]
    assert (find_call(profile, "parts").count, find_call(profile, "leaf").count) == (4, 3)


def test_a_closed_generator_runs_its_finally_block():
    profile = new_profile()

    def parts() -> Generator[int]:
        try:
            yield 1
        finally:
            clean_up()

    iterator = profile.iterate(parts())
    assert next(iterator) == 1
    iterator.close()
    assert get_call_tree(profile.root)["parts"] == {"clean_up": {}}


async def numbers() -> AsyncGenerator[int]:
    try:
        for number in range(3):
            leaf()
            await asyncio.sleep(0.005)
            yield number
    finally:
        clean_up()


@pytest.mark.parametrize("own_task", [True, False], ids=["another task", "same task"])
def test_an_async_generator_is_recorded_in_whichever_task_streams_it(own_task: bool):
    profile = new_profile()

    async def stream() -> list[int]:
        return [number async for number in profile.iterate_async(numbers())]

    async def entry() -> list[int]:
        return await asyncio.create_task(stream()) if own_task else await stream()

    assert run_recorded(entry(), profile) == [0, 1, 2]
    assert (find_call(profile, "leaf").count, find_call(profile, "clean_up").count) == (3, 1)
    assert ("stream" in str(get_call_tree(profile.root))) is not own_task
    assert profile.waited >= 0.015


def test_a_closed_async_generator_runs_its_finally_block():
    profile = new_profile()

    async def main() -> None:
        iterator = profile.iterate_async(numbers())
        assert await anext(iterator) == 0
        await iterator.aclose()

    asyncio.run(main())
    assert find_call(profile, "clean_up").count == 1


def nested_calls(depth: int) -> Profile:
    """Return the profile of a function that calls itself. Each call takes half a second."""
    profile = new_profile()
    call = profile.root
    for _ in range(depth):
        call.children[(__file__, 1, "recursive")] = call = Call(count=1, seconds=0.5)
    profile.end()
    return profile


def test_the_time_of_a_recursive_function_counts_once():
    table = format_table(nested_calls(4), "time", 10)
    assert "4 function calls (1 primitive calls) in 2.000 seconds" in table
    [row] = [line.split() for line in table.splitlines() if line.endswith("(recursive)")]
    assert row[:5] == ["4/1", "2.000", "0.500", "2.000", "2.000"]


def test_a_call_tree_can_be_deeper_than_the_recursion_limit():
    assert "2000/1" in format_table(nested_calls(2000), "time", 10)


def read_session(html: str) -> Any:
    found = re.search(r"const sessionData = (.*);\n", html)
    assert found is not None
    return json.loads(found[1])


def read_times(node: Any) -> dict[str, float]:
    times = {node["identifier"].partition("\0")[0]: node["time"]}
    for child in node["children"]:
        times |= read_times(child)
    return times


def test_the_page_shows_running_and_waiting():
    profile = nested_calls(1)
    [call] = profile.root.children.values()
    call.waited = 2.0
    call.children[("~", 0, "<built-in method time.sleep>")] = Call(count=1, seconds=0.25)
    session = read_session(render_page(profile))
    assert session["session"]["target_description"] == "GET /"
    assert session["session"]["duration"] == pytest.approx(profile.seconds)
    root = session["frame_tree"]
    assert (root["identifier"].split("\0")[:2], root["time"]) == (
        ["GET /", "<request>"],
        pytest.approx(2.75, abs=0.001),
    )
    times = read_times(root)
    assert (times["[await]"], times["built-in method time.sleep"]) == (2.0, 0.25)
