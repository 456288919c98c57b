"""A container's loop, of which tests ask how often it was run."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from coworks_async.aws.loop import EventLoop

__all__ = ["Counting", "answer", "loop"]


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
    loop.set_debug(False)
    loop.run(answer())
    loop.runs = 0
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.get_loop()
        yield loop


async def answer(value: Any = "answered") -> Any:
    return value
