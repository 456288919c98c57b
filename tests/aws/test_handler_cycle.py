"""The ASGI cycle of one request: received and sent messages."""

import asyncio

from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware

from coworks_async import TechMicroService, entry, request
from tests.aws.events import SendEvent, rest_event


def service_with_middleware(call) -> TechMicroService:
    """Return a service with a middleware that calls this function."""

    class CallMiddleware:
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

    return Service(middleware=[Middleware(CallMiddleware)])


BODY = '{"name": "ann"}'
JSON = [("content-type", "application/json")]


def test_the_body_is_one_message_and_a_disconnect_follows_the_response(send_event: SendEvent):
    received: list[object] = []

    async def call(app, scope, receive, send):
        await app(scope, receive, send)
        received.append(await receive())

    assert send_event(service_with_middleware(call), rest_event("POST", headers=JSON, body=BODY)).body == b"Hello ann."
    assert received == [{"type": "http.disconnect"}]


def test_a_disconnect_is_received_once_the_response_is_complete(send_event: SendEvent):
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

    response = send_event(service_with_middleware(call), rest_event("POST", headers=JSON, body=BODY))
    assert (response.status, response.body) == (200, b"ab")
    assert received[1:] == [{"type": "http.disconnect"}] * 2


def test_a_middleware_that_waits_for_a_disconnect_does_not_hang(send_event: SendEvent):
    async def dispatch(request, call_next):
        response = await call_next(request)
        response.headers["x-seen"] = "yes"
        return response

    class Service(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            assert not await request.is_disconnected()
            return "here"

    response = send_event(Service(middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)]), rest_event())
    assert (response.status, response.body, response.header("x-seen")) == (200, b"here", "yes")


OUT_OF_ORDER = [
    [{"type": "http.response.body", "body": b"first"}],
    [{"type": "http.response.start", "status": 200}] * 2,
    [{"type": "http.response.start", "status": 200}, {"type": "http.response.trailers"}],
]


def test_messages_out_of_order_are_a_500(send_event: SendEvent):
    for messages in OUT_OF_ORDER:

        async def call(app, scope, receive, send, messages=messages):
            for message in messages:
                await send(message)

        assert send_event(service_with_middleware(call), rest_event("POST")).status == 500


def test_headers_and_body_may_be_omitted(send_event: SendEvent):
    async def call(app, scope, receive, send):
        await send({"type": "http.response.start", "status": 202})
        await send({"type": "http.response.body"})

    response = send_event(service_with_middleware(call), rest_event("POST"))
    assert (response.status, response.headers, response.body) == (202, [], b"")
