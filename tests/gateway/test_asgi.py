"""What a gateway takes of a body: over its limit it says 413 at once, and leaves the rest where it is."""

from collections.abc import Mapping
from typing import Any

import pytest

from coworks_async import Request, TechMicroService, entry
from coworks_async.gateway import VIAS, GatewayApp, Via

MB = 1024 * 1024
LIMITS: Mapping[Via, int] = {"rest": 10 * MB, "http": 10 * MB, "http-stage": 10 * MB, "alb": MB, "url": 6 * MB}
via_each = pytest.mark.parametrize("via", VIAS)


class Shop(TechMicroService):
    def __init__(self) -> None:
        super().__init__(max_body_size=None)
        self.ran = 0

    @entry(no_auth=True)
    async def post(self, asked: Request):
        self.ran += 1
        return len(await asked.body())


class Sender:
    """A client that sends a body in parts, of one megabyte if need be, and counts what is read of it."""

    def __init__(self, size: int, *, announced: bool) -> None:
        self.left = size
        self.read = 0
        self.sent: list[Any] = []
        headers = [(b"host", b"shop"), (b"content-type", b"text/plain")]
        headers += [(b"content-length", b"%d" % size)] if announced else [(b"transfer-encoding", b"chunked")]
        self.scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}

    async def receive(self) -> Any:
        part = b"x" * min(self.left, MB)
        self.left -= len(part)
        self.read += len(part)
        return {"type": "http.request", "body": part, "more_body": self.left > 0}

    async def send(self, message: Any) -> None:
        self.sent.append(message)


@via_each
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
async def test_a_body_over_the_gateways_limit_is_refused_before_it_is_read(via: Via, announced: bool):
    app, client = Shop(), Sender(100 * MB, announced=announced)
    await GatewayApp(app, via)(client.scope, client.receive, client.send)
    assert [client.sent[0]["status"], client.sent[1]["body"]] == [413, b'{"message": "Request Too Long"}']
    assert client.read == (0 if announced else LIMITS[via] + MB)
    assert app.ran == 0


@via_each
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
async def test_a_body_of_one_byte_more_is_over(via: Via, announced: bool):
    app, limit = Shop(), LIMITS[via]
    exact, over = Sender(limit, announced=announced), Sender(limit + 1, announced=announced)
    front = GatewayApp(app, via)
    await front(exact.scope, exact.receive, exact.send)
    await front(over.scope, over.receive, over.send)
    assert exact.read == limit
    # What the gateway takes, Lambda does not: a megabyte of a balancer's alone is an event of less than six.
    assert [exact.sent[0]["status"], app.ran] == ([200, 1] if via == "alb" else [413, 0])
    assert over.sent[0]["status"] == 413
    assert over.read == (0 if announced else limit + 1)
