"""What Mangum 0.22 does wrong, shown in Mangum alone beside ours: a mend may go when Mangum's own comes.

Each test fails when Mangum has mended its fault; then look whether our part for it is still needed.
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
from tests.aws.lambdas import METHOD_ARN, Answer, Ask, Context, Event, Invoke, alb, http, rest

CONTEXT: Any = Context()


@pytest.fixture(autouse=True)
def current_loop():
    """A loop for Mangum, which takes the thread's current one."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


def answering(response: Any, **options: Any) -> Starlette:
    """Return a Starlette app that answers everything so: a response, or what makes one of a request."""

    async def endpoint(request: Request) -> Response:
        answer: Response = response if isinstance(response, Response) else response(request)
        return answer

    methods = ["GET", "POST"]
    return Starlette(routes=[Route("/{path:path}", endpoint, methods=methods)], **options)


def by_mangum(response: Any, event: Event, **options: Any) -> Answer:
    return Answer(Mangum(answering(response), lifespan="off", **options)(event, CONTEXT))


def by_ours(ask: Ask, response: Any, event: Event) -> Answer:
    class Ours(TechMicroService):
        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                return await answering(response)(scope, receive, send)
            await super().__call__(scope, receive, send)

    return ask(Ours(), event)


def headers_sent(request: Request) -> Response:
    headers = request.headers.raw
    return JSONResponse([value.decode("latin-1") for name, value in headers if name in (b"cookie", b"x-tag")])


def path_of(request: Request) -> Response:
    path: str = request.scope["path"]
    return JSONResponse(path.removeprefix(request.scope["root_path"]))


# --- each event starts and ends a lifespan


def test_the_lifespan_runs_at_every_event(ask: Ask):
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(app):
        log.append("start")
        yield
        log.append("end")

    mangum = Mangum(answering(Response("x"), lifespan=lifespan))
    for _ in range(2):
        mangum(rest(), CONTEXT)
    assert log == ["start", "end", "start", "end"]
    log.clear()
    app = TechMicroService(name="ours", lifespan=lifespan)
    for _ in range(2):
        ask(app, rest())
    assert log == ["start"]


# --- what comes


def test_the_base_path_dev_eats_devices(ask: Ask):
    paths: list[str] = []

    async def app(scope, receive, send):
        paths.append(scope["path"])
        await Response("x")(scope, receive, send)

    Mangum(app, lifespan="off", api_gateway_base_path="/dev")(rest(path="/devices"), CONTEXT)
    assert paths == ["ices"]
    assert by_ours(ask, path_of, rest(path="/devices")).json == "/devices"
    assert by_ours(ask, path_of, http(path="/dev/devices", stage="dev")).json == "/devices"


def test_a_named_stage_stays_in_the_path_of_an_http_api(ask: Ask):
    event = http(path="/dev/items", stage="dev")
    assert by_mangum(path_of, event).json == "/dev/items"
    assert by_ours(ask, path_of, event).json == "/items"


def test_a_decoded_path_is_decoded_again(ask: Ask):
    event = http(path="/50%25")
    assert by_mangum(path_of, event).json == "/50%"
    assert by_ours(ask, path_of, event).json == "/50%25"


def test_repeated_headers_fold_and_so_do_cookies(ask: Ask):
    event = rest(headers=[("X-Tag", "a"), ("X-Tag", "b"), ("Cookie", "a=1"), ("Cookie", "b=2")])
    assert by_mangum(headers_sent, event).json == ["a, b", "a=1, b=2"]
    assert by_ours(ask, headers_sent, event).json == ["a", "b", "a=1", "b=2"]


def test_an_ipv6_host_is_an_error(ask: Ask):
    event = rest(host="[2001:db8::1]")
    with pytest.raises(ValueError, match="too many values"):
        by_mangum(Response("x"), event)
    assert by_ours(ask, Response("x"), event).body == b"x"


def test_an_http_apis_authorizer_event_looks_like_a_request(invoke: Invoke):
    event = {**http(headers=[("authorization", "a")]), "type": "REQUEST", "routeArn": METHOD_ARN}
    assert by_mangum(Response("x"), event).status == 200
    assert invoke(TechMicroService(name="ours"), event) == {"isAuthorized": False, "context": {}}


# --- what goes


def test_json_of_a_vendor_is_base64(ask: Ask):
    for media_type in ("application/problem+json", "application/vnd.shop+json"):
        response = Response('{"a":1}', media_type=media_type)
        assert by_mangum(response, rest()).raw["isBase64Encoded"] is True
        assert by_ours(ask, response, rest()).raw["body"] == '{"a":1}'


def test_an_empty_answer_is_an_error(ask: Ask, caplog: pytest.LogCaptureFixture):
    async def silent(scope, receive, send):
        """An app that answers nothing."""

    with pytest.raises(AttributeError):
        Mangum(silent, lifespan="off")(rest(), CONTEXT)

    class Silent(TechMicroService):
        async def __call__(self, scope, receive, send):
            if scope["type"] == "lifespan":
                await super().__call__(scope, receive, send)

    assert ask(Silent(), rest()).status == 500
    assert "A request was not answered" in caplog.text


def test_a_header_of_latin_1_is_an_error(ask: Ask):
    for event in (rest(), http(), alb()):
        response = Response("x", headers={"x-name": "é"})
        with pytest.raises(UnicodeDecodeError):
            by_mangum(response, event)
        assert by_ours(ask, response, event).header("x-name") == "é"


def test_head_keeps_its_body(ask: Ask):
    async def hello(scope, receive, send):
        await Response("hello")(scope, receive, send)

    assert Answer(Mangum(hello, lifespan="off")(rest("HEAD"), CONTEXT)).body == b"hello"

    class Ours(TechMicroService):
        async def __call__(self, scope, receive, send):
            await (hello if scope["type"] == "http" else super().__call__)(scope, receive, send)

    assert ask(Ours(), rest("HEAD")).body == b""


def test_a_204_of_an_http_api_gets_a_json_content_type(ask: Ask):
    assert by_mangum(Response(status_code=204), http()).header("content-type") == "application/json"
    assert by_ours(ask, Response(status_code=204), http()).header("content-type") is None


def test_system_exit_becomes_a_500(invoke: Invoke, caplog: pytest.LogCaptureFixture):
    def leave(request: Request) -> Response:
        raise SystemExit(3)

    caplog.set_level(logging.CRITICAL, "mangum.http")
    assert by_mangum(leave, rest()).status == 500

    class Ours(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            raise SystemExit(3)

    with pytest.raises(SystemExit):
        invoke(Ours(), rest())


# --- the loop


def loop_error(handler: Any) -> str:
    """Return what a handler says of its loop, nothing where it answers."""
    with warnings.catch_warnings():
        # Its coroutine is left behind.
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            handler(rest(), CONTEXT)
        except RuntimeError as error:
            return str(error)
    return ""


class Ours(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return request.method


def test_asyncio_run_elsewhere_breaks_its_loop(ask: Ask):
    async def nothing():
        """A program of the author's."""

    mangum = Mangum(answering(Response("x")), lifespan="off")
    ours = Ours()
    assert ask(ours, rest()).body == b"GET"
    asyncio.run(nothing())
    assert "no current event loop" in loop_error(mangum)
    assert loop_error(ours.lambda_handler) == ""


def test_another_thread_has_no_loop_for_it(ask: Ask):
    mangum = Mangum(answering(Response("x")), lifespan="off")
    ours = Ours()
    assert ask(ours, rest()).body == b"GET"
    errors: list[str] = []
    for handler in (mangum, ours.lambda_handler):
        thread = threading.Thread(target=lambda handler=handler: errors.append(loop_error(handler)))
        thread.start()
        thread.join()
    assert "no current event loop" in errors[0]
    assert errors[1] == ""
