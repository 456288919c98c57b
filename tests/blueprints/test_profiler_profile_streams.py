"""The profile of a request whose entry is a generator: it is followed wherever its parts are made."""

import asyncio
from collections.abc import AsyncGenerator, Generator

import pytest
from starlette.concurrency import iterate_in_threadpool

from coworks_async.blueprints.profiler_profile import Profile, Watched
from tests.blueprints.profiling import find, nothing, tree


def test_what_goes_on_after_the_end_is_not_written_down():
    profile = Profile()

    def parts() -> Generator[int]:
        yield 1
        nothing()

    followed = profile.follow(parts())
    assert next(followed) == 1
    profile.resume()
    profile.end()
    assert list(followed) == []
    assert tree(profile.root) == {"parts": {}}


def test_a_generator_is_followed_from_thread_to_thread_and_counted_where_it_began():
    profile = Profile()

    def parts() -> Generator[int]:
        for number in range(3):
            nothing()
            yield number

    async def entry() -> list[int]:
        return [number async for number in iterate_in_threadpool(profile.follow(parts()))]

    async def main() -> None:
        assert await Watched(entry(), profile) == [0, 1, 2]

    asyncio.run(main())
    assert (find(profile.root, "parts").count, find(profile.root, "nothing").count) == (4, 3)


def test_a_generator_that_is_closed_does_what_it_has_to_do_at_its_end():
    profile = Profile()

    def parts() -> Generator[int]:
        try:
            yield 1
        finally:
            nothing()

    followed = profile.follow(parts())
    assert next(followed) == 1
    followed.close()
    profile.resume()
    assert tree(profile.root)["parts"] == {"nothing": {}}


async def numbers() -> AsyncGenerator[int]:
    try:
        for number in range(3):
            nothing()
            await asyncio.sleep(0.02)
            yield number
    finally:
        await clear()


async def clear() -> None:
    """What a generator does at its end."""


@pytest.mark.parametrize("own_task", [True, False], ids=["another task", "its task"])
def test_an_asynchronous_generator_is_followed_into_whatever_task_streams_it(own_task: bool):
    profile = Profile()

    async def stream() -> list[int]:
        return [number async for number in profile.follow_async(numbers())]

    async def entry() -> list[int]:
        return await asyncio.create_task(stream()) if own_task else await stream()

    async def main() -> None:
        assert await Watched(entry(), profile) == [0, 1, 2]

    asyncio.run(main())
    assert find(profile.root, "nothing").count == 3
    assert ("stream" in str(tree(profile.root))) is not own_task
    slept = find(find(profile.root, "numbers"), "sleep").waited
    assert slept <= profile.waited <= profile.seconds
    # Python does not tell what a generator waits for of whoever waits for the generator.
    assert (slept > 0) is own_task


def test_an_asynchronous_generator_that_is_closed_does_what_it_has_to_do_at_its_end():
    profile = Profile()

    async def main() -> None:
        followed = profile.follow_async(numbers())
        assert await anext(followed) == 0
        await followed.aclose()

    asyncio.run(main())
    assert find(profile.root, "clear").count == 1


def test_an_asynchronous_generator_after_the_end_is_not_written_down():
    profile = Profile()

    async def main() -> list[int]:
        return [number async for number in profile.follow_async(numbers())]

    profile.end()
    assert asyncio.run(main()) == [0, 1, 2]
    assert tree(profile.root) == {}
