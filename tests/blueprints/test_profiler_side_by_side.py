"""The profile of one request among others."""

import asyncio
import threading
import time
from typing import Any

from coworks_async import TechMicroService, entry
from coworks_async.blueprints import Profiler
from tests.tools import PATIENCE


class Busy(TechMicroService):
    """Entries of which the first runs to its end while the others do, in tasks and threads of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let_go = threading.Event(), threading.Event()

    @entry(no_auth=True)
    async def get_mine(self):
        await asyncio.to_thread(self.mine)
        for _ in range(5):
            await asyncio.sleep(0.001)

    @entry(no_auth=True)
    async def get_yours(self):
        await asyncio.to_thread(self.begun.wait, PATIENCE)
        self.let_go.set()
        for _ in range(5):
            yours()
            await asyncio.sleep(0.001)

    @entry(no_auth=True)
    def get_yours_sync(self):
        self.begun.wait(PATIENCE)
        for _ in range(5):
            yours()
            time.sleep(0.001)

    def mine(self) -> None:
        self.begun.set()
        self.let_go.wait(PATIENCE)


def yours() -> None:
    """The frames of another request."""


async def ask(app: TechMicroService, path: str) -> int:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await app(scope, receive, send)
    return int(sent[0]["status"])


def test_one_request_at_a_time_is_profiled_and_holds_no_others_frames():
    app = Busy()
    profiler = Profiler(app)

    async def main() -> list[int]:
        return list(await asyncio.gather(ask(app, "/mine"), ask(app, "/yours"), ask(app, "/yours/sync")))

    assert asyncio.run(main()) == [204, 204, 204]
    assert (profiler.missed, [told.path for told in profiler.profiled]) == (2, ["/mine"])
    table = asyncio.run(profiler.get(limit=1000))
    assert "Busy.get_mine" in table
    assert "yours" not in table
    assert "one at a time is: 2." in table
