"""Two hundred concurrent requests with different tokens, paths, queries and bodies: none sees data of another."""

import asyncio
import random
import threading
import time

import anyio
import httpx2

from coworks_async import TechMicroService, entry, request
from tests.clients import on_a_socket
from tests.tools import PATIENCE

COUNT = 200


class Busy(TechMicroService):
    """Entries return what they see of their request before and after a pause."""

    async def token_authorizer(self, token: str):
        await asyncio.sleep(random.random() / 100)
        return {"name": token} if token.startswith("user") else token == "plain"

    def seen(self, *arguments):
        return [
            *arguments,
            request.url.path,
            request.query_params.get("q"),
            request.headers["authorization"],
            dict(request.auth or {}),
            request.state.mark,
            request.path_params,
        ]

    @entry
    async def get_async(self, key: int, *, q: int):
        before = self.seen(key, q)
        await asyncio.sleep(random.random() / 20)
        return [before, self.seen(key, q)]

    @entry
    def get_sync(self, key: int, *, q: int):
        before = self.seen(key, q)
        time.sleep(random.random() / 100)
        return [before, self.seen(key, q)]

    @entry
    async def post_async(self, key: int, *, q: int):
        before = self.seen(key, q)
        await asyncio.gather(asyncio.sleep(random.random() / 20), asyncio.to_thread(self.seen, key))
        return [before, self.seen(key, q), (await request.body()).decode()]

    @entry
    async def get_stream(self, key: int, *, q: int):
        for _ in range(3):
            yield f"{self.seen(key, q)}\n"
            await asyncio.sleep(random.random() / 50)

    @entry
    def get_threads(self, key: int, *, q: int):
        for _ in range(3):
            yield f"{self.seen(key, q)}\n"
            time.sleep(random.random() / 200)


class SyncAuthorizer(Busy):
    """The same with an authorizer that runs in a thread."""

    def token_authorizer(self, token: str):
        time.sleep(random.random() / 200)
        return {"name": token} if token.startswith("user") else token == "plain"


def busy(cls: type[Busy]) -> Busy:
    app = cls()

    @app.before_request
    async def mark():
        await asyncio.sleep(random.random() / 100)
        request.state.mark = request.headers["x-mark"]

    @app.after_request
    def set_header(response):
        response.headers["x-seen"] = f"{request.state.mark} {request.url.path}"
        return response

    return app


async def call(client: httpx2.AsyncClient, number: int) -> None:
    kind = ("async", "sync", "stream", "threads")[number % 4]
    token = ("plain", f"user-{number}", "wrong")[number % 3]
    headers = {"authorization": token, "x-mark": str(number)}
    path = f"/{kind}/{number}"
    posted = kind == "async" and number % 8 == 0
    if posted:
        response = await client.post(path, json={"q": number}, headers=headers)
    else:
        response = await client.get(f"{path}?q={number}", headers=headers)
    if token == "wrong":
        assert response.status_code == 403
        return
    q = None if posted else str(number)
    auth = {"name": token} if token.startswith("user") else {}
    seen = [number, number, path, q, token, auth, str(number), {"key": str(number)}]
    assert response.headers["x-seen"] == f"{number} {path}"
    if kind in ("stream", "threads"):
        assert response.text == f"{seen}\n" * 3
    else:
        assert response.json() == ([seen, seen, f'{{"q":{number}}}'] if posted else [seen, seen])


async def call_all(base_url: httpx2.URL) -> None:
    limits = httpx2.Limits(max_connections=COUNT)
    async with (
        httpx2.AsyncClient(base_url=base_url, timeout=PATIENCE, limits=limits) as client,
        anyio.create_task_group() as tasks,
    ):
        for number in random.sample(range(COUNT), COUNT):
            tasks.start_soon(call, client, number)


def test_no_request_ever_sees_anothers_data():
    for cls in (Busy, SyncAuthorizer):
        with on_a_socket(busy(cls)) as client:
            anyio.run(call_all, client.base_url)


def test_a_slow_sync_entry_does_not_hold_up_the_others():
    entered, released = threading.Event(), threading.Event()

    class Slow(TechMicroService):
        @entry(no_auth=True)
        def get_slow(self):
            entered.set()
            return released.wait(PATIENCE)

        @entry(no_auth=True)
        async def get_fast(self):
            released.set()
            return "fast"

    async def both(base_url: httpx2.URL) -> None:
        async with httpx2.AsyncClient(base_url=base_url, timeout=PATIENCE) as client:
            slow = asyncio.create_task(client.get("/slow"))
            await asyncio.to_thread(entered.wait, PATIENCE)
            assert (await client.get("/fast")).text == "fast"
            assert (await slow).json() is True

    with on_a_socket(Slow()) as client:
        anyio.run(both, client.base_url)
