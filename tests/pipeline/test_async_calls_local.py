"""Asynchronous calls under an ASGI server: tasks on the service's loop, none of which is lost unsaid."""

import asyncio
import gc
import socket
import threading
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Mount

from coworks_async import AuthorizerMiddleware, entry, request
from coworks_async.testing import TestClient
from tests.clients import in_process, on_a_socket
from tests.pipeline.jobs import EVENT, TOKEN, Jobs, Keeping, assert_accepted
from tests.tools import PATIENCE


class Waiting(Keeping):
    """Its entry ends when the test says so."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.go = threading.Event()
        self.begun = threading.Event()

    @entry(background=True, no_auth=True)
    async def get(self):
        self.begun.set()
        while not self.go.is_set():  # noqa: ASYNC110 - the test's thread sets it
            await asyncio.sleep(0.002)
        return {"state": getattr(request.state, "opened", None)}


@pytest.mark.parametrize("transport", [in_process, on_a_socket])
def test_the_202_comes_before_the_entry_has_ended(transport: Any):
    app = Waiting()
    with transport(app) as client:
        assert_accepted(client.get("/", headers=EVENT))
        assert app.begun.wait(PATIENCE)
        gc.collect()
        assert app.kept.answers == []
        app.go.set()
        assert app.kept.json == {"state": None}


@pytest.mark.parametrize("transport", [in_process, on_a_socket])
def test_the_shutdown_waits_for_the_calls_before_the_lifespan_ends(transport: Any):
    order: list[str] = []

    @asynccontextmanager
    async def lifespan(app):
        yield {"opened": "pool"}
        order.append("closed")

    class Storing(Waiting):
        async def store_response(self, response, headers):
            await super().store_response(response, headers)
            order.append("stored")

    app = Storing(lifespan=lifespan)
    with transport(app) as client:
        assert_accepted(client.get("/", headers=EVENT))
        assert app.begun.wait(PATIENCE)
        threading.Timer(0.1, app.go.set).start()
    assert order == ["stored", "closed"]
    assert app.kept.json == {"state": "pool"}


def test_a_call_whose_loop_ends_before_it_is_logged_with_its_request_id(caplog: pytest.LogCaptureFixture):
    app = Waiting()
    # Without its lifespan a test client has a loop for each request.
    request_id = assert_accepted(TestClient(app).get("/", headers=EVENT))
    assert f"The background call {request_id} of get was cancelled before its end" in caplog.messages
    assert app.kept.answers == []


def test_a_mounted_service_runs_its_own_calls_below_its_own_root():
    app = Jobs()
    with TestClient(Starlette(routes=[Mount("/shop", app)])) as client:
        assert_accepted(client.post("/shop/jobs/7", headers={**TOKEN, **EVENT}))
        assert app.kept.json["url"] == "http://testserver/shop/jobs/7"
    assert app.kept.json["own"] == "/shop/jobs/7"


def test_a_call_whose_client_leaves_in_the_midst_of_its_body_is_not_run():
    app = Jobs()
    with on_a_socket(app) as client:
        assert client.base_url.port is not None
        with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
            connection.sendall(
                b"POST /jobs/7 HTTP/1.1\r\nHost: test\r\nAuthorization: s3cr3t\r\nInvocationType: Event\r\n"
                b"Content-Length: 20\r\n\r\n{"
            )
        assert client.get("/plain").text == "plain"
    assert app.kept.answers == []


def test_middleware_runs_at_the_202_and_again_with_the_entry():
    class Counting:
        def __init__(self, app, calls):
            self.app = app
            self.calls = calls

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                self.calls.append(scope["path"])
                scope["state"] = {"opened": len(self.calls)}
            await self.app(scope, receive, send)

    calls: list[str] = []
    app = Waiting(middleware=[Middleware(Counting, calls=calls)])
    app.go.set()
    with TestClient(app) as client:
        assert_accepted(client.get("/", headers=EVENT))
        assert app.kept.json == {"state": 2}
    assert calls == ["/", "/"]


def test_what_fails_around_the_entry_is_logged_with_the_request_id_and_kept_as_a_problem(
    caplog: pytest.LogCaptureFixture,
):
    class Failing(AuthorizerMiddleware):
        async def __call__(self, scope, receive, send):
            if "s3cr3t" in str(scope["headers"]):
                return await super().__call__(scope, receive, send)
            raise LookupError("no longer")

    class Guarded(Jobs):
        authorizer_middleware = Failing

    app = Guarded()
    with TestClient(app) as client:
        request_id = assert_accepted(client.post("/jobs/7", headers={**TOKEN, **EVENT}))
        assert app.kept.json == {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert f"The background call {request_id} of post_jobs failed" in caplog.messages
    assert "LookupError: no longer" in caplog.text


def test_a_middleware_that_fails_behind_a_whole_answer_leaves_it_as_it_is(caplog: pytest.LogCaptureFixture):
    class FailingLate:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await self.app(scope, receive, send)
            if scope["type"] == "http" and "invocationtype" not in str(scope["headers"]):
                raise LookupError("too late")

    app = Jobs(middleware=[Middleware(FailingLate)])
    with TestClient(app) as client:
        assert_accepted(client.get("/open", headers=EVENT))
    assert [response.status_code for response, _ in app.kept.answers] == [200]
    assert "LookupError: too late" in caplog.text


def test_what_another_middleware_tells_of_the_client_of_an_open_entry_is_told_again():
    class Knowing:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            # No JSON, as Starlette's AuthCredentials are none.
            await self.app({**scope, "auth": {"scopes", "authenticated"}}, receive, send)

    class Open(Keeping):
        @entry(background=True, no_auth=True)
        async def get(self):
            return sorted(request.auth or ())

    app = Open(middleware=[Middleware(Knowing)])
    with TestClient(app) as client:
        assert_accepted(client.get("/", headers=EVENT))
        assert app.kept.json == ["authenticated", "scopes"]


def test_an_answer_that_waits_for_its_client_to_leave_ends_when_it_is_whole():
    class Staying(Response):
        async def __call__(self, scope, receive, send):
            await super().__call__(scope, receive, send)
            assert (await receive())["type"] == "http.request"
            assert (await receive())["type"] == "http.disconnect"
            left.set()

    class Service(Keeping):
        @entry(background=True, no_auth=True)
        async def get(self):
            return Staying(b"whole")

    left = threading.Event()
    app = Service()
    with TestClient(app) as client:
        assert_accepted(client.get("/", headers=EVENT))
        assert app.kept.response.body == b"whole"
    assert left.is_set()
