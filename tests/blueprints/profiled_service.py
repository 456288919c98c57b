"""A service with `Profiler`, and readers for its table."""

import asyncio
import time
import weakref
from collections import deque
from typing import Any

from coworks_async import TechMicroService, entry, request
from coworks_async.blueprints import Profiler
from coworks_async.blueprints.profiler import Profile

TOKEN = {"Authorization": "token"}


def leaf() -> int:
    return sum(range(10))


def clean_up() -> None:
    """Called at the end of a stream."""


def sleep_in_thread() -> None:
    time.sleep(0.002)
    leaf()


def wait_at_least(seconds: list[float]) -> asyncio.Future[None]:
    """Return a future that completes some time after the caller is suspended, and append that time to `seconds`.

    However busy the machine is, the caller has waited no less.
    """
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def complete() -> None:
        started = time.perf_counter()
        time.sleep(0.01)
        seconds.append(time.perf_counter() - started)
        future.set_result(None)

    loop.call_soon(complete)
    return future


class Shop(TechMicroService):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.waits: list[float] = []
        self.shelves: list[Any] = []

    async def token_authorizer(self, token: str):
        return token == "token"

    @entry
    async def get(self):
        await wait_at_least(self.waits)
        leaf()
        return "Welcome."

    @entry
    async def get_items(self, name: str):
        return {"item": name}

    @entry
    def get_sync(self):
        sleep_in_thread()
        return request.url.path

    @entry
    def get_stream(self):
        try:
            for part in "ab":
                leaf()
                yield part
        finally:
            clean_up()

    @entry
    async def get_stream_async(self):
        try:
            for part in "ab":
                leaf()
                await asyncio.sleep(0)
                yield part
        finally:
            clean_up()

    @entry
    async def get_shelf(self):
        shelf: deque[str] = deque()
        shelf.append("pen")
        self.shelves.append(weakref.ref(shelf))

    @entry
    async def get_bug(self):
        raise LookupError("no such shelf")


def create_shop(**options: Any) -> Shop:
    app = Shop()
    Profiler(app, **options)
    return app


def find_profiler(app: TechMicroService) -> Profiler:
    [profiler] = [each.kwargs["profiler"] for each in app.user_middleware if "profiler" in each.kwargs]
    assert isinstance(profiler, Profiler)
    return profiler


def latest_profile(app: TechMicroService) -> Profile:
    profile = find_profiler(app).latest
    assert profile is not None
    return profile


def read_rows(table: str) -> list[str]:
    """Return the rows of a table of calls."""
    lines = table.splitlines()
    start = next(number for number, line in enumerate(lines) if "ncalls" in line)
    return [line for line in lines[start + 1 : -1] if line]


def read_names(table: str) -> list[str]:
    """Return the names of the functions in a table."""
    return [row.rpartition("(")[2].rstrip(")") for row in read_rows(table)]


def read_counts(table: str) -> dict[str, str]:
    """Return the number of calls in a table, by function name."""
    return {name: row.split()[0] for name, row in zip(read_names(table), read_rows(table), strict=True)}
