"""One request through the app: what it receives, and what it may send."""

import asyncio

from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware

from coworks_async import TechMicroService, entry, request
from tests.aws.lambdas import Ask, rest


def around(call) -> TechMicroService:
    """Return a service with this for its only middleware."""

    class Around:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] == "lifespan":
                return await self.app(scope, receive, send)
            await call(self.app, scope, receive, send)

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def post(self, *, name: str = "nobody"):
            return f"Hello {name}."

    return Service(middleware=[Middleware(Around)])


BODY = '{"name": "ann"}'
JSON = [("content-type", "application/json")]


def test_the_body_is_one_message_and_then_the_disconnect_comes_with_the_end(ask: Ask):
    received: list[object] = []

    async def call(app, scope, receive, send):
        await app(scope, receive, send)
        received.append(await receive())

    assert ask(around(call), rest("POST", headers=JSON, body=BODY)).body == b"Hello ann."
    assert received == [{"type": "http.disconnect"}]


def test_who_waits_for_a_disconnect_waits_for_the_end_of_the_answer(ask: Ask):
    received: list[object] = []

    async def call(app, scope, receive, send):
        received.append(await receive())
        waiting = [asyncio.create_task(receive()) for _ in range(2)]
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        await send({"type": "http.response.body", "body": b"b"})
        received.extend(await asyncio.gather(*waiting))

    answer = ask(around(call), rest("POST", headers=JSON, body=BODY))
    assert (answer.status, answer.body) == (200, b"ab")
    assert received[1:] == [{"type": "http.disconnect"}] * 2


def test_a_middleware_that_listens_for_a_disconnect_does_not_hang(ask: Ask):
    async def dispatch(request, call_next):
        response = await call_next(request)
        response.headers["x-seen"] = "yes"
        return response

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            assert not await request.is_disconnected()
            return "here"

    answer = ask(Service(middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)]), rest())
    assert (answer.status, answer.body, answer.header("x-seen")) == (200, b"here", "yes")


OUT_OF_ORDER = [
    [{"type": "http.response.body", "body": b"first"}],
    [{"type": "http.response.start", "status": 200}] * 2,
    [{"type": "http.response.start", "status": 200}, {"type": "http.response.trailers"}],
]


def test_messages_out_of_order_are_an_error(ask: Ask):
    for messages in OUT_OF_ORDER:

        async def call(app, scope, receive, send, messages=messages):
            for message in messages:
                await send(message)

        assert ask(around(call), rest("POST")).status == 500


def test_a_start_without_headers_and_a_body_without_bytes_are_an_answer(ask: Ask):
    async def call(app, scope, receive, send):
        await send({"type": "http.response.start", "status": 202})
        await send({"type": "http.response.body"})

    answer = ask(around(call), rest("POST"))
    assert (answer.status, answer.headers, answer.body) == (202, [], b"")
