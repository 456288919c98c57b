"""The handler: each event goes where it belongs, and a request is always answered."""

import asyncio
import logging
import os
import subprocess
import sys

import pytest
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from coworks_async import TechMicroService, entry, request
from tests.aws.lambdas import Ask, Context, Echo, Invoke, alb, everywhere, http, rest, url
from tests.test_imports import FORBIDDEN, loaded_by


def warnings_and_worse(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


# --- a request


class Hello(TechMicroService):
    async def token_authorizer(self, token: str):
        return token == "token"

    @entry
    async def get(self):
        return "Hello."


def test_the_same_request_has_the_same_answer_in_each_format(ask: Ask):
    app = Hello()
    for name, event in everywhere("GET", "/", [("authorization", "token")]).items():
        answer = ask(app, event)
        assert (answer.status, answer.body, answer.header("content-type")) == (
            200,
            b"Hello.",
            "text/plain; charset=utf-8",
        ), name
    for method, path, status in [("GET", "/", 401), ("POST", "/", 405), ("GET", "/x", 404), ("OPTIONS", "/", 204)]:
        for name, event in everywhere(method, path).items():
            assert ask(app, event).status == status, name


def test_the_request_tells_of_the_event_and_the_context(ask: Ask):
    class Telling(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            assert request.aws_event is not None
            told = request.aws_event["requestContext"]["stage"]
            return {"in": request.in_lambda_context, "stage": told, "id": request.aws_context.aws_request_id}

    answer = ask(Telling(), rest(stage="v1"), Context(aws_request_id="one"))
    assert answer.json == {"in": True, "stage": "v1", "id": "one"}


def test_sync_entries_and_plain_routes_are_answered(ask: Ask):
    class Sync(TechMicroService):
        @entry(no_auth=True)
        def get(self, *, name: str = ""):
            return f"{name or request.method}"

    async def plain(request):
        return PlainTextResponse("plain")

    app = Sync(routes=[Route("/plain", plain)])
    assert ask(app, http()).body == b"GET"
    assert ask(app, http(query="name=x")).body == b"x"
    assert ask(app, rest(path="/plain")).body == b"plain"


def test_a_stream_is_sent_whole_with_a_warning_once(ask: Ask, caplog: pytest.LogCaptureFixture):
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
    assert [ask(app, rest()).body, ask(app, rest(path="/response")).body] == [b"0 1 2 ", b"ab"]
    [record] = warnings_and_worse(caplog)
    assert record.getMessage() == "An answer was streamed; in Lambda it is sent when it is whole."


# --- whatever happens


def broken_by(break_, path: str = "/") -> TechMicroService:
    """Return a service whose middleware does this to a request's app."""

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


def test_a_bug_in_an_entry_is_a_500_logged_once(ask: Ask, caplog: pytest.LogCaptureFixture):
    class Buggy(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            raise ValueError("secret")

    for name, event in everywhere("GET", "/").items():
        caplog.clear()
        answer = ask(Buggy(), event)
        assert (answer.status, answer.header("content-type")) == (500, "application/problem+json"), name
        assert "secret" not in str(answer.raw)
        assert len(warnings_and_worse(caplog)) == 1


async def cancel(app, scope, receive, send):
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def stay_silent(app, scope, receive, send):
    pass


async def stop_half_way(app, scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})


async def tell_no_bytes(app, scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [("x-name", "text")]})
    await send({"type": "http.response.body", "body": b"whole"})


@pytest.mark.parametrize("break_", [cancel, stay_silent, stop_half_way, tell_no_bytes])
def test_an_app_that_does_not_answer_is_a_500_logged_once(ask: Ask, caplog: pytest.LogCaptureFixture, break_):
    answer = ask(broken_by(break_), rest())
    assert (answer.status, answer.json["title"]) == (500, "Internal Server Error")
    [record] = warnings_and_worse(caplog)
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "A request was not answered")
    assert record.exc_info is not None


def test_what_fails_after_the_answer_is_logged_and_the_answer_stays(ask: Ask, caplog: pytest.LogCaptureFixture):
    class Late(TechMicroService):
        async def __call__(self, scope, receive, send):
            await super().__call__(scope, receive, send)
            if scope["type"] == "http":
                raise LookupError("late")

        @entry(no_auth=True)
        async def get(self):
            return "whole"

    answer = ask(Late(), rest())
    assert (answer.status, answer.body) == (200, b"whole")
    [record] = warnings_and_worse(caplog)
    assert record.getMessage() == "The service failed after its answer"
    assert record.exc_info is not None
    assert record.exc_info[0] is LookupError


def test_what_the_service_itself_raises_is_a_500_too(ask: Ask, caplog: pytest.LogCaptureFixture):
    class Early(TechMicroService):
        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                raise LookupError("early")
            await super().__call__(scope, receive, send)

    assert ask(Early(), rest()).status == 500
    [record] = warnings_and_worse(caplog)
    assert record.getMessage() == "A request was not answered"


MANGLED = [
    {"body": "no base", "isBase64Encoded": True},
    {"headers": {"host": 1}, "multiValueHeaders": None},
    {"multiValueHeaders": {"host": [1]}},
    {"httpMethod": None},
]


@pytest.mark.parametrize("change", MANGLED)
def test_an_event_that_cannot_be_read_is_a_500_too(ask: Ask, caplog: pytest.LogCaptureFixture, change):
    for event in (rest(), alb()):
        answer = ask(Echo(), {**event, **change})
        assert answer.status in (405, 500)
        assert answer.header("content-type") == "application/problem+json"


def test_system_exit_ends_the_process_and_is_no_answer(invoke: Invoke):
    class Leaving(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            raise SystemExit(3)

        @entry(no_auth=True)
        async def get_here(self):
            return "here"

    app = Leaving()
    with pytest.raises(SystemExit):
        invoke(app, rest())
    assert invoke(app, rest(path="/here"))["statusCode"] == 200


@pytest.mark.parametrize("error", [GeneratorExit(), BaseExceptionGroup("", [GeneratorExit()])])
def test_whatever_does_not_end_a_process_is_a_500(ask: Ask, caplog: pytest.LogCaptureFixture, error: BaseException):
    class Ended(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            raise error

    assert ask(Ended(), rest()).status == 500
    [record] = warnings_and_worse(caplog)
    assert record.getMessage() == "A request was not answered"


# --- cold starts


def test_nothing_runs_and_no_loop_is_made_before_the_first_event():
    """What SnapStart freezes holds no socket."""
    code = (
        "import sys, asyncio, socket\n"
        "made = []\n"
        "make = asyncio.BaseEventLoop.__init__\n"
        "asyncio.BaseEventLoop.__init__ = lambda loop: (made.append(loop), make(loop))[1]\n"
        "from tests.aws.lambdas import Echo, rest, Context\n"
        "app = Echo(); handler = app.lambda_handler\n"
        "assert made == []\n"
        "assert handler(rest(), Context())['statusCode'] == 200\n"
        "assert len(made) == 1\n"
        "assert handler(rest(), Context())['statusCode'] == 200\n"
        "assert len(made) == 1\n"
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


def test_a_request_loads_nothing_that_only_tools_and_extensions_need():
    loaded = loaded_by(REQUEST) - loaded_by("pass")
    assert "coworks_async.aws.handler" in loaded
    assert sorted(name for name in loaded if name in FORBIDDEN or name.partition(".")[0] in FORBIDDEN) == []


def test_a_function_url_is_told_from_an_http_api_by_its_domain(ask: Ask):
    # The one comes encoded, the other decoded.
    assert ask(Echo(), url(path="/50%25")).json["segments"] == ["50%"]
    assert ask(Echo(), http(path="/50%25")).json["segments"] == ["50%25"]
