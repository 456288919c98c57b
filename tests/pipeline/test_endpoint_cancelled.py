"""Awaiting a cancelled task is a failure; a request that is itself cancelled gets no response."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.routing import Route

from coworks_async import TechMicroService, entry
from tests.clients import Connect
from tests.pipeline.checks import assert_hidden_500, create_scope, warnings_and_worse
from tests.tools import PATIENCE


async def await_cancelled() -> None:
    """Await a cancelled task, as a library may after its connection was closed."""
    task = asyncio.ensure_future(asyncio.sleep(9))
    task.cancel()
    await task


class Service(TechMicroService):
    @entry(no_auth=True)
    async def get(self):
        return "whole"

    @entry(no_auth=True)
    async def get_entry(self):
        await await_cancelled()

    @entry(no_auth=True)
    async def get_stream(self):
        await await_cancelled()
        yield "never"

    @entry(no_auth=True)
    def get_sync(self):
        raise asyncio.CancelledError

    @entry(no_auth=True)
    async def get_failing(self):
        raise LookupError("the first")


PATHS = {"/entry": "Service.get_entry", "/stream": "Service.get_stream", "/sync": "Service.get_sync"}


@pytest.mark.parametrize("path", PATHS)
def test_an_entry_that_awaits_a_cancelled_task_is_a_500_logged_once_with_all_hooks(
    connect: Connect, caplog: pytest.LogCaptureFixture, path: str
):
    app, seen, ended = Service(), [], threading.Event()

    @app.after_request
    def add_header(response):
        response.headers["x-after"] = "1"
        return response

    @app.teardown_request
    def keep(error):
        seen.append(type(error))
        ended.set()

    response = connect(app).get(path)
    assert_hidden_500(response)
    assert response.headers["x-after"] == "1"
    [record] = warnings_and_worse(caplog)
    assert record.getMessage() == f"GET {path} ({PATHS[path]}) failed"
    assert "CancelledError" in caplog.text
    assert ended.wait(PATIENCE)
    assert seen == [RuntimeError]


def test_an_error_handler_handles_a_cancelled_task(connect: Connect):
    app = Service()

    @app.errorhandler(Exception)
    def sorry(error):
        return f"{type(error.__cause__).__name__}", 503

    response = connect(app).get("/entry")
    assert (response.status_code, response.text) == (503, "CancelledError")


async def before():
    await await_cancelled()


async def after(response):
    await await_cancelled()


async def handler(error):
    await await_cancelled()


@pytest.mark.parametrize(
    ("register", "path", "what"),
    [
        (lambda app: app.before_request(before), "/", "GET / (Service.get) failed"),
        (lambda app: app.after_request(after), "/", "after_request hook of GET / (Service.get) failed"),
        (
            lambda app: app.errorhandler(LookupError)(handler),
            "/failing",
            "Error handler for GET /failing (Service.get_failing) failed",
        ),
    ],
)
def test_a_hook_or_error_handler_that_awaits_a_cancelled_task_fails(
    connect: Connect, caplog: pytest.LogCaptureFixture, register: Any, path: str, what: str
):
    app = Service()
    register(app)
    assert_hidden_500(connect(app).get(path))
    [record] = warnings_and_worse(caplog)
    assert record.getMessage() == what


def test_a_teardown_hook_that_awaits_a_cancelled_task_does_not_change_the_response(
    connect: Connect, caplog: pytest.LogCaptureFixture
):
    app, ended = Service(), threading.Event()

    @app.teardown_request
    def last(error):
        ended.set()

    @app.teardown_request
    async def first(error):
        await await_cancelled()

    assert connect(app).get("/").text == "whole"
    assert ended.wait(PATIENCE)
    assert [record.getMessage() for record in warnings_and_worse(caplog)] == [
        "teardown_request hook of GET / (Service.get) failed"
    ]


class Failing:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await await_cancelled()
        await self.app(scope, receive, send)


async def plain(request: Any) -> None:
    await await_cancelled()


@pytest.mark.parametrize(
    ("path", "options"),
    [("/plain", {"routes": [Route("/plain", plain)]}), ("/", {"middleware": [Middleware(Failing)]})],
)
def test_a_plain_route_or_middleware_that_awaits_a_cancelled_task_is_a_500(
    connect: Connect, caplog: pytest.LogCaptureFixture, path: str, options: dict[str, Any]
):
    assert_hidden_500(connect(Service(**options)).get(path))
    [record] = warnings_and_worse(caplog)
    assert record.getMessage().endswith(" failed")


def waiting(wait_at: Callable[[str], Awaitable[None]]) -> TechMicroService:
    """Create a service that calls `wait_at` with the name of each step of a request."""

    class Waiting(TechMicroService):
        @entry(no_auth=True)
        async def get(self):
            await wait_at("entry")

            async def parts():
                yield "reached"
                await wait_at("stream")

            return parts()

    class Around:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await wait_at("middleware")
            await self.app(scope, receive, send)

    async def route(request: Any) -> None:
        await wait_at("route")

    app = Waiting(routes=[Route("/route", route)], middleware=[Middleware(Around)])

    @app.before_request
    async def before() -> None:
        await wait_at("before")

    @app.after_request
    async def after(response: Any) -> Any:
        await wait_at("after")
        return response

    return app


@pytest.mark.parametrize("step", ["before", "entry", "after", "stream", "route", "middleware"])
async def test_a_cancelled_request_gets_no_response_and_is_not_logged(caplog: pytest.LogCaptureFixture, step: str):
    reached, sent = asyncio.Event(), []

    async def wait_at(current: str) -> None:
        if current == step:
            reached.set()
            await asyncio.Event().wait()

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    app = waiting(wait_at)
    task = asyncio.create_task(app(create_scope(path="/route" if step == "route" else "/"), receive, send))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [message["type"] for message in sent] == (
        ["http.response.start", "http.response.body"] if step == "stream" else []
    )
    assert warnings_and_worse(caplog) == []
