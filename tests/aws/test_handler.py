"""The handler: events are dispatched by kind, and a request always gets a response."""

import asyncio
import logging
import os
import subprocess
import sys

import pytest
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from coworks_async import CORS, TechMicroService, entry, request
from tests.aws.events import (
    Context,
    Echo,
    Invoke,
    SendEvent,
    alb_event,
    events_in_all_formats,
    http_event,
    rest_event,
    url_event,
)
from tests.test_imports import FORBIDDEN, loaded_by


def get_warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


# --- requests


class Hello(TechMicroService):
    async def token_authorizer(self, token: str):
        return token == "token"

    @entry
    async def get(self):
        return "Hello."


def test_the_same_request_gets_the_same_response_in_each_format(send_event: SendEvent):
    app = Hello()
    for name, event in events_in_all_formats("GET", "/", [("authorization", "token")]).items():
        response = send_event(app, event)
        assert (response.status, response.body, response.header("content-type")) == (
            200,
            b"Hello.",
            "text/plain; charset=utf-8",
        ), name
    for method, path, status in [("GET", "/", 401), ("POST", "/", 405), ("GET", "/x", 404), ("OPTIONS", "/", 204)]:
        for name, event in events_in_all_formats(method, path).items():
            assert send_event(app, event).status == status, name


def test_request_has_the_event_and_the_context(send_event: SendEvent):
    class Describing(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            assert request.aws_event is not None
            stage = request.aws_event["requestContext"]["stage"]
            return {"in": request.in_lambda_context, "stage": stage, "id": request.aws_context.aws_request_id}

    response = send_event(Describing(), rest_event(stage="v1"), Context(aws_request_id="one"))
    assert response.json == {"in": True, "stage": "v1", "id": "one"}


@pytest.mark.parametrize("header", [(b"x-kind", b"a\r\nb"), (b"x-kind", b"a\nb"), (b"x\r", b"a"), (b"x\nkind", b"a")])
def test_a_line_break_in_a_header_that_middleware_sets_is_a_500(
    send_event: SendEvent, header: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture
):
    class Tagging:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            async def send_tagged(message):
                if message["type"] == "http.response.start":
                    message = {**message, "headers": [*message["headers"], header]}
                await send(message)

            await self.app(scope, receive, send_tagged)

    app = Hello(middleware=[Middleware(Tagging)])
    for name, event in events_in_all_formats("GET", "/", [("authorization", "token")]).items():
        caplog.clear()
        response = send_event(app, event)
        assert (response.status, response.json["title"]) == (500, "Internal Server Error"), name
        assert not any(key.startswith("x") for key, _ in response.headers), name
        [record] = get_warnings(caplog)
        assert "it contains a line break" in str(record.exc_info), name


def test_an_invalid_status_of_a_plain_route_is_a_500(send_event: SendEvent, caplog: pytest.LogCaptureFixture):
    async def reply(request):
        return PlainTextResponse("plain", status_code=1000)

    app = Hello(routes=[Route("/plain", reply)])
    for name, event in events_in_all_formats("GET", "/plain").items():
        caplog.clear()
        response = send_event(app, event)
        assert (response.status, response.json["title"]) == (500, "Internal Server Error"), name
        [record] = get_warnings(caplog)
        assert "status 1000 is not between 200 and 599" in str(record.exc_info), name


def test_sync_entries_and_plain_routes_respond(send_event: SendEvent):
    class Sync(TechMicroService):
        @entry(no_auth=True)
        def get(self, *, name: str = ""):
            return f"{name or request.method}"

    async def plain(request):
        return PlainTextResponse("plain")

    app = Sync(routes=[Route("/plain", plain)])
    assert send_event(app, http_event()).body == b"GET"
    assert send_event(app, http_event(query="name=x")).body == b"x"
    assert send_event(app, rest_event(path="/plain")).body == b"plain"


def test_a_stream_is_buffered_with_one_warning(send_event: SendEvent, caplog: pytest.LogCaptureFixture):
    class Streaming(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            for number in range(3):
                yield f"{number} "
                await asyncio.sleep(0)

        @entry(no_auth=True)
        async def get_response(self):
            async def parts():
                yield b"a"
                yield b"b"

            return StreamingResponse(parts(), media_type="text/plain")

    app = Streaming()
    assert [send_event(app, rest_event()).body, send_event(app, rest_event(path="/response")).body] == [
        b"0 1 2 ",
        b"ab",
    ]
    [record] = get_warnings(caplog)
    assert record.getMessage() == (
        "A streamed response was sent as a whole. REST APIs and function URLs stream after a deploy with "
        "--runtime native --stream."
    )


# --- failures


def service_broken_by(break_, path: str = "/") -> TechMicroService:
    """Return a service with a middleware that calls this function."""

    class Breaking:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] == "lifespan":
                return await self.app(scope, receive, send)
            await break_(self.app, scope, receive, send)

    class Broken(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            return "whole"

    return Broken(middleware=[Middleware(Breaking)])


def test_a_bug_in_an_entry_is_a_500_logged_once(send_event: SendEvent, caplog: pytest.LogCaptureFixture):
    class Buggy(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            raise ValueError("secret")

    for name, event in events_in_all_formats("GET", "/").items():
        caplog.clear()
        response = send_event(Buggy(), event)
        assert (response.status, response.header("content-type")) == (500, "application/problem+json"), name
        assert "secret" not in str(response.raw)
        assert len(get_warnings(caplog)) == 1


async def cancel(app, scope, receive, send):
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def send_nothing(app, scope, receive, send):
    pass


async def send_half_of_the_body(app, scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})


async def send_headers_as_str(app, scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [("x-name", "text")]})
    await send({"type": "http.response.body", "body": b"whole"})


@pytest.mark.parametrize("break_", [cancel, send_nothing, send_half_of_the_body, send_headers_as_str])
def test_an_app_without_a_complete_response_is_a_500_logged_once(
    send_event: SendEvent, caplog: pytest.LogCaptureFixture, break_
):
    response = send_event(service_broken_by(break_), rest_event())
    assert (response.status, response.json["title"]) == (500, "Internal Server Error")
    [record] = get_warnings(caplog)
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "A request failed without a complete response")
    assert record.exc_info is not None


def test_a_failure_after_the_response_is_logged_and_the_response_sent(
    send_event: SendEvent, caplog: pytest.LogCaptureFixture
):
    class Late(TechMicroService):
        async def __call__(self, scope, receive, send):
            await super().__call__(scope, receive, send)
            if scope["type"] == "http":
                raise LookupError("late")

        @entry(no_auth=True)
        async def get(self):
            return "whole"

    response = send_event(Late(), rest_event())
    assert (response.status, response.body) == (200, b"whole")
    [record] = get_warnings(caplog)
    assert record.getMessage() == "GET '/dev/' on route / failed after its response"
    assert record.exc_info is not None
    assert record.exc_info[0] is LookupError


def test_an_exception_of_the_service_itself_is_a_500(send_event: SendEvent, caplog: pytest.LogCaptureFixture):
    class Early(TechMicroService):
        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                raise LookupError("early")
            await super().__call__(scope, receive, send)

    assert send_event(Early(), rest_event()).status == 500
    [record] = get_warnings(caplog)
    assert record.getMessage() == "A request failed without a complete response"


MALFORMED = [
    {"body": {"no": "string"}},
    {"headers": {"host": 1}, "multiValueHeaders": None},
    {"multiValueHeaders": {"host": [1]}},
    {"httpMethod": None},
]


@pytest.mark.parametrize("change", MALFORMED)
def test_a_malformed_event_is_a_500(send_event: SendEvent, caplog: pytest.LogCaptureFixture, change):
    for event in (rest_event(), alb_event()):
        response = send_event(Echo(), {**event, **change})
        assert response.status in (405, 500), change
        assert response.header("content-type") == "application/problem+json"


@pytest.mark.parametrize("body", ["no base64", "YQ", "YQ==YQ==", "YWJj=", "YWJj==", "YWJj====", "Y\nQ==", "é"])
@pytest.mark.parametrize("name", events_in_all_formats("POST", "/"))
def test_a_body_that_is_not_valid_base64_is_a_400(
    send_event: SendEvent, caplog: pytest.LogCaptureFixture, name: str, body: str
):
    event = {**events_in_all_formats("POST", "/")[name], "body": body, "isBase64Encoded": True}
    response = send_event(Echo(), event)
    assert (response.status, response.header("content-type")) == (400, "application/problem+json")
    assert response.json["detail"] == "The body is not valid base64."
    assert get_warnings(caplog) == []


def test_the_400_for_invalid_base64_has_the_cors_headers_of_other_errors(send_event: SendEvent):
    class Shared(Echo):
        cors = CORS(origins="https://site.example")

    event = rest_event("POST", headers=[("origin", "https://site.example")])
    response = send_event(Shared(), {**event, "body": "no base64", "isBase64Encoded": True})
    assert (response.status, response.header("access-control-allow-origin")) == (400, "https://site.example")


@pytest.mark.parametrize(("body", "status"), [("no base64", 400), ("", 500)])
def test_an_error_of_the_handler_is_the_same_for_head_but_without_a_body(send_event: SendEvent, body: str, status: int):
    async def silent(scope, receive, send):
        """Send no response."""

    app = TechMicroService(routes=[Mount("/silent", silent)])
    by_method = [events_in_all_formats(method, "/silent/").values() for method in ("GET", "HEAD")]
    for events in zip(*by_method, strict=True):
        get, head = (send_event(app, {**event, "body": body, "isBase64Encoded": True}) for event in events)
        assert get.status == status
        assert get.header("content-length") == str(len(get.body))
        assert head.raw == {**get.raw, "body": ""}


def test_system_exit_is_raised(invoke: Invoke):
    class Leaving(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            raise SystemExit(3)

        @entry(no_auth=True)
        async def get_here(self):
            return "here"

    app = Leaving()
    with pytest.raises(SystemExit):
        invoke(app, rest_event())
    assert invoke(app, rest_event(path="/here"))["statusCode"] == 200


@pytest.mark.parametrize("error", [GeneratorExit(), BaseExceptionGroup("", [GeneratorExit()])])
def test_any_other_base_exception_is_a_500(
    send_event: SendEvent, caplog: pytest.LogCaptureFixture, error: BaseException
):
    class Ended(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            raise error

    assert send_event(Ended(), rest_event()).status == 500
    [record] = get_warnings(caplog)
    assert record.getMessage() == "A request failed without a complete response"


# --- cold starts


def test_no_event_loop_is_created_before_the_first_event():
    # A SnapStart snapshot must not contain an open socket.
    code = (
        "import sys, asyncio, socket\n"
        "loops = []\n"
        "init = asyncio.BaseEventLoop.__init__\n"
        "asyncio.BaseEventLoop.__init__ = lambda loop: (loops.append(loop), init(loop))[1]\n"
        "from tests.aws.events import Context, Echo, rest_event\n"
        "app = Echo(); handler = app.lambda_handler\n"
        "assert loops == []\n"
        "assert handler(rest_event(), Context())['statusCode'] == 200\n"
        "assert len(loops) == 1\n"
        "assert handler(rest_event(), Context())['statusCode'] == 200\n"
        "assert len(loops) == 1\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": "."}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


REQUEST = """
from coworks_async import TechMicroService, entry

class Hello(TechMicroService):
    @entry
    async def get(self):
        return "Hello."

event = {"httpMethod": "GET", "path": "/", "requestContext": {"stage": "dev"}, "headers": None}
assert Hello().lambda_handler(event, None)["statusCode"] == 401
"""


def test_a_request_imports_nothing_of_tools_and_extensions():
    loaded = loaded_by(REQUEST) - loaded_by("pass")
    assert "coworks_async.aws.handler" in loaded
    assert not loaded & {
        "coworks_async.aws.async_invoke",
        "coworks_async.pipeline.async_calls",
        "coworks_async.gateway",
    }
    assert sorted(name for name in loaded if name in FORBIDDEN or name.partition(".")[0] in FORBIDDEN) == []


def test_a_function_url_is_recognized_by_its_domain(send_event: SendEvent):
    # A function URL does not decode the path; an HTTP API does.
    assert send_event(Echo(), url_event(path="/50%25")).json["segments"] == ["50%"]
    assert send_event(Echo(), http_event(path="/50%25")).json["segments"] == ["50%25"]
