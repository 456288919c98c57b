"""The gateway's limit of a request body: a 413 at once, and the rest is not read. Its shutdown."""

import asyncio
import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from anyio import fail_after

from coworks_async import Request, TechMicroService, entry
from coworks_async.gateway import VIAS, GatewayApp, Via
from tests.tools import PATIENCE

MB = 1024 * 1024
LIMITS: Mapping[Via, int] = {"rest": 10 * MB, "http": 10 * MB, "http-stage": 10 * MB, "alb": MB, "url": 6 * MB}
via_each = pytest.mark.parametrize("via", VIAS)


class Shop(TechMicroService):
    def __init__(self) -> None:
        super().__init__(max_body_size=None)
        self.ran = 0

    @entry(no_auth=True)
    async def post(self, received: Request):
        self.ran += 1
        return len(await received.body())


class Sender:
    """A client that sends a body in parts of up to one megabyte, and counts the bytes read."""

    def __init__(self, size: int, *, has_length: bool) -> None:
        self.left = size
        self.read = 0
        self.sent: list[Any] = []
        headers = [(b"host", b"shop"), (b"content-type", b"text/plain")]
        headers += [(b"content-length", b"%d" % size)] if has_length else [(b"transfer-encoding", b"chunked")]
        self.scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}

    async def receive(self) -> Any:
        part = b"x" * min(self.left, MB)
        self.left -= len(part)
        self.read += len(part)
        return {"type": "http.request", "body": part, "more_body": self.left > 0}

    async def send(self, message: Any) -> None:
        self.sent.append(message)


@via_each
@pytest.mark.parametrize("has_length", [True, False], ids=["content-length", "chunked"])
async def test_a_body_over_the_gateways_limit_is_a_413_before_it_is_read(via: Via, has_length: bool):
    app, client = Shop(), Sender(100 * MB, has_length=has_length)
    await GatewayApp(app, via)(client.scope, client.receive, client.send)
    body = json.loads(client.sent[1]["body"])
    # Only a REST API's own responses can be configured.
    expected = "Content Too Large" if via == "rest" else "Request Too Long"
    assert (client.sent[0]["status"], body.get("title") or body["message"]) == (413, expected)
    assert client.read == (0 if has_length else LIMITS[via] + MB)
    assert app.ran == 0


@via_each
@pytest.mark.parametrize("has_length", [True, False], ids=["content-length", "chunked"])
async def test_a_body_one_byte_over_the_limit_is_a_413(via: Via, has_length: bool):
    app, limit = Shop(), LIMITS[via]
    exact, over = Sender(limit, has_length=has_length), Sender(limit + 1, has_length=has_length)
    front = GatewayApp(app, via)
    await front(exact.scope, exact.receive, exact.send)
    await front(over.scope, over.receive, over.send)
    assert exact.read == limit
    # The gateway's limit as base64 exceeds Lambda's, except for a load balancer's one megabyte.
    assert [exact.sent[0]["status"], app.ran] == ([200, 1] if via == "alb" else [413, 0])
    assert over.sent[0]["status"] == 413
    assert over.read == (0 if has_length else limit + 1)


class Waiting(TechMicroService):
    def __init__(self) -> None:
        super().__init__()
        self.ran = 0
        self.release = threading.Event()

    @entry(no_auth=True)
    def post(self):
        self.ran += 1
        assert self.release.wait(PATIENCE)


@via_each
async def test_requests_that_wait_for_the_handler_do_not_delay_the_shutdown(via: Via):
    app = Waiting()
    gateway = GatewayApp(app, via)
    messages: asyncio.Queue[Any] = asyncio.Queue()
    sent: asyncio.Queue[Any] = asyncio.Queue()
    lifespan = asyncio.create_task(gateway({"type": "lifespan"}, messages.get, sent.put))
    clients = [Sender(0, has_length=True) for _ in range(3)]
    requests = [asyncio.create_task(gateway(client.scope, client.receive, client.send)) for client in clients]
    with fail_after(PATIENCE):
        while not app.ran:  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(0.01)
        for phase in ("startup", "shutdown"):
            messages.put_nowait({"type": f"lifespan.{phase}"})
        await sent.get()
        await asyncio.sleep(0)  # the shutdown begins
        app.release.set()
        await asyncio.gather(lifespan, *requests)
    assert app.ran == 1
    statuses = sorted(client.sent[0]["status"] for client in clients)
    assert (statuses[0], statuses[1] >= 500) == (204, True)
