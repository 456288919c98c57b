"""Asynchronous calls under an ASGI server: tasks on the service's event loop. None is lost without a log entry."""

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
from tests.pipeline.async_services import EVENT, TOKEN, Jobs, StoringService, Waiting, assert_accepted
from tests.tools import PATIENCE


@pytest.mark.parametrize("transport", [in_process, on_a_socket])
def test_the_202_is_sent_before_the_entry_has_ended(transport: Any):
    app = Waiting()
    with transport(app) as client:
        assert_accepted(client.get("/", headers=EVENT))
        assert app.started.wait(PATIENCE)
        gc.collect()
        assert app.stored.items == []
        app.may_end.set()
        assert app.stored.json == {"state": None}


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
        assert app.started.wait(PATIENCE)
        threading.Timer(0.1, app.may_end.set).start()
    assert order == ["stored", "closed"]
    assert app.stored.json == {"state": "pool"}


def test_a_call_cancelled_with_its_event_loop_is_logged_with_its_request_id(caplog: pytest.LogCaptureFixture):
    app = Waiting()
    # Without a lifespan, a test client uses one event loop per request.
    request_id = assert_accepted(TestClient(app).get("/", headers=EVENT))
    assert f"Asynchronous call {request_id} of get was cancelled" in caplog.messages
    assert app.stored.items == []


def test_a_service_mounted_in_a_starlette_app_runs_its_calls_below_its_root():
    app = Jobs()
    with TestClient(Starlette(routes=[Mount("/shop", app)])) as client:
        assert_accepted(client.post("/shop/jobs/7", headers={**TOKEN, **EVENT}))
        assert app.stored.json["url"] == "http://testserver/shop/jobs/7"
    assert app.stored.json["own"] == "/shop/jobs/7"


def test_a_call_whose_client_disconnects_during_the_body_does_not_run():
    app = Jobs()
    with on_a_socket(app) as client:
        assert client.base_url.port is not None
        with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
            connection.sendall(
                b"POST /jobs/7 HTTP/1.1\r\nHost: test\r\nAuthorization: s3cr3t\r\nInvocationType: Event\r\n"
                b"Content-Length: 20\r\n\r\n{"
            )
        assert client.get("/plain").text == "plain"
    assert app.stored.items == []


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
    app.may_end.set()
    with TestClient(app) as client:
        assert_accepted(client.get("/", headers=EVENT))
        assert app.stored.json == {"state": 2}
    assert calls == ["/", "/"]


def test_a_failure_of_the_authorizer_middleware_is_logged_with_the_request_id_and_stored_as_a_problem(
    caplog: pytest.LogCaptureFixture,
):
    class Failing(AuthorizerMiddleware):
        async def __call__(self, scope, receive, send):
            if "s3cr3t" in str(scope["headers"]):
                return await super().__call__(scope, receive, send)
            raise LookupError("no longer")

    class Protected(Jobs):
        authorizer_middleware = Failing

    app = Protected()
    with TestClient(app) as client:
        request_id = assert_accepted(client.post("/jobs/7", headers={**TOKEN, **EVENT}))
        assert app.stored.json == {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert f"Asynchronous call {request_id} of post_jobs returned status 500" in caplog.messages
    assert "LookupError: no longer" in caplog.text


def test_a_failure_of_an_overridden_call_is_logged_with_the_request_id_and_stored_as_a_problem(
    caplog: pytest.LogCaptureFixture,
):
    class Overridden(Jobs):
        async def __call__(self, scope, receive, send):
            if scope["type"] == "http" and "invocationtype" not in str(scope["headers"]):
                raise LookupError("outermost")
            await super().__call__(scope, receive, send)

    app = Overridden()
    with TestClient(app) as client:
        request_id = assert_accepted(client.get("/open", headers=EVENT))
        assert app.stored.json == {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert f"Asynchronous call {request_id} of get_open failed" in caplog.messages
    assert "LookupError: outermost" in caplog.text


def test_a_middleware_that_fails_after_a_complete_response_does_not_change_it(caplog: pytest.LogCaptureFixture):
    class LateFailure:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await self.app(scope, receive, send)
            if scope["type"] == "http" and "invocationtype" not in str(scope["headers"]):
                raise LookupError("too late")

    app = Jobs(middleware=[Middleware(LateFailure)])
    with TestClient(app) as client:
        assert_accepted(client.get("/open", headers=EVENT))
    assert [response.status_code for response, _ in app.stored.items] == [200]
    assert "LookupError: too late" in caplog.text


def test_auth_set_by_a_middleware_for_an_entry_without_a_token_is_set_again():
    class AuthMiddleware:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            # Not JSON, as Starlette's AuthCredentials.
            await self.app({**scope, "auth": {"scopes", "authenticated"}}, receive, send)

    class Open(StoringService):
        @entry(background=True, no_auth=True)
        async def get(self):
            return sorted(request.auth or ())

    app = Open(middleware=[Middleware(AuthMiddleware)])
    with TestClient(app) as client:
        assert_accepted(client.get("/", headers=EVENT))
        assert app.stored.json == ["authenticated", "scopes"]


def test_a_response_that_waits_for_a_disconnect_ends_once_it_is_complete():
    class WaitingResponse(Response):
        async def __call__(self, scope, receive, send):
            await super().__call__(scope, receive, send)
            assert (await receive())["type"] == "http.request"
            assert (await receive())["type"] == "http.disconnect"
            disconnected.set()

    class Service(StoringService):
        @entry(background=True, no_auth=True)
        async def get(self):
            return WaitingResponse(b"complete")

    disconnected = threading.Event()
    app = Service()
    with TestClient(app) as client:
        assert_accepted(client.get("/", headers=EVENT))
        assert app.stored.response.body == b"complete"
    assert disconnected.is_set()
