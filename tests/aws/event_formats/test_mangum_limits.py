"""Limits of Mangum 0.22 that our subclasses fix, shown in Mangum and in ours.

A test fails once Mangum has removed the limit; then check whether our subclass still needs its fix.
"""

import asyncio
import logging
import threading
import warnings
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mangum import Mangum
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from coworks_async import TechMicroService, entry, request
from tests.aws.events import (
    METHOD_ARN,
    ClientResponse,
    Context,
    Event,
    Invoke,
    SendEvent,
    alb_event,
    http_event,
    rest_event,
)

CONTEXT: Any = Context()


@pytest.fixture(autouse=True)
def current_loop():
    """Set a current event loop, which Mangum uses."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


def create_app(response: Any, **options: Any) -> Starlette:
    """Return a Starlette app with this response to every request; it may be a function of the request."""

    async def endpoint(request: Request) -> Response:
        returned: Response = response if isinstance(response, Response) else response(request)
        return returned

    methods = ["GET", "POST"]
    return Starlette(routes=[Route("/{path:path}", endpoint, methods=methods)], **options)


def send_to_mangum(response: Any, event: Event, **options: Any) -> ClientResponse:
    return ClientResponse(Mangum(create_app(response), lifespan="off", **options)(event, CONTEXT))


def send_to_ours(send_event: SendEvent, response: Any, event: Event) -> ClientResponse:
    class Ours(TechMicroService):
        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                return await create_app(response)(scope, receive, send)
            await super().__call__(scope, receive, send)

    return send_event(Ours(), event)


def return_headers(request: Request) -> Response:
    headers = request.headers.raw
    return JSONResponse([value.decode("latin-1") for name, value in headers if name in (b"cookie", b"x-tag")])


def return_path(request: Request) -> Response:
    path: str = request.scope["path"]
    return JSONResponse(path.removeprefix(request.scope["root_path"]))


# --- lifespan


def test_mangum_runs_the_lifespan_at_every_event(send_event: SendEvent):
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(app):
        log.append("start")
        yield
        log.append("end")

    mangum = Mangum(create_app(Response("x"), lifespan=lifespan))
    for _ in range(2):
        mangum(rest_event(), CONTEXT)
    assert log == ["start", "end", "start", "end"]
    log.clear()
    app = TechMicroService(name="ours", lifespan=lifespan)
    for _ in range(2):
        send_event(app, rest_event())
    assert log == ["start"]


# --- events


def test_mangum_strips_the_base_path_dev_from_devices(send_event: SendEvent):
    paths: list[str] = []

    async def app(scope, receive, send):
        paths.append(scope["path"])
        await Response("x")(scope, receive, send)

    Mangum(app, lifespan="off", api_gateway_base_path="/dev")(rest_event(path="/devices"), CONTEXT)
    assert paths == ["ices"]
    assert send_to_ours(send_event, return_path, rest_event(path="/devices")).json == "/devices"
    assert send_to_ours(send_event, return_path, http_event(path="/dev/devices", stage="dev")).json == "/devices"


def test_mangum_leaves_the_stage_in_an_http_apis_path(send_event: SendEvent):
    event = http_event(path="/dev/items", stage="dev")
    assert send_to_mangum(return_path, event).json == "/dev/items"
    assert send_to_ours(send_event, return_path, event).json == "/items"


def test_mangum_decodes_an_http_apis_path_twice(send_event: SendEvent):
    event = http_event(path="/50%25")
    assert send_to_mangum(return_path, event).json == "/50%"
    assert send_to_ours(send_event, return_path, event).json == "/50%25"


def test_mangum_joins_repeated_headers_and_cookies(send_event: SendEvent):
    event = rest_event(headers=[("X-Tag", "a"), ("X-Tag", "b"), ("Cookie", "a=1"), ("Cookie", "b=2")])
    assert send_to_mangum(return_headers, event).json == ["a, b", "a=1, b=2"]
    assert send_to_ours(send_event, return_headers, event).json == ["a", "b", "a=1", "b=2"]


def test_mangum_fails_for_an_ipv6_host(send_event: SendEvent):
    event = rest_event(host="[2001:db8::1]")
    with pytest.raises(ValueError, match="too many values"):
        send_to_mangum(Response("x"), event)
    assert send_to_ours(send_event, Response("x"), event).body == b"x"


def test_mangum_takes_an_http_apis_authorizer_event_for_a_request(invoke: Invoke):
    event = {**http_event(headers=[("authorization", "a")]), "type": "REQUEST", "routeArn": METHOD_ARN}
    assert send_to_mangum(Response("x"), event).status == 200
    assert invoke(TechMicroService(name="ours"), event) == {"isAuthorized": False, "context": {}}


# --- results


def test_mangum_encodes_vendor_json_as_base64(send_event: SendEvent):
    for media_type in ("application/problem+json", "application/vnd.shop+json"):
        response = Response('{"a":1}', media_type=media_type)
        assert send_to_mangum(response, rest_event()).raw["isBase64Encoded"] is True
        assert send_to_ours(send_event, response, rest_event()).raw["body"] == '{"a":1}'


def test_mangum_fails_if_the_app_sends_no_response(send_event: SendEvent, caplog: pytest.LogCaptureFixture):
    async def silent(scope, receive, send):
        """Send no response."""

    with pytest.raises(AttributeError):
        Mangum(silent, lifespan="off")(rest_event(), CONTEXT)

    class Silent(TechMicroService):
        async def __call__(self, scope, receive, send):
            if scope["type"] == "lifespan":
                await super().__call__(scope, receive, send)

    assert send_event(Silent(), rest_event()).status == 500
    assert "A request failed without a complete response" in caplog.text


def test_mangum_fails_for_a_latin_1_header(send_event: SendEvent):
    for event in (rest_event(), http_event(), alb_event()):
        response = Response("x", headers={"x-name": "é"})
        with pytest.raises(UnicodeDecodeError):
            send_to_mangum(response, event)
        assert send_to_ours(send_event, response, event).header("x-name") == "é"


def test_mangum_sends_a_body_for_head(send_event: SendEvent):
    async def hello(scope, receive, send):
        await Response("hello")(scope, receive, send)

    assert ClientResponse(Mangum(hello, lifespan="off")(rest_event("HEAD"), CONTEXT)).body == b"hello"

    class Ours(TechMicroService):
        async def __call__(self, scope, receive, send):
            await (hello if scope["type"] == "http" else super().__call__)(scope, receive, send)

    assert send_event(Ours(), rest_event("HEAD")).body == b""


def test_mangum_adds_a_content_type_to_a_204(send_event: SendEvent):
    assert send_to_mangum(Response(status_code=204), http_event()).header("content-type") == "application/json"
    assert send_to_ours(send_event, Response(status_code=204), http_event()).header("content-type") is None


def test_mangum_turns_system_exit_into_a_500(invoke: Invoke, caplog: pytest.LogCaptureFixture):
    def leave(request: Request) -> Response:
        raise SystemExit(3)

    caplog.set_level(logging.CRITICAL, "mangum.http")
    assert send_to_mangum(leave, rest_event()).status == 500

    class Ours(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            raise SystemExit(3)

    with pytest.raises(SystemExit):
        invoke(Ours(), rest_event())


# --- event loop


def loop_error(handler: Any) -> str:
    """Return the error of a handler that has no event loop, or an empty string."""
    with warnings.catch_warnings():
        # Mangum does not await its coroutine.
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            handler(rest_event(), CONTEXT)
        except RuntimeError as error:
            return str(error)
    return ""


class Ours(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return request.method


def test_asyncio_run_breaks_mangums_loop(send_event: SendEvent):
    async def nothing():
        """Do nothing."""

    mangum = Mangum(create_app(Response("x")), lifespan="off")
    ours = Ours()
    assert send_event(ours, rest_event()).body == b"GET"
    asyncio.run(nothing())
    assert "no current event loop" in loop_error(mangum)
    assert loop_error(ours.lambda_handler) == ""


def test_mangum_has_no_loop_in_another_thread(send_event: SendEvent):
    mangum = Mangum(create_app(Response("x")), lifespan="off")
    ours = Ours()
    assert send_event(ours, rest_event()).body == b"GET"
    errors: list[str] = []
    for handler in (mangum, ours.lambda_handler):
        thread = threading.Thread(target=lambda handler=handler: errors.append(loop_error(handler)))
        thread.start()
        thread.join()
    assert "no current event loop" in errors[0]
    assert errors[1] == ""
