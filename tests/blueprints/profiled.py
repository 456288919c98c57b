"""A shop whose requests are profiled, and the tables of their calls."""

import asyncio
import time
import weakref
from collections import deque
from typing import Any

from coworks_async import TechMicroService, entry, request
from coworks_async.blueprints import Profiler
from tests.blueprints.profiling import held_up

TOKEN = {"Authorization": "token"}


def leaf() -> int:
    return sum(range(10))


def rest() -> None:
    """What a stream does at its end."""


held: list[Any] = []
waits: list[float] = []


def in_a_thread() -> None:
    time.sleep(0.002)
    leaf()


class Shop(TechMicroService):
    async def token_authorizer(self, token: str):
        return token == "token"

    @entry
    async def get(self):
        await held_up(waits)
        leaf()
        return "Welcome."

    @entry
    async def get_items(self, name: str):
        return {"item": name}

    @entry
    def get_sync(self):
        in_a_thread()
        return request.url.path

    @entry
    def get_stream(self):
        try:
            for part in "ab":
                leaf()
                yield part
        finally:
            rest()

    @entry
    async def get_stream_async(self):
        try:
            for part in "ab":
                leaf()
                await asyncio.sleep(0)
                yield part
        finally:
            rest()

    @entry
    async def get_held(self):
        shelf: deque[str] = deque()
        shelf.append("pen")
        held.append(weakref.ref(shelf))

    @entry
    async def get_bug(self):
        raise LookupError("no such shelf")


def shop(**options: Any) -> Shop:
    app = Shop()
    Profiler(app, **options)
    return app


def lines_of(text: str) -> list[str]:
    """The rows of a table."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if "ncalls" in line)
    return [line for line in lines[start + 1 : -1] if line]


def rows(text: str) -> list[str]:
    """The names in a table."""
    return [line.rpartition("(")[2].rstrip(")") for line in lines_of(text)]


def calls_in(text: str) -> dict[str, str]:
    """How often the functions of a table were called, by name."""
    return {name: line.split()[0] for name, line in zip(rows(text), lines_of(text), strict=True)}
